import { ServiceError } from '../serviceError.ts';
import { type Attempt, exhausted, failure } from './attempt.ts';
import type { ChangeType, Outcome } from './changeListener.ts';
import {
  applyPatch,
  finalStatuses,
  isSameOperation,
  newPlayPromptOperation,
  type OperationVersion,
  type PlayPromptOperation,
  type PlayPromptOperationPatch,
  withTimes,
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
  /** Whether an operation that has ended keeps its status. */
  readonly keepsFinalStatus: boolean;
}

/** A write on top of `current`. Without a `changeType` it only records the request. */
export interface Write {
  readonly step: 'write';
  readonly next: PlayPromptOperation;
  readonly changeType: ChangeType | undefined;
  readonly history: RepeatableHistory | undefined;
  readonly outcome: Outcome;
}

/** `outcome` is that of the attempts so far. */
export type UpdateDecision =
  | Write
  | { readonly step: 'read' }
  | { readonly step: 'answer'; readonly version: OperationVersion; readonly outcome: Outcome }
  | ReturnType<typeof failure>;

/**
 * Decides the next step of an update. The first write is conditional on the cached version, or on absence if the request
 * may only create: it fails if the store has anything else. The cache decides nothing else, except the first response to a
 * repeatable request. An attempt that met a conflict may have taken effect as well: a proxy, or the store, may have made it
 * twice.
 */
export function decideUpdate(
  { id, patch, preconditions, repeatable }: UpdateRequest,
  { current, isCached, attempts, writeId, now, keepsFinalStatus }: UpdateKnowledge,
): UpdateDecision {
  const repetition = findRepetition(current, repeatable);
  if (attempts.length > 0 && current?.writes.includes(writeId)) {
    return { step: 'answer', version: repetition.response ?? current, outcome: 'written' };
  }
  const isFull = current?.writes.length === KEPT_WRITES;
  const isUnknown = isFull && attempts.some(({ base }) => !isSuccessor(current, base));
  const outcome = isUnknown ? 'unknown' : 'refused';
  if (repetition.response) return { step: 'answer', version: repetition.response, outcome };

  const patched = applyPatch(current?.operation ?? newPlayPromptOperation(id), patch);
  const failed =
    repetition.refusal ??
    failedPrecondition(preconditions, current?.etag) ??
    (keepsFinalStatus && current ? statusConflict(current.operation, patched) : undefined);
  const isSame = current !== undefined && isSameOperation(patched, current.operation);
  const isUnchanged = isSame && !repeatable;
  if (isCached) {
    const isPresumed = current !== undefined || preconditions.ifNoneMatch === '*';
    if (!isPresumed || repetition.isRepeated || failed || isUnchanged) return { step: 'read' };
  }
  // The first response is not kept any more: the store's version takes its place.
  if (repetition.isRepeated && current) return { step: 'answer', version: current, outcome };
  const lost = attempts.find(({ base, cause }) => cause && isLost(base, current))?.cause;
  const refusal = lost ?? failed ?? (isUnchanged ? undefined : exhausted(attempts));
  if (refusal) return failure(refusal, outcome);
  if (isUnchanged) return { step: 'answer', version: current, outcome };
  const changeType = current ? 'updated' : 'created';
  const history = nextHistory(current, repeatable, now);
  const next = isSame ? patched : withTimes(patched, current?.operation, now);
  return { step: 'write', next, changeType: isSame ? undefined : changeType, history, outcome };
}

/** The error of a change to the status of an operation that has ended; undefined if there is none. */
function statusConflict({ status }: PlayPromptOperation, next: PlayPromptOperation): ServiceError | undefined {
  if (next.status === status || !finalStatuses.some((final) => final === status)) return undefined;
  const wayOut = 'Use another id, or delete the operation first.';
  return new ServiceError('statusFinal', `The operation is ${status}, and keeps this status. ${wayOut}`);
}

/**
 * Whether the id of a write that was attempted on `base` could be gone although the write took effect: after more writes
 * than an operation keeps, or after a removal. A create whose operation was removed since is made again.
 */
const isLost = (base: StoredOperation | undefined, current: StoredOperation | undefined) =>
  current ? !isSuccessor(current, base) : base !== undefined;
