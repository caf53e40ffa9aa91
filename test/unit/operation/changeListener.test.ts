import { expect, test } from '@jest/globals';
import type { Change, ListenToChange } from '../../../shared/operation/changeListener.ts';
import { repeatableRequest } from '../../../shared/operation/repeatability.ts';
import type { OperationRepository, StoredOperation } from '../../../shared/operation/repository.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { TENANT } from '../../support/operations.ts';

const signal = AbortSignal.timeout(60_000);

/** A store of one operation, and a listener that records how it is called. */
function setUp(changes: Partial<OperationRepository> = {}) {
  let stored: StoredOperation | undefined;
  const calls: string[] = [];
  const listen: ListenToChange = () => ({
    beforeWrite: async ({ changeType }: Change) => void calls.push(`before ${changeType}`),
    afterWrite: () => void calls.push('after write'),
    afterRefusal: () => void calls.push('after refusal'),
  });
  const store = {
    getCached: () => undefined,
    get: async () => stored,
    put: async (...[, operation, , writeId, , history]: Parameters<OperationRepository['put']>) => {
      stored = { operation, etag: crypto.randomUUID(), writes: [writeId, ...(stored?.writes ?? [])], history };
      return stored;
    },
    ...changes,
  };
  const update = createUpdateOperation(store, Date.now, listen);
  const repeatable = () =>
    repeatableRequest({ requestId: crypto.randomUUID(), caller: 'me', firstSent: Date.now() }, {});
  return {
    calls,
    update: (patch: object, isRepeatable = false) =>
      update(TENANT, { id: 'a', patch }, {}, signal, isRepeatable ? repeatable() : undefined),
  };
}

test.each([false, true])(
  'a change is announced, and one that changes nothing is not; repeatable: %s',
  async (isRepeatable) => {
    const { calls, update } = setUp();
    await update({ status: 'Running' }, isRepeatable);
    await update({ status: 'Completed' }, isRepeatable);
    expect(calls.filter((call) => call.startsWith('before'))).toEqual(['before created', 'before updated']);
    await update({ status: 'Completed' }, isRepeatable);
    expect(calls.filter((call) => call.startsWith('before'))).toHaveLength(2);
  },
);

test('a change that took effect, although its response was lost, is not refused by an error of the store', async () => {
  let reads = 0;
  const { calls, update } = setUp({
    get: async () => {
      if (reads++ > 0) throw new Error('forbidden');
      return undefined;
    },
    put: async () => {
      throw new ServiceError('unavailable', 'lost');
    },
  });
  await expect(update({ status: 'Running' })).rejects.toThrow('forbidden');
  expect(calls).toEqual(['before created']);
});

test('a change that is refused is', async () => {
  const { calls, update } = setUp({ put: async () => undefined });
  await expect(update({ status: 'Running' })).rejects.toMatchObject({ reason: 'conflict' });
  expect(calls.at(-1)).toBe('after refusal');
});
