import { isDeepStrictEqual } from 'node:util';
import { metrics } from '@opentelemetry/api';
import { isUnavailable, ServiceError } from '../serviceError.ts';
import { SCOPE, withChildSpan } from '../tracing.ts';
import { backoff, CONFLICT_BACKOFF, FAILURE_BACKOFF, MAX_ATTEMPTS } from './backoff.ts';
import { type ChangeListener, type ListenToChange, withListener } from './changeListener.ts';
import { createKeyedMutex } from './keyedMutex.ts';
import {
  applyPatch,
  newPlayPromptOperation,
  type OperationVersion,
  type PlayPromptOperationPatch,
} from './playPromptOperation.ts';
import { failedPrecondition, type Preconditions } from './preconditions.ts';
import { findRepetition, nextHistory, type RepeatableRequest } from './repeatability.ts';
import { isSuccessor, KEPT_WRITES, newWriteId, type OperationRepository, type StoredOperation } from './repository.ts';

/** A valid request to change one operation. */
export interface PatchRequest {
  readonly id: string;
  readonly patch: PlayPromptOperationPatch;
}

/**
 * Merges a patch into the stored operation, creates the operation if there is none, and stores the result unless the
 * patch changes nothing. Concurrent updates of different properties all survive. A repeatable request that was done
 * before returns its first answer; one that changes nothing is stored too, since it must not change anything later.
 *
 * @throws ServiceError with an `OperationFailure`, or `unavailable` when the store cannot serve before `signal` is aborted:
 * the update may then have taken effect
 */
export type UpdateOperation = (
  tenant: string,
  request: PatchRequest,
  preconditions: Preconditions,
  signal: AbortSignal,
  repeatable?: RepeatableRequest,
) => Promise<OperationVersion>;

/** Makes the update of operations in a repository. An instance runs the updates of one operation one after the other. */
export function createUpdateOperation(
  operations: Repository,
  now: () => number = Date.now,
  listen?: ListenToChange,
): UpdateOperation {
  const mutex = createKeyedMutex();
  const meter = metrics.getMeter(SCOPE);
  const updates = meter.createCounter('playpromptoperation.updates', {
    description: 'Updates that succeeded, by the status that the operation has now.',
  });
  const retries = meter.createCounter('playpromptoperation.update.retries', {
    description: 'Attempts to update that had to be made again, by cause.',
  });

  return (tenant, request, preconditions, signal, repeatable) =>
    withChildSpan('update', async () => {
      const writeId = newWriteId();
      const listener = listen?.(tenant, request.id, writeId);
      const onRetry = (cause: RetryCause) => retries.add(1, { cause });
      const writer = { operations, now, writeId, listener, onRetry };
      const updated = await mutex(`${tenant}/${request.id}`, signal, () =>
        withListener(listener, () => update(writer, tenant, request, preconditions, signal, repeatable)),
      );
      updates.add(1, { status: updated.operation.status });
      return updated;
    });
}

type Repository = Pick<OperationRepository, 'getCached' | 'get' | 'put'>;

/** Why an update is attempted again: the cached operation was stale, others changed the operation, or the store failed. */
type RetryCause = 'stale' | 'conflict' | 'unavailable';

/** What one update works with. */
interface Writer {
  readonly operations: Repository;
  readonly now: () => number;
  readonly writeId: string;
  readonly listener: ChangeListener | undefined;
  readonly onRetry: (cause: RetryCause) => void;
}

async function update(
  { operations, now, writeId, listener, onRetry }: Writer,
  tenant: string,
  { id, patch }: PatchRequest,
  preconditions: Preconditions,
  signal: AbortSignal,
  repeatable: RepeatableRequest | undefined,
): Promise<OperationVersion> {
  const cached = operations.getCached(tenant, id);
  let ambiguous: { base: StoredOperation | undefined; cause: unknown } | undefined;

  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    // The first write is conditional on the cached version, or on absence where it may only create: it fails if the
    // store has anything else. The cache decides nothing else, but for what a repeatable request returned before.
    const isCached = attempt === 0 && (cached !== undefined || preconditions.ifNoneMatch === '*');
    const current = isCached ? cached : await operations.get(tenant, id, signal);
    const repetition = repeatable ? findRepetition(current, repeatable) : NOT_REPEATED;
    // An earlier attempt took effect, although its response was lost.
    if (ambiguous && current && (current.writes.includes(writeId) || repetition.isRepeated)) {
      listener?.afterWrite(current, 'unknown');
      return repetition.response ?? current;
    }
    if (repetition.response) return repetition.response;
    // The first response is not kept any more: the store's version takes its place.
    if (repetition.isRepeated && current && !isCached) return current;
    if (ambiguous && isOutcomeUnknown(ambiguous.base, current)) throw ambiguous.cause;

    const failed = failedPrecondition(preconditions, current?.etag);
    const next = applyPatch(current?.operation ?? newPlayPromptOperation(id), patch);
    const isSame = current !== undefined && isDeepStrictEqual(next, current.operation);
    const isUnchanged = isSame && !repeatable;
    if (isCached && (repetition.isRepeated || repetition.isInDoubt || failed || isUnchanged)) continue;
    if (repetition.isInDoubt) throw new ServiceError('repetitionUnknown');
    if (failed) throw failed;
    if (isUnchanged) return current;

    try {
      const history = nextHistory(current, repeatable, now());
      const changeType = current ? 'updated' : 'created';
      // A repeatable update is recorded although it changes nothing, which nobody is notified of.
      if (!isSame) await listener?.beforeWrite({ changeType, operation: next, replaces: current?.writes[0] }, signal);
      const stored = await operations.put(tenant, next, current, writeId, signal, history);
      if (stored) {
        if (!isSame) listener?.afterWrite(stored);
        return stored;
      }
      onRetry(isCached ? 'stale' : 'conflict');
      if (!isCached) await backoff(attempt, CONFLICT_BACKOFF, signal);
    } catch (cause) {
      if (!isUnavailable(cause) || signal.aborted) throw cause;
      ambiguous ??= { base: current, cause };
      onRetry('unavailable');
      await backoff(attempt, FAILURE_BACKOFF, signal);
    }
  }
  if (ambiguous) throw ambiguous.cause;
  throw new ServiceError('conflict');
}

const NOT_REPEATED = { isRepeated: false, response: undefined, isInDoubt: false };

/**
 * Whether the id of a write that was attempted on `base` could be gone although the write took effect: after more writes
 * than an operation keeps, or after a removal. A create whose operation was removed since is made again.
 */
function isOutcomeUnknown(base: StoredOperation | undefined, current: StoredOperation | undefined) {
  if (base === undefined) return current?.writes.length === KEPT_WRITES;
  return current === undefined || !isSuccessor(current, base);
}
