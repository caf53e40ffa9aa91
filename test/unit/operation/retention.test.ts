import { beforeEach, describe, expect, test } from '@jest/globals';
import { newPlayPromptOperation, operationStatuses } from '../../../shared/operation/playPromptOperation.ts';
import type { OperationRepository } from '../../../shared/operation/repository.ts';
import { createDeleteEnded } from '../../../shared/operation/retention.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { createTableRepository } from '../../../shared/store/tableRepository.ts';
import { TENANT } from '../../support/operations.ts';
import { azuriteConnection, newTableName, tableClient } from '../../support/tables.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const DAYS = 30;
const { signal } = new AbortController();
/** Nothing can be made to have been written long ago, so it is looked at from long after. */
const later = (days: number) => () => Date.now() + days * 24 * 60 * 60 * 1000;

let table: string;
let operations: OperationRepository;
beforeEach(async () => {
  table = newTableName();
  operations = await open();
});

function open() {
  const settings = { name: table, endpoint: undefined, managedIdentityClientId: undefined };
  return createTableRepository({ ...settings, connection: azuriteConnection() });
}

async function store(id: string, status: (typeof operationStatuses)[number], tenant = TENANT) {
  await operations.put(tenant, { ...newPlayPromptOperation(id), status }, undefined, 'w', signal);
}

async function storedIds() {
  return (await Array.fromAsync(tableClient(table).listEntities(), ({ rowKey }) => rowKey)).sort();
}

/** The store, except that something happens before it removes an operation. */
const beforeRemoving = (happens: (id: string, n: number) => Promise<unknown> | undefined): OperationRepository => {
  let n = 0;
  return {
    ...operations,
    async remove(...removal) {
      n += 1;
      await happens(removal[1], n);
      return operations.remove(...removal);
    },
  };
};

test('what ended longer ago than it is kept is removed, of every tenant; what did not end never is', async () => {
  for (const status of operationStatuses) {
    await store(`mine-${status}`, status);
    await store(`theirs-${status}`, status, OTHER_TENANT);
  }
  await operations.sharedKey(signal);
  expect(await createDeleteEnded({ operations, days: DAYS, now: later(DAYS - 1) })(signal)).toEqual({
    count: 0,
    isDone: true,
  });
  expect(await createDeleteEnded({ operations, days: DAYS, now: later(DAYS + 1) })(signal)).toEqual({
    count: 4,
    isDone: true,
  });
  expect(await storedIds()).toEqual([
    'key',
    ...['mine-NotStarted', 'mine-Running', 'theirs-NotStarted', 'theirs-Running'],
  ]);
  expect(operations.getCached(TENANT, 'mine-Failed')).toBeUndefined();
});

test('an empty store, or none, is done at once', async () => {
  expect(await createDeleteEnded({ operations, days: DAYS })(signal)).toEqual({ count: 0, isDone: true });
});

describe('with more than the store answers at once', () => {
  const ids = Array.from({ length: 230 }, (_, n) => `op-${n}`);
  beforeEach(async () => {
    await Promise.all(ids.map((id) => store(id, 'Completed')));
  });

  test('all are removed, once, by instances that do it at the same time', async () => {
    const runs = [operations, await open(), await open()].map((instance) =>
      createDeleteEnded({ operations: instance, days: DAYS, now: later(DAYS + 1) })(signal),
    );
    const deleted = (await Promise.all(runs)).reduce((sum, run) => sum + run.count, 0);
    expect(deleted).toBe(ids.length);
    expect(await storedIds()).toEqual([]);
  });

  test('a run whose time is up stops in between, and the next one continues', async () => {
    const deadline = new AbortController();
    const run = createDeleteEnded({
      operations: beforeRemoving(async (_id, n) => {
        if (n === 100) deadline.abort();
      }),
      days: DAYS,
      now: later(DAYS + 1),
    });
    const first = await run(deadline.signal);
    expect(first.isDone).toBe(false);
    expect(first.count).toBeGreaterThanOrEqual(90);
    expect(first.count).toBeLessThan(ids.length);
    const second = await run(signal);
    expect([second.isDone, await storedIds()]).toEqual([true, []]);
  });

  test('a run fails while the store is down, and the next one continues', async () => {
    const run = createDeleteEnded({
      operations: beforeRemoving((_id, n) =>
        n === 150 ? Promise.reject(new ServiceError('unavailable', 'down')) : undefined,
      ),
      days: DAYS,
      now: later(DAYS + 1),
    });
    await expect(run(signal)).rejects.toMatchObject({ reason: 'unavailable' });
    expect((await run(signal)).isDone).toBe(true);
    expect(await storedIds()).toEqual([]);
  });
});

test('an operation that is changed in the meantime stays', async () => {
  await store('a', 'Failed');
  const elsewhere = await open();
  const run = createDeleteEnded({
    operations: beforeRemoving(async (id) => {
      const current = await elsewhere.get(TENANT, id, signal);
      await elsewhere.put(TENANT, { ...newPlayPromptOperation(id), status: 'Running' }, current, 'w2', signal);
    }),
    days: DAYS,
    now: later(DAYS + 1),
  });
  expect(await run(signal)).toEqual({ count: 0, isDone: true });
  expect(await storedIds()).toEqual(['a']);
});
