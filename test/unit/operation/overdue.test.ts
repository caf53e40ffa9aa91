import { beforeEach, expect, test } from '@jest/globals';
import type { ListenToChange } from '../../../shared/operation/changeListener.ts';
import { createEndOverdue } from '../../../shared/operation/overdue.ts';
import type { OperationRepository } from '../../../shared/operation/repository.ts';
import { createSweep } from '../../../shared/operation/sweep.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { createTableRepository } from '../../../shared/store/tableRepository.ts';
import { registerMetrics } from '../../support/metrics.ts';
import { anOperation, TENANT } from '../../support/operations.ts';
import { newTableName, newTableSettings, tableClient } from '../../support/tables.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const MINUTES = 10;
/** What every instance is set up with. */
const set = { minutes: MINUTES, tenants: [TENANT, OTHER_TENANT] };
const { signal } = new AbortController();
const recorded = registerMetrics();

let table: string;
let operations: OperationRepository;
const open = () => createTableRepository(newTableSettings(table));
beforeEach(() => {
  table = newTableName();
  operations = open();
});

/** Stores an operation that last changed so many minutes ago. */
function store(id: string, minutes: number, changes: Parameters<typeof anOperation>[0] = {}, tenant = TENANT) {
  const lastActionDateTime = new Date(Date.now() - minutes * 60_000).toISOString();
  const operation = anOperation({ id, status: 'Running', completionReason: null, lastActionDateTime, ...changes });
  return operations.put(tenant, operation, undefined, 'w', signal);
}

async function read(id: string, tenant = TENANT) {
  const stored = await open().get(tenant, id, signal);
  if (!stored) throw new Error(`There is no ${id}.`);
  return stored;
}

/** The changes that were notified. */
function listening() {
  const changes: string[] = [];
  const listen: ListenToChange = (tenant, id) => ({
    beforeWrite: async () => {},
    afterWrite: (version) => void changes.push(`${tenant} ${id} ${version?.operation.status}`),
    settled: () => {},
  });
  return { changes, listen };
}

test('what has not ended and not changed for too long is ended as failed, notified and counted; nothing else is', async () => {
  await store('running', 11, { resultInfo: { code: 200, subcode: 7, message: 'playing' } });
  await store('notStarted', 11, { status: 'NotStarted' }, OTHER_TENANT);
  await store('recent', 9);
  await store('completed', 11, { status: 'Completed' });
  await store('failed', 11, { status: 'Failed' });
  await store('notServed', 11, {}, 'another');
  // Stored before there were times, and written now.
  await store('old', 0, { lastActionDateTime: null, createdDateTime: null });
  const { changes, listen } = listening();
  const collaborators = { operations, listen, keepsFinalStatus: true, ...set };
  expect(await createEndOverdue(collaborators)(signal)).toEqual({ count: 2, isDone: true });
  expect(changes.toSorted()).toEqual([`${TENANT} running Failed`, `${OTHER_TENANT} notStarted Failed`]);
  const message = 'The operation did not change for 10 minutes, and was ended as overdue.';
  const ended = { status: 'Failed', completionReason: 'unknown', resultInfo: { code: 504, subcode: 0, message } };
  expect((await read('running')).operation).toMatchObject(ended);
  for (const id of ['recent', 'completed', 'failed', 'old']) expect((await read(id)).writes).toEqual(['w']);
  expect((await read('notServed', 'another')).writes).toEqual(['w']);
  expect(await recorded('playpromptoperation.overdue')).toEqual([{ value: 2, attributes: {} }]);
  expect(await createEndOverdue(collaborators)(signal)).toEqual({ count: 0, isDone: true });

  const now = () => Date.now() + (MINUTES + 1) * 60_000;
  expect(await createEndOverdue({ ...collaborators, now })(signal)).toMatchObject({ count: 2 });
  expect((await read('old')).operation).toMatchObject({ status: 'Failed', createdDateTime: null });
});

test('a worker that writes at the same moment wins', async () => {
  await store('raced', 11);
  const patch = { clientContext: 'still playing' };
  const elsewhere = createUpdateOperation({ operations: open() });
  const raced: OperationRepository = {
    ...operations,
    async put(...write) {
      await elsewhere(TENANT, { id: 'raced', patch, preconditions: {} }, signal);
      return operations.put(...write);
    },
  };
  const { changes, listen } = listening();
  expect(await createEndOverdue({ operations: raced, listen, ...set })(signal)).toEqual({ count: 0, isDone: true });
  expect((await read('raced')).operation).toMatchObject({ status: 'Running', completionReason: null, ...patch });
  expect(changes).toEqual([]);
});

test('a damaged row keeps no other from its end, and what a run has no time for is left to the next', async () => {
  for (const id of ['damaged', 'whole']) await store(id, 11);
  const rows = await Array.fromAsync(tableClient(table).listEntities());
  const row = rows.find(({ rowKey }) => rowKey === 'damaged');
  await tableClient(table).updateEntity({ partitionKey: '', rowKey: '', ...row, completionReason: '{' }, 'Merge');
  expect(await createEndOverdue({ operations: open(), ...set, minutes: 1 })(signal)).toMatchObject({ count: 1 });
  const resultInfo = { message: 'The operation did not change for 1 minute, and was ended as overdue.' };
  expect((await read('whole')).operation).toMatchObject({ status: 'Failed', resultInfo });
  await store('next', 11);
  const over = AbortSignal.abort();
  expect(await createEndOverdue({ operations, ...set })(over)).toEqual({ count: 0, isDone: false });
});

test('a run ends after so many changes, and the next one continues where it stopped', async () => {
  const found = Array.from({ length: 25 }, (_, n) => ({ tenant: TENANT, id: `${n}`, etag: 'e' }));
  const list = async (_before: Date, from = '1') => ({ found, next: from === '3' ? undefined : `${Number(from) + 1}` });
  const run = createSweep({ ageMs: 1, most: 50, list, change: async () => true });
  expect(await run(signal)).toEqual({ count: 50, isDone: false });
  expect(await run(signal)).toEqual({ count: 25, isDone: true });
});
