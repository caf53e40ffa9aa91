import { isDeepStrictEqual } from 'node:util';
import { ServiceError } from '../serviceError.ts';
import type { Attempt } from './attempt.ts';
import { MAX_ATTEMPTS } from './backoff.ts';
import type { ChangeType } from './changeListener.ts';
import {
  applyPatch,
  newPlayPromptOperation,
  type OperationVersion,
  type PlayPromptOperation,
  type PlayPromptOperationPatch,
} from './playPromptOperation.ts';
import { failedPrecondition, type Preconditions } from './preconditions.ts';
import { findRepetition, nextHistory, type RepeatableHistory, type RepeatableRequest } from './repeatability.ts';
import { isSuccessor, KEPT_WRITES, type StoredOperation } from './repository.ts';

/** A valid patch of one operation, and the conditions under which it applies. */
export interface UpdateRequest {
  readonly id: string;
  readonly patch: PlayPromptOperationPatch;
  readonly preconditions: Preconditions;
  readonly repeatable?: RepeatableRequest | undefined;
}

/** What an update knows before it decides. */
export interface UpdateKnowledge {
  readonly current: StoredOperation | undefined;
  /** Whether `current` is what the cache has: the store may have anything else. */
  readonly isCached: boolean;
  /** The attempts to write that failed, under the id `writeId`. */
  readonly attempts: readonly Attempt<StoredOperation | undefined>[];
  readonly writeId: string;
  readonly now: number;
}

/** A write on top of `current`. Without a `changeType` it only records the request. */
export interface Write {
  readonly step: 'write';
  readonly next: PlayPromptOperation;
  readonly changeType: ChangeType | undefined;
  readonly history: RepeatableHistory | undefined;
}

/** `isWritten`: an attempt took effect, although it seemed to fail. */
export type UpdateDecision =
  | Write
  | { readonly step: 'read' }
  | { readonly step: 'answer'; readonly version: OperationVersion; readonly isWritten: boolean }
  | { readonly step: 'fail'; readonly error: unknown };

/**
 * Decides the next step of an update. The first write is conditional on the cached version, or on absence if the request
 * may only create: it fails if the store has anything else. The cache decides nothing else, except the first response to a
 * repeatable request.
 *
 * @throws ServiceError `repetitionDiffers`
 */
export function decideUpdate(
  { id, patch, preconditions, repeatable }: UpdateRequest,
  { current, isCached, attempts, writeId, now }: UpdateKnowledge,
): UpdateDecision {
  const repetition = repeatable ? findRepetition(current, repeatable) : NOT_REPEATED;
  const lost = attempts.find(({ cause }) => cause);
  if (lost && current && (current.writes.includes(writeId) || repetition.isRepeated)) {
    return answer(repetition.response ?? current, true);
  }
  if (repetition.response) return answer(repetition.response);

  const failed = failedPrecondition(preconditions, current?.etag);
  const next = applyPatch(current?.operation ?? newPlayPromptOperation(id), patch);
  const isSame = current !== undefined && isDeepStrictEqual(next, current.operation);
  const isUnchanged = isSame && !repeatable;
  if (isCached) {
    const isPresumed = current !== undefined || preconditions.ifNoneMatch === '*';
    if (!isPresumed || repetition.isRepeated || repetition.isInDoubt || failed || isUnchanged) return { step: 'read' };
  }
  // The first response is not kept any more: the store's version takes its place.
  if (repetition.isRepeated && current) return answer(current);
  if (lost && isOutcomeUnknown(lost.base, current)) return fail(lost.cause);
  if (repetition.isInDoubt) return fail(new ServiceError('repetitionUnknown'));
  if (failed) return fail(failed);
  if (isUnchanged) return answer(current);
  if (attempts.length >= MAX_ATTEMPTS) return fail(lost?.cause ?? new ServiceError('conflict'));
  const changeType = current ? 'updated' : 'created';
  return {
    step: 'write',
    next,
    changeType: isSame ? undefined : changeType,
    history: nextHistory(current, repeatable, now),
  };
}

const NOT_REPEATED = { isRepeated: false, response: undefined, isInDoubt: false };

const answer = (version: OperationVersion, isWritten = false) => ({ step: 'answer', version, isWritten }) as const;
const fail = (error: unknown) => ({ step: 'fail', error }) as const;

/**
 * Whether the id of a write that was attempted on `base` could be gone although the write took effect: after more writes
 * than an operation keeps, or after a removal. A create whose operation was removed since is made again.
 */
function isOutcomeUnknown(base: StoredOperation | undefined, current: StoredOperation | undefined) {
  if (base === undefined) return current?.writes.length === KEPT_WRITES;
  return current === undefined || !isSuccessor(current, base);
}
