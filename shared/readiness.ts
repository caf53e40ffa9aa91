import { withDeadline } from './deadline.ts';
import { GraphError } from './graphError.ts';

/** How long the answer is remembered, whatever it is: so often, however many ask, is what the service needs asked. */
export const REMEMBERED_FOR_MS = 5000;

/** How long what the service needs may take to answer. */
const DEADLINE_MS = 3000;

/**
 * Looks whether the service can serve.
 *
 * @throws GraphError 503 when something that it needs does not answer; which of it only the log is told
 */
export type CheckReady = () => Promise<void>;

/** Makes the look at whether all that the service needs answers; each of `needs` is given up when its signal is aborted. */
export function createCheckReady(
  needs: readonly ((signal: AbortSignal) => Promise<unknown>)[],
  now: () => number = Date.now,
): CheckReady {
  let last: { readonly until: number; readonly check: Promise<void> } | undefined;

  return () => {
    if (!last || now() >= last.until) last = { until: now() + REMEMBERED_FOR_MS, check: check() };
    return last.check;
  };

  async function check() {
    try {
      await withDeadline(DEADLINE_MS, (signal) => Promise.all(needs.map((need) => need(signal))));
    } catch (cause) {
      throw new GraphError('unavailable', 'The service is not ready.', { cause });
    }
  }
}
