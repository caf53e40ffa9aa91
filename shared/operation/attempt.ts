import { isUnavailable, ServiceError } from '../serviceError.ts';
import { backoff, CONFLICT_BACKOFF, FAILURE_BACKOFF, MAX_ATTEMPTS, type Sleep } from './backoff.ts';
import type { Outcome } from './changeListener.ts';

/** A failed attempt to change the version `base`. With `cause`, an error that hides the outcome, it may have taken effect. */
export interface Attempt<Base> {
  readonly base: Base;
  readonly cause?: ServiceError;
}

/** The end of a change that fails. After `unavailable` it may have taken effect, whatever else is known of its attempts. */
export const failure = (error: ServiceError, outcome: Outcome) =>
  ({ step: 'fail', error, outcome: isUnavailable(error) ? 'unknown' : outcome }) as const;

/** Why a change fails that was attempted often enough; undefined if it may be attempted again. */
export function exhausted(attempts: readonly Attempt<unknown>[]): ServiceError | undefined {
  if (attempts.length < MAX_ATTEMPTS) return undefined;
  return attempts.find(({ cause }) => cause)?.cause ?? new ServiceError('conflict');
}

/**
 * Attempts to change the version `base`. An attempt that fails, but may be made again, is added to `attempts`, and returns
 * undefined after a backoff; there is none where `base` was read from the cache.
 */
export async function attempt<Base, Result>(
  attempts: Attempt<Base>[],
  base: Base,
  change: () => Promise<Result | undefined>,
  signal: AbortSignal,
  sleep: Sleep | undefined,
  isCached = false,
): Promise<Result | undefined> {
  try {
    const changed = await change();
    if (changed) return changed;
    attempts.push({ base });
    if (!isCached) await backoff(attempts.length - 1, CONFLICT_BACKOFF, signal, sleep);
  } catch (cause) {
    if (!isUnavailable(cause) || signal.aborted) throw cause;
    attempts.push({ base, cause });
    await backoff(attempts.length - 1, FAILURE_BACKOFF, signal, sleep);
  }
  return undefined;
}
