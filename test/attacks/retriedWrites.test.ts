// A proxy, or the store itself, makes a write again after its first answer was lost: the service gets the answer to the
// second one, which is a conflict with the first.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import {
  expireLeases,
  type RecordingReceiver,
  startRecordingReceiver,
  untilDelivered,
} from '../support/recordingReceiver.ts';
import { azuriteConnection, newTableName, tableClient } from '../support/tables.ts';

interface Change {
  readonly title: string;
  readonly isDeletion?: boolean;
  /** Whether there is an operation before. */
  readonly exists: boolean;
  readonly condition?: 'If-Match' | 'If-None-Match';
  readonly isRepeatable?: boolean;
}

const changes: readonly Change[] = [
  { title: 'an update', exists: true },
  { title: 'an update with If-Match', exists: true, condition: 'If-Match' },
  { title: 'a repeatable update', exists: true, isRepeatable: true },
  { title: 'a repeatable update with If-Match', exists: true, condition: 'If-Match', isRepeatable: true },
  { title: 'a create', exists: false },
  { title: 'a create with If-None-Match', exists: false, condition: 'If-None-Match' },
  { title: 'a repeatable create', exists: false, isRepeatable: true },
  { title: 'a repeatable create with If-None-Match', exists: false, condition: 'If-None-Match', isRepeatable: true },
  { title: 'a deletion', exists: true, isDeletion: true },
  { title: 'a deletion with If-Match', exists: true, isDeletion: true, condition: 'If-Match' },
];

const table = newTableName();
let receiver: RecordingReceiver;
let store: FaultProxy;
let app: TestApp;
/** Another instance, which reaches the store without the proxy. */
let other: TestApp;

beforeAll(async () => {
  [receiver, store] = await Promise.all([startRecordingReceiver(), startFaultProxy()]);
  const settings = { TABLES_NAME: table, NOTIFICATION_HOSTS: '127.0.0.1' };
  app = await startApp({ ...settings, TABLES_CONNECTION: azuriteConnection(store.port) });
  other = await startApp(settings);
  const body = {
    changeType: 'created,updated,deleted',
    resource: 'playPromptOperation',
    notificationUrl: `${receiver.url}/all`,
    expirationDateTime: new Date(Date.now() + 3_600_000).toISOString(),
  };
  expect((await app.send({ method: 'POST', path: '/v1.0/subscriptions', body })).status).toBe(201);
});
afterEach(() => {
  store.fault = undefined;
});
afterAll(async () => {
  await Promise.all([app, other, receiver, store].map((each) => each.close()));
  await tableClient(table).deleteTable();
});

/** A change of an operation of its own, which exists by now if it must. */
async function prepare({ exists, isDeletion, condition, isRepeatable }: Change) {
  const path = `/v1.0/playPromptOperation/${crypto.randomUUID()}`;
  const etag = exists ? (await app.send({ path, body: { status: 'Running' } })).headers.get('etag') : null;
  const headers = {
    ...(condition && { [condition]: etag ?? '*' }),
    ...(isRepeatable && {
      'Repeatability-Request-ID': crypto.randomUUID(),
      'Repeatability-First-Sent': new Date().toUTCString(),
    }),
  };
  const request = isDeletion ? { method: 'DELETE' } : { body: { status: 'Completed' } };
  return { id: path.slice(path.lastIndexOf('/') + 1), send: () => app.send({ path, headers, ...request }) };
}

/** A fault of the writes of operations, or of the outbox too. */
const ofWrites =
  (fault: Fault, all = false): FaultProxy['fault'] =>
  ({ method, url, body }) =>
    method !== 'GET' && (all || !(url + body).includes('outbox_')) ? fault : 'pass';
const sentTwice = { isSentTwice: true, beforeAnswer: async () => {} };

/** A deletion looks like one by another caller, which came before it. */
const statusOf = ({ isDeletion }: Change) => (isDeletion ? 404 : 200);

/** What was notified of an operation. */
const notified = (id: string) =>
  receiver
    .at('/all')
    .filter(({ resourceData }) => resourceData.id === id)
    .map(({ changeType, resourceData: { status } }) => (status ? `${changeType} ${status}` : changeType));
const expected = ({ exists, isDeletion }: Change) => [
  ...(exists ? ['created Running'] : []),
  isDeletion ? 'deleted' : exists ? 'updated Completed' : 'created Completed',
];

/** Delivers by another instance what this one has left. */
async function takeOver() {
  await expireLeases(table);
  await other.timers.find(({ name }) => name === 'deliverNotifications')?.run(() => {});
}

async function writesOf(id: string): Promise<string[] | undefined> {
  const filter = `RowKey eq '${id}'`;
  const { value } = await tableClient(table).listEntities<{ writes: string }>({ queryOptions: { filter } }).next();
  return value?.writes.split(',');
}

test.each(changes)('$title that is made twice is done once, answered, and notified at once', async (change) => {
  const { id, send } = await prepare(change);
  await untilDelivered(table);
  store.fault = ofWrites(sentTwice);
  const { status, headers } = await send();
  store.fault = undefined;
  expect(status).toBe(statusOf(change));
  expect((await writesOf(id))?.length).toBe(change.isDeletion ? undefined : change.exists ? 2 : 1);
  await untilDelivered(table);
  expect(notified(id)).toEqual(expected(change));
  if (change.isRepeatable) expect((await send()).headers.get('etag')).toBe(headers.get('etag'));
});

test('all that is made twice, the entries of the outbox too, is notified by the timer at the latest', async () => {
  const prepared = await Promise.all(changes.map(prepare));
  await untilDelivered(table);
  store.fault = ofWrites(sentTwice, true);
  const answers = await Promise.all(prepared.map(({ send }) => send()));
  store.fault = undefined;
  expect(answers.map(({ status }) => status)).toEqual(changes.map(statusOf));
  await takeOver();
  expect(prepared.map(({ id }) => notified(id))).toEqual(changes.map(expected));
});

test('all that is made twice, of which the instance never learns, is notified by another one', async () => {
  const prepared = await Promise.all(changes.map(prepare));
  await untilDelivered(table);
  let made = 0;
  const allMade = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const beforeAnswer = () => {
    made += 1;
    if (made === changes.length) allMade.resolve();
    return released.promise;
  };
  store.fault = ofWrites({ isSentTwice: true, beforeAnswer });
  const answers = Promise.all(prepared.map(({ send }) => send()));
  await allMade.promise;
  await takeOver();
  expect(prepared.map(({ id }) => notified(id))).toEqual(changes.map(expected));
  released.resolve();
  await answers;
  // Now the instance learns of it, and notifies again.
  const total = changes.flatMap(expected).length + changes.length;
  while (prepared.flatMap(({ id }) => notified(id)).length < total) await delay(10);
});
