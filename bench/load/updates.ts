import type { OperationPatch } from '../peers/parts/operation.ts';

/** One update: it sets the message of an operation. */
export interface Update {
  readonly id: string;
  readonly message: string;
}

export function operationIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `operation-${index}`);
}

/** The body of a PATCH, as a media worker would send it. */
export function bodyOf({ id, message }: Update) {
  return {
    '@odata.type': '#microsoft.graph.playPromptOperation',
    clientContext: `the call of ${id}`,
    resultInfo: { '@odata.type': 'microsoft.graph.resultInfo', code: 200, subcode: 0, message },
    status: 'Running',
    completionReason: 'completedSuccessfully',
  } as const satisfies OperationPatch;
}

let updates = 0;

/** Updates that each change something, of one operation after the other. */
export function updatesOf(operations: readonly string[]): () => Update {
  let turn = 0;
  return () => ({
    id: operations[turn++ % operations.length] ?? '',
    message: `update ${updates++}: the prompt is being played to all participants.`,
  });
}

interface Sent extends Update {
  readonly sent: number;
  /** When it was acknowledged, if it was. */
  acknowledged?: number;
}

/** Knows what may be stored after updates some of which ran at the same time, or were not acknowledged. */
export class Ledger {
  readonly #updates = new Map<string, Sent[]>();
  #clock = 0;

  /** @returns what to call when the update is acknowledged */
  sent(update: Update): () => void {
    const entry: Sent = { ...update, sent: this.#clock++ };
    this.#updates.set(update.id, [...(this.#updates.get(update.id) ?? []), entry]);
    return () => {
      entry.acknowledged = this.#clock++;
      // Every update that was acknowledged before this one was sent has been overwritten.
      const possible = (this.#updates.get(update.id) ?? []).filter(
        ({ acknowledged = Number.POSITIVE_INFINITY }) => acknowledged >= entry.sent,
      );
      this.#updates.set(update.id, possible);
    };
  }

  /** The operations whose stored message is not one that may be there. */
  lost(stored: ReadonlyMap<string, string>): string[] {
    return [...this.#updates]
      .filter(([id, possible]) => !possible.some(({ message }) => message === stored.get(id)))
      .map(([id]) => id);
  }
}
