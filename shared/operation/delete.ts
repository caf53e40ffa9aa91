import { type Attempt, attempt } from './attempt.ts';
import { tellOutcome } from './changeListener.ts';
import { decideDelete } from './deleteDecision.ts';
import type { Preconditions } from './preconditions.ts';
import type { Collaborators, RemovableVersion } from './repository.ts';

/**
 * Makes the function that deletes operations. It removes only the version that it read, so that a delayed removal never hits a
 * later version or a new operation.
 *
 * It throws ServiceError with an `OperationFailure`, or `unavailable` when the store cannot serve before `signal` is aborted:
 * the removal may then have taken effect.
 */
export function createDeleteOperation({ operations, listen, sleep }: Collaborators<'getVersion' | 'remove'>) {
  return async (
    tenant: string,
    { id, preconditions }: { readonly id: string; readonly preconditions: Preconditions },
    signal: AbortSignal,
  ): Promise<void> => {
    const listener = listen?.(tenant, id, crypto.randomUUID());
    const attempts: Attempt<RemovableVersion>[] = [];

    for (;;) {
      const current = await operations.getVersion(tenant, id, signal);
      const decision = decideDelete(preconditions, current, attempts);
      if (decision.step === 'remove') {
        const isRemoved = await attempt(attempts, decision.base, () => remove(decision.base), signal, sleep);
        if (isRemoved) return listener?.afterWrite(undefined);
        continue;
      }
      tellOutcome(listener, decision.outcome, undefined);
      if (decision.step === 'fail') throw decision.error;
      return;
    }

    async function remove({ operation, writes, etag }: RemovableVersion) {
      await listener?.beforeWrite({ changeType: 'deleted', operation, replaces: writes[0] }, signal);
      return operations.remove(tenant, id, etag, signal);
    }
  };
}
