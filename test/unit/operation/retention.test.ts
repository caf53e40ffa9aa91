import { expect, test } from '@jest/globals';
import { newPlayPromptOperation, operationStatuses } from '../../../shared/operation/playPromptOperation.ts';
import { createDeleteEnded } from '../../../shared/operation/retention.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { createTableRepository } from '../../../shared/store/tableRepository.ts';
import { TENANT } from '../../support/operations.ts';
import { newTableSettings, tableClient } from '../../support/tables.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const DAYS = 30;
const { signal } = new AbortController();
/** Nothing can be made to have been written long ago, so it is looked at from long after. */
const later = (days: number) => () => Date.now() + days * 24 * 60 * 60 * 1000;

test('what ended longer ago than it is kept is removed, of every tenant; what did not end never is', async () => {
  const settings = newTableSettings();
  const operations = createTableRepository(settings);
  const deleteEnded = (days: number) => createDeleteEnded({ operations, days: DAYS, now: later(days) })(signal);
  expect(await deleteEnded(DAYS + 1)).toEqual({ count: 0, isDone: true });
  for (const status of operationStatuses) {
    for (const tenant of [TENANT, OTHER_TENANT]) {
      const operation = { ...newPlayPromptOperation(`${tenant}-${status}`), status };
      await operations.put(tenant, operation, undefined, 'w', signal);
    }
  }
  await operations.sharedKey(signal);
  expect(await deleteEnded(DAYS - 1)).toEqual({ count: 0, isDone: true });
  expect(await deleteEnded(DAYS + 1)).toEqual({ count: 4, isDone: true });
  const stored = await Array.fromAsync(tableClient(settings.name).listEntities(), ({ rowKey }) => rowKey);
  const kept = [TENANT, OTHER_TENANT].flatMap((tenant) => [`${tenant}-NotStarted`, `${tenant}-Running`]);
  expect(stored.toSorted()).toEqual([...kept, 'key'].toSorted());
  expect(operations.getCached(TENANT, `${TENANT}-Failed`)).toBeUndefined();
});

/** 230 operations that have ended, in pages of 100; something happens before each removal. */
function setUp(beforeRemoval: (n: number) => Promise<unknown> = async () => {}) {
  const stored = new Set(Array.from({ length: 230 }, (_, n) => n));
  const listed: Date[] = [];
  let removals = 0;
  const operations = {
    async listEnded(before: Date, from = '0') {
      listed.push(before);
      const page = [...stored].filter((n) => n >= Number(from)).slice(0, 100);
      const found = page.map((n) => ({ tenant: TENANT, id: `${n}`, etag: `${n}` }));
      return { found, next: page.length === 100 ? `${Number(page.at(-1)) + 1}` : undefined };
    },
    async remove(_tenant: string, id: string, etag: string) {
      await beforeRemoval(++removals);
      return etag === id && stored.delete(Number(id));
    },
  };
  const create = () => createDeleteEnded({ operations, days: DAYS, now: () => DAYS * 24 * 60 * 60 * 1000 + removals });
  return { stored, listed, create, run: create() };
}

test('all are removed, once, by instances that do it at the same time', async () => {
  const { stored, create } = setUp(() => new Promise(setImmediate));
  const runs = await Promise.all([create(), create(), create()].map((run) => run(signal)));
  expect([runs.reduce((sum, { count }) => sum + count, 0), stored.size]).toEqual([230, 0]);
});

test('a run stops when its time is up, and fails if the store is down before; the next one continues', async () => {
  let deadline = new AbortController();
  const down = new ServiceError('unavailable', 'down');
  const { stored, listed, run } = setUp(async (n) => {
    if (n === 100 || n === 200) deadline.abort();
    if (n === 150 || n === 200) throw down;
  });
  expect(await run(deadline.signal)).toEqual({ count: 100, isDone: false });
  deadline = new AbortController();
  await expect(run(signal)).rejects.toBe(down);
  expect((await run(deadline.signal)).isDone).toBe(false);
  expect([(await run(signal)).isDone, stored.size]).toEqual([true, 0]);
  expect(new Set(listed.map(Number))).toEqual(new Set([0]));
});
