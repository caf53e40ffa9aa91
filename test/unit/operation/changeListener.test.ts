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
    afterWrite: (_version, attempt = 'last') => void calls.push(`after write by attempt: ${attempt}`),
    settled: () => void calls.push('settled'),
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
  const update = createUpdateOperation({ operations: store, listen });
  const repeatable = () =>
    repeatableRequest({ requestId: crypto.randomUUID(), caller: 'me', firstSent: Date.now() }, {});
  return {
    calls,
    update: (patch: object, isRepeatable = false) =>
      update(TENANT, { id: 'a', patch, preconditions: {}, ...(isRepeatable && { repeatable: repeatable() }) }, signal),
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

test('a write whose response was lost, and that took effect, was that of an unknown attempt', async () => {
  let stored: StoredOperation | undefined;
  const { calls, update } = setUp({
    get: async () => stored,
    put: async (...[, operation, , writeId, , history]) => {
      stored = { operation, etag: 'W/"1"', writes: [writeId], history };
      throw new ServiceError('unavailable', 'lost');
    },
  });
  await update({ status: 'Running' });
  expect(calls).toEqual(['before created', 'after write by attempt: unknown']);
});

test('a repeatable change that another caller made in the meantime is recorded, and not announced', async () => {
  let stored: StoredOperation | undefined;
  const { calls, update } = setUp({
    get: async () => stored,
    put: async (...[, operation, , writeId, , history]) => {
      const other = { operation, etag: 'W/"1"', writes: ['other'] };
      const own = { operation, etag: 'W/"2"', writes: [writeId, 'other'], history };
      const isFirst = stored === undefined;
      stored = isFirst ? other : own;
      return isFirst ? undefined : own;
    },
  });
  expect(await update({ status: 'Running' }, true)).toMatchObject({ etag: 'W/"2"' });
  expect(calls).toEqual(['before created', 'settled']);
});

test('a write that was answered was that of the last attempt', async () => {
  const { calls, update } = setUp();
  await update({ status: 'Running' });
  expect(calls).toEqual(['before created', 'after write by attempt: last']);
});

test.concurrent('a change that is refused is', async () => {
  const { calls, update } = setUp({ put: async () => undefined });
  await expect(update({ status: 'Running' })).rejects.toMatchObject({ reason: 'conflict' });
  expect(calls.at(-1)).toBe('settled');
});

test('a change that met a conflict, and after which nothing could be read, may have been written', async () => {
  let reads = 0;
  const { calls, update } = setUp({
    get: async () => {
      if (reads++ > 0) throw new ServiceError('unavailable', 'down');
      return undefined;
    },
    put: async () => undefined,
  });
  await expect(update({ status: 'Running' })).rejects.toMatchObject({ reason: 'unavailable' });
  expect(calls).toEqual(['before created']);
});
