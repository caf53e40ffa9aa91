import { withDeadline } from '../shared/bounds.ts';
import { ServiceError } from '../shared/serviceError.ts';
import type { GraphHandler } from './request.ts';

/** How long the result of a check is reused, so that frequent probes cause no load on the dependencies. */
export const CHECK_INTERVAL_MS = 5000;

const CHECK_DEADLINE_MS = 3000;
const WARM_UP_DEADLINE_MS = 10_000;

/** Requests something of a dependency: resolves when it responds, and rejects when `signal` is aborted. */
export type Dependency = (signal: AbortSignal) => Promise<unknown>;

/** `GET /health/live`: 200 as long as the process runs. */
export const live: GraphHandler = async () => healthy('live');

/** `GET /health/ready`: 200 when each dependency responds, otherwise 503; only the log names the one that does not. */
export function createReady(dependencies: readonly Dependency[], now: () => number = Date.now): GraphHandler {
  let last: { readonly until: number; readonly check: Promise<unknown> } | undefined;

  return async () => {
    if (!last || now() >= last.until) last = { until: now() + CHECK_INTERVAL_MS, check: check() };
    await last.check;
    return healthy('ready');
  };

  async function check() {
    try {
      await withDeadline(CHECK_DEADLINE_MS, (signal) => Promise.all(dependencies.map((respond) => respond(signal))));
    } catch (cause) {
      throw new ServiceError('unavailable', 'The service is not ready.', { cause });
    }
  }
}

function healthy(status: string) {
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: { status } };
}

/**
 * Uses each dependency once, so that the first request finds keys, connections and the identity's token. Nothing waits
 * for it, and a failure is not an error: the request tries again.
 */
export function warmUp(dependencies: readonly Dependency[]): void {
  for (const respond of dependencies) void withDeadline(WARM_UP_DEADLINE_MS, respond).catch(() => {});
}
