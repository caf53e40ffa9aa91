import { isUnavailable, ServiceError } from '../serviceError.ts';
import { backoff, CONFLICT_BACKOFF, FAILURE_BACKOFF, MAX_ATTEMPTS } from './backoff.ts';
import { type ChangeListener, type ListenToChange, withListener } from './changeListener.ts';
import { failedPrecondition, type Preconditions } from './preconditions.ts';
import { isSuccessor, KEPT_WRITES, type OperationRepository, type StoredVersion } from './repository.ts';

/**
 * Removes an operation of a tenant, on the condition that it is still as it was read: a removal that reaches the store
 * late never removes what others have written, or created anew, in the meantime.
 *
 * @throws ServiceError with an `OperationFailure`, or `unavailable` when the store cannot serve before `signal` is aborted:
 * the removal may then have taken effect
 */
export async function deleteOperation(
  operations: Pick<OperationRepository, 'getVersion' | 'remove'>,
  tenant: string,
  id: string,
  preconditions: Preconditions,
  signal: AbortSignal,
  listen?: ListenToChange,
): Promise<void> {
  const listener = listen?.(tenant, id, crypto.randomUUID());
  await withListener(listener, () => remove(operations, tenant, id, preconditions, signal, listener));
}

async function remove(
  operations: Pick<OperationRepository, 'getVersion' | 'remove'>,
  tenant: string,
  id: string,
  preconditions: Preconditions,
  signal: AbortSignal,
  listener: ChangeListener | undefined,
): Promise<void> {
  let ambiguous: { base: StoredVersion; cause: unknown } | undefined;

  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const current = await operations.getVersion(tenant, id, signal);
    if (ambiguous && current?.etag !== ambiguous.base.etag) {
      // The operation existed, its removal was attempted, and now it is gone.
      if (!current || isAnother(current, ambiguous.base)) return listener?.afterWrite(undefined);
      if (!isSuccessor(current, ambiguous.base)) throw ambiguous.cause;
    }
    if (!current) throw new ServiceError('notFound');
    const failed = failedPrecondition(preconditions, current.etag);
    if (failed) throw failed;

    try {
      const { operation, writes } = current;
      await listener?.beforeWrite({ changeType: 'deleted', operation, replaces: writes[0] }, signal);
      if (await operations.remove(tenant, id, current.etag, signal)) return listener?.afterWrite(undefined);
      await backoff(attempt, CONFLICT_BACKOFF, signal);
    } catch (cause) {
      if (!isUnavailable(cause) || signal.aborted) throw cause;
      ambiguous ??= { base: current, cause };
      await backoff(attempt, FAILURE_BACKOFF, signal);
    }
  }
  throw ambiguous?.cause ?? new ServiceError('conflict');
}

/** Whether `current` was certainly created after `base`, which has the same id, was removed. */
function isAnother(current: StoredVersion, base: StoredVersion) {
  return current.writes.length < KEPT_WRITES && !isSuccessor(current, base);
}
