import { ServiceError } from '../serviceError.ts';
import type { Attempt } from './attempt.ts';
import { MAX_ATTEMPTS } from './backoff.ts';
import { failedPrecondition, type Preconditions } from './preconditions.ts';
import { isSuccessor, KEPT_WRITES, type RemovableVersion, type StoredVersion } from './repository.ts';

export type DeleteDecision =
  | { readonly step: 'remove'; readonly base: RemovableVersion }
  | { readonly step: 'done' }
  | { readonly step: 'fail'; readonly error: ServiceError };

/** Decides the next step of a deletion, by what the store has now and the attempts to remove that failed. */
export function decideDelete(
  preconditions: Preconditions,
  current: RemovableVersion | undefined,
  attempts: readonly Attempt<RemovableVersion>[],
): DeleteDecision {
  const lost = attempts.find(({ cause }) => cause);
  if (lost?.cause && current?.etag !== lost.base.etag) {
    // The operation existed, its removal was attempted, and now it is gone.
    if (!current || isAnother(current, lost.base)) return { step: 'done' };
    if (!isSuccessor(current, lost.base)) return { step: 'fail', error: lost.cause };
  }
  if (!current) return { step: 'fail', error: new ServiceError('notFound') };
  const failed = failedPrecondition(preconditions, current.etag);
  if (failed) return { step: 'fail', error: failed };
  if (attempts.length < MAX_ATTEMPTS) return { step: 'remove', base: current };
  return { step: 'fail', error: lost?.cause ?? new ServiceError('conflict') };
}

/** Whether `current` was certainly created after `base`, which has the same id, was removed. */
function isAnother(current: StoredVersion, base: StoredVersion) {
  return current.writes.length < KEPT_WRITES && !isSuccessor(current, base);
}
