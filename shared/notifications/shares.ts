/**
 * A limited resource that holders share, such as places or bytes. No holder gets more than it leaves free, so that a newcomer
 * finds room however much the others want; a single holder gets half. Choudhury and Hahne, "Dynamic queue length thresholds
 * for shared-memory packet switches", 1998.
 */
export class Shares {
  readonly #held = new Map<string, number>();
  #left: number;

  constructor(all: number) {
    this.#left = all;
  }

  hasRoom(holder: string, amount = 1): boolean {
    const left = this.#left - amount;
    const held = this.#held.get(holder);
    // The last ones left go to those that hold nothing yet.
    return left >= 0 && (held === undefined || held + amount <= left);
  }

  /** Takes some of it; false, and nothing is taken, when there is no room. */
  take(holder: string, amount = 1): boolean {
    if (!this.hasRoom(holder, amount)) return false;
    this.#left -= amount;
    this.#held.set(holder, (this.#held.get(holder) ?? 0) + amount);
    return true;
  }

  release(holder: string, amount = 1): void {
    const held = (this.#held.get(holder) ?? 0) - amount;
    this.#left += amount;
    if (held > 0) this.#held.set(holder, held);
    else this.#held.delete(holder);
  }

  get isUnused(): boolean {
    return this.#held.size === 0;
  }
}
