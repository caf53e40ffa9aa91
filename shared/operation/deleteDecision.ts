import { ServiceError } from '../serviceError.ts';
import { type Attempt, exhausted, failure } from './attempt.ts';
import type { Outcome } from './changeListener.ts';
import { failedPrecondition, type Preconditions } from './preconditions.ts';
import { isSuccessor, KEPT_WRITES, type RemovableVersion, type StoredVersion } from './repository.ts';

export type DeleteDecision =
  | { readonly step: 'remove'; readonly base: RemovableVersion }
  | { readonly step: 'done'; readonly outcome: Outcome }
  | ReturnType<typeof failure>;

/** Decides the next step of a deletion, by what the store has now and the attempts to remove that failed. */
export function decideDelete(
  preconditions: Preconditions,
  current: RemovableVersion | undefined,
  attempts: readonly Attempt<RemovableVersion>[],
): DeleteDecision {
  // The operation existed, its removal was attempted, and now it is gone, or another one.
  const gone = attempts.filter(({ base }) => !current || isAnother(current, base));
  if (gone.some(({ cause }) => cause)) return { step: 'done', outcome: 'written' };
  // After a conflict, the removal may be our own, repeated by a proxy, or another caller's.
  if (!current) return failure(new ServiceError('notFound'), gone.length > 0 ? 'written' : 'refused');

  const doubtful = attempts.filter(({ base }) => !isSuccessor(current, base));
  const lost = doubtful.find(({ cause }) => cause)?.cause;
  const error = lost ?? failedPrecondition(preconditions, current.etag) ?? exhausted(attempts);
  if (error) return failure(error, doubtful.length > 0 ? 'unknown' : 'refused');
  return { step: 'remove', base: current };
}

/** Whether `current` was certainly created after `base`, which has the same id, was removed. */
function isAnother(current: StoredVersion, base: StoredVersion) {
  return current.writes.length < KEPT_WRITES && !isSuccessor(current, base);
}
