// A proxy, or the store itself, makes a write again after its first answer was lost: the service gets the answer to the
// second one, which is a conflict with the first.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createSubscriptionRepository } from '../../shared/store/subscriptionRepository.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import { aSubscription } from '../support/notifications.ts';
import {
  expireLeases,
  type RecordingReceiver,
  startRecordingReceiver,
  untilDelivered,
} from '../support/recordingReceiver.ts';
import { azuriteConnection, newTableName, newTableSettings, tableClient } from '../support/tables.ts';

interface Change {
  readonly request: { readonly method: string; readonly body?: object };
  readonly condition?: 'If-Match' | 'If-None-Match';
  readonly isRepeatable?: boolean;
  readonly status: number;
  readonly writes: number | undefined;
  /** What is notified, of the operation that there was before too. */
  readonly notified: readonly string[];
}

const end = { method: 'PATCH', body: { status: 'Completed' } };
const create: Change = { request: end, status: 200, writes: 1, notified: ['created Completed'] };
const update: Change = { request: end, status: 200, writes: 2, notified: ['created Running', 'updated Completed'] };
/** It looks as if another caller had made it before. */
const remove: Change = {
  ...{ request: { method: 'DELETE' }, status: 404, writes: undefined },
  notified: ['created Running', 'deleted undefined'],
};

const changes: readonly Change[] = [
  ...[create, update, remove],
  ...[create, update].map((change) => ({ ...change, isRepeatable: true })),
  ...[update, remove].map((change) => ({ ...change, condition: 'If-Match' as const })),
  { ...update, condition: 'If-Match', isRepeatable: true },
  { ...create, condition: 'If-None-Match' },
  { ...create, condition: 'If-None-Match', isRepeatable: true },
];

const table = newTableName();
let receiver: RecordingReceiver;
let store: FaultProxy;
let app: TestApp;

beforeAll(async () => {
  [receiver, store] = await Promise.all([startRecordingReceiver(), startFaultProxy()]);
  app = await startApp({
    ...{ NOTIFICATION_HOSTS: '127.0.0.1', TABLES_NAME: table, TABLES_CONNECTION: azuriteConnection(store.port) },
  });
  const subscription = aSubscription({ notificationUrl: `${receiver.url}/all` });
  await createSubscriptionRepository(newTableSettings(table)).create(subscription, new AbortController().signal);
});
afterAll(async () => {
  await Promise.all([app, receiver, store].map((each) => each.close()));
  await tableClient(table).deleteTable();
});

/** A change of an operation of its own, which exists by now if it must. */
async function prepare(change: Change) {
  const { request, condition, isRepeatable, notified } = change;
  const id = crypto.randomUUID();
  const path = `/v1.0/playPromptOperation/${id}`;
  const etag = notified.length > 1 ? (await app.send({ path, body: { status: 'Running' } })).headers.get('etag') : '*';
  const headers = {
    ...(condition && { [condition]: String(etag) }),
    ...(isRepeatable && {
      'Repeatability-Request-ID': crypto.randomUUID(),
      'Repeatability-First-Sent': new Date().toUTCString(),
    }),
  };
  return { change, id, send: () => app.send({ path, headers, ...request }) };
}

/** Makes all changes while the store makes each write of an operation twice, or those of the outbox too. */
async function makeTwice(isOutboxToo = false) {
  const prepared = await Promise.all(changes.map(prepare));
  await untilDelivered(table);
  store.fault = ({ method, url, body }) => {
    const isWrite = method !== 'GET' && (isOutboxToo || !(url + body).includes('outbox_'));
    return isWrite ? { isSentTwice: true, beforeAnswer: async () => {} } : 'pass';
  };
  const made = await Promise.all(prepared.map(async (each) => ({ ...each, answer: await each.send() })));
  store.fault = undefined;
  for (const { change, answer } of made) expect({ ...change, status: answer.status }).toEqual(change);
  return made;
}

/** What was notified of an operation. */
const notifiedOf = (id: string) =>
  receiver
    .at('/all')
    .filter(({ resourceData }) => resourceData.id === id)
    .map(({ changeType, resourceData: { status } }) => `${changeType} ${status}`);

async function countWrites(id: string): Promise<number | undefined> {
  const filter = `RowKey eq '${id}'`;
  const { value } = await tableClient(table).listEntities<{ writes: string }>({ queryOptions: { filter } }).next();
  return value?.writes.split(',').length;
}

test('a change that is made twice is done once, answered, and notified at once', async () => {
  const made = await makeTwice();
  await untilDelivered(table);
  for (const { change, id, answer, send } of made) {
    expect({ ...change, writes: await countWrites(id), notified: notifiedOf(id) }).toEqual(change);
    if (change.isRepeatable) expect((await send()).headers.get('etag')).toBe(answer.headers.get('etag'));
  }
});

test('one whose entry of the outbox is made twice too is notified by the timer at the latest', async () => {
  const made = await makeTwice(true);
  await expireLeases(table);
  await app.timers.find(({ name }) => name === 'deliverNotifications')?.run(() => {});
  for (const { change, id } of made) expect({ ...change, notified: notifiedOf(id) }).toEqual(change);
});
