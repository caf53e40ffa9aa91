import { metrics } from '@opentelemetry/api';
import { SCOPE, withChildSpan } from '../tracing.ts';
import { type Attempt, attempt } from './attempt.ts';
import { createCacheFreshness } from './cacheFreshness.ts';
import { tellOutcome } from './changeListener.ts';
import { createKeyedMutex } from './keyedMutex.ts';
import type { OperationVersion } from './playPromptOperation.ts';
import { type Collaborators, newWriteId, type StoredOperation } from './repository.ts';
import { decideUpdate, type UpdateRequest, type Write } from './updateDecision.ts';

export interface UpdateCollaborators extends Collaborators<'getCached' | 'get' | 'put'> {
  /** Whether an operation that has ended keeps its status: see `KEEP_FINAL_STATUS`. */
  readonly keepsFinalStatus?: boolean;
}

/**
 * Makes the update of operations. It merges a patch into the stored operation, creates the operation if there is none, and
 * stores the result unless the patch changes nothing. Concurrent updates of different properties all survive; those of one
 * operation by this instance run one after the other. A repeatable request that was done before returns its first answer;
 * one that changes nothing is stored too, since it must not change anything later.
 *
 * It throws ServiceError with an `OperationFailure`, or `unavailable` when the store cannot serve before `signal` is aborted:
 * the update may then have taken effect.
 */
export function createUpdateOperation({
  operations,
  listen,
  now = Date.now,
  sleep,
  keepsFinalStatus = false,
}: UpdateCollaborators) {
  const mutex = createKeyedMutex();
  const freshness = createCacheFreshness();
  const meter = metrics.getMeter(SCOPE);
  const updates = meter.createCounter('playpromptoperation.updates', {
    description: 'Updates that succeeded, by the status that the operation has now.',
  });
  const retries = meter.createCounter('playpromptoperation.update.retries', {
    description: 'Attempts to update that had to be made again, by cause.',
  });

  return (tenant: string, request: UpdateRequest, signal: AbortSignal): Promise<OperationVersion> =>
    withChildSpan('update', async () => {
      const updated = await mutex(`${tenant}/${request.id}`, signal, () => update(tenant, request, signal));
      updates.add(1, { status: updated.operation.status });
      return updated;
    });

  async function update(tenant: string, request: UpdateRequest, signal: AbortSignal): Promise<OperationVersion> {
    const { id } = request;
    const writeId = newWriteId();
    const listener = listen?.(tenant, id, writeId);
    const attempts: Attempt<StoredOperation | undefined>[] = [];

    const cached = operations.getCached(tenant, id);
    let current: StoredOperation | undefined = cached;
    for (let isCached = !cached || freshness.isLikely(cached.ageMs); ; isCached = false) {
      if (!isCached) {
        current = await operations.get(tenant, id, signal);
        if (cached && attempts.length === 0) freshness.learn(cached.ageMs, current?.etag === cached.etag);
      }
      const known = { current, isCached, attempts, writeId, now: now(), keepsFinalStatus };
      const decision = decideUpdate(request, known);
      if (decision.step === 'read') continue;
      if (decision.step === 'write') {
        const stored = await attempt(attempts, current, () => write(decision, current), signal, sleep, isCached);
        if (cached && isCached && !attempts[0]?.cause) freshness.learn(cached.ageMs, stored !== undefined);
        if (stored) return stored;
        const cause = isCached ? 'stale' : 'conflict';
        retries.add(1, { cause: attempts.at(-1)?.cause ? 'unavailable' : cause });
        continue;
      }
      tellOutcome(listener, decision.outcome, current);
      if (decision.step === 'fail') throw decision.error;
      return decision.version;
    }

    async function write({ next, changeType, history, outcome }: Write, base: StoredOperation | undefined) {
      const change = changeType && { changeType, operation: next, replaces: base?.writes[0] };
      if (change) await listener?.beforeWrite(change, signal);
      const stored = await operations.put(tenant, next, base, writeId, signal, history);
      if (stored && change) listener?.afterWrite(stored);
      else if (stored) tellOutcome(listener, outcome, stored);
      return stored;
    }
  }
}
