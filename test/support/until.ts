import { setTimeout as delay } from 'node:timers/promises';

/** Waits until something holds. A test that was given up does not keep its process alive. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(5, undefined, { ref: false });
}
