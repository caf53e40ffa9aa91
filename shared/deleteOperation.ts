import { GraphError } from './graphError.ts';
import {
  CONFLICT_PAUSE,
  FAILURE_PAUSE,
  isSuccessor,
  MAX_ATTEMPTS,
  type PlayPromptOperations,
  pause,
  REMEMBERED_WRITES,
  type StoredOperation,
} from './playPromptOperations.ts';
import { failedPrecondition, type Preconditions } from './preconditions.ts';

/**
 * Removes an operation of a tenant. It is removed as it was last read, so that a removal which reaches the store late
 * never takes with it what others wrote, or created anew, in the meantime.
 *
 * @throws GraphError 404 when there is none; 412 when a precondition fails; 409 when others kept changing the operation;
 * 503 when the store cannot serve before `signal` is aborted: the removal may then have taken effect or not
 */
export async function deleteOperation(
  operations: Pick<PlayPromptOperations, 'get' | 'remove'>,
  tenant: string,
  id: string,
  preconditions: Preconditions,
  signal: AbortSignal,
): Promise<void> {
  let unsureOf: { base: StoredOperation; cause: unknown } | undefined;

  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const current = await operations.get(tenant, id, signal);
    // It was there, its removal was tried, and it is there no more.
    if (unsureOf && (!current || isAnother(current, unsureOf.base))) return;
    if (!current) throw new GraphError('notFound', 'There is no operation of this id.');
    if (unsureOf && !isSuccessor(current, unsureOf.base)) throw unsureOf.cause;
    const failed = failedPrecondition(preconditions, current.etag);
    if (failed) throw failed;

    try {
      if (await operations.remove(tenant, id, current.etag, signal)) return;
      await pause(attempt, CONFLICT_PAUSE, signal);
    } catch (cause) {
      if (!(cause instanceof GraphError && cause.reason === 'unavailable') || signal.aborted) throw cause;
      unsureOf ??= { base: current, cause };
      await pause(attempt, FAILURE_PAUSE, signal);
    }
  }
  throw (
    unsureOf?.cause ?? new GraphError('conflict', 'Others kept changing the operation at the same time. Try again.')
  );
}

/** Whether an operation certainly came into being after another of the same id was removed. */
function isAnother(current: StoredOperation, base: StoredOperation) {
  return current.writes.length < REMEMBERED_WRITES && !isSuccessor(current, base);
}
