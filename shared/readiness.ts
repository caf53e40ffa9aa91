import { withDeadline } from './deadline.ts';
import { ServiceError } from './serviceError.ts';

/** How long the result of a check is reused, so that frequent probes cause no load on the dependencies. */
export const CHECK_INTERVAL_MS = 5000;

const CHECK_DEADLINE_MS = 3000;

/**
 * Checks that the dependencies of the service respond.
 *
 * @throws ServiceError `unavailable` when one of them does not; only the log names it
 */
export type CheckReadiness = () => Promise<void>;

/** Requests something of a dependency: resolves when it responds, and rejects when `signal` is aborted. */
export type Dependency = (signal: AbortSignal) => Promise<unknown>;

const WARM_UP_DEADLINE_MS = 10_000;

/**
 * Uses each dependency once, so that the first request finds keys, connections and the identity's token. Nothing waits
 * for it, and a failure is not an error: the request tries again.
 */
export function warmUp(dependencies: readonly Dependency[]): void {
  for (const respond of dependencies) void withDeadline(WARM_UP_DEADLINE_MS, respond).catch(() => {});
}

export function createCheckReadiness(
  dependencies: readonly Dependency[],
  now: () => number = Date.now,
): CheckReadiness {
  let last: { readonly until: number; readonly check: Promise<void> } | undefined;

  return () => {
    if (!last || now() >= last.until) last = { until: now() + CHECK_INTERVAL_MS, check: check() };
    return last.check;
  };

  async function check() {
    try {
      await withDeadline(CHECK_DEADLINE_MS, (signal) => Promise.all(dependencies.map((respond) => respond(signal))));
    } catch (cause) {
      throw new ServiceError('unavailable', 'The service is not ready.', { cause });
    }
  }
}
