// A proxy, or the store itself, makes a write again after its first answer was lost: the service gets the answer to the
// second one, which is a conflict with the first.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import {
  expireLeases,
  type RecordingReceiver,
  runTimer,
  startRecordingReceiver,
  subscribe,
  untilDelivered,
} from '../support/recordingReceiver.ts';
import { killService, patch, send, startService, type TestService } from '../support/service.ts';
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
const typeOf = ({ exists, isDeletion }: Change) => (isDeletion ? 'deleted' : exists ? 'updated' : 'created');

const table = newTableName();
let receiver: RecordingReceiver;
let store: FaultProxy;
let service: TestService;

const start = () =>
  startService({
    TABLES_CONNECTION: azuriteConnection(store.port),
    TABLES_NAME: table,
    NOTIFICATION_HOSTS: '127.0.0.1',
  });

beforeAll(async () => {
  [receiver, store] = await Promise.all([startRecordingReceiver(), startFaultProxy()]);
  service = await start();
  await subscribe(service, receiver, '/all', 'playPromptOperation', 'created,updated,deleted');
});
afterEach(() => {
  store.fault = undefined;
});
afterAll(async () => {
  await killService(service);
  await Promise.all([receiver.close(), store.close()]);
});

/** A change of an operation of its own, which exists by now if it must. */
async function prepare({ exists, isDeletion, condition, isRepeatable }: Change) {
  const id = crypto.randomUUID();
  const etag = exists ? (await patch(service, { status: 'Running' }, { path: `/${id}` })).headers.get('etag') : null;
  const headers = {
    ...(condition && { [condition]: etag ?? '*' }),
    ...(isRepeatable && {
      'Repeatability-Request-ID': crypto.randomUUID(),
      'Repeatability-First-Sent': new Date().toUTCString(),
    }),
  };
  const request = isDeletion ? { headers } : { headers, body: { status: 'Completed' } };
  return { id, send: () => send(service, isDeletion ? 'DELETE' : 'PATCH', `/v1.0/playPromptOperation/${id}`, request) };
}

/** A fault of the writes of operations, or of the outbox too. */
const ofWrites =
  (fault: Fault, all = false): FaultProxy['fault'] =>
  ({ method, url, body }) =>
    method !== 'GET' && (all || !(url + body).includes('outbox_')) ? fault : 'pass';
const sentTwice = { isSentTwice: true, beforeAnswer: async () => {} };

const notified = (id: string) =>
  receiver
    .at('/all')
    .flatMap(({ changeType, resourceData: { id: changed, status = 'deleted' } }) =>
      changed === id ? [[changeType, status]] : [],
    );
const asExpected = (change: Change) => [[typeOf(change), change.isDeletion ? 'deleted' : 'Completed']];

async function writesOf(id: string): Promise<string[] | undefined> {
  const filter = `RowKey eq '${id}'`;
  const { value } = await tableClient(table).listEntities<{ writes: string }>({ queryOptions: { filter } }).next();
  return value?.writes.split(',');
}

test.each(changes)('$title that is made twice is done once, answered, and notified', async (change) => {
  const { id, send } = await prepare(change);
  await untilDelivered(table);
  receiver.clear();
  store.fault = ofWrites(sentTwice);
  const { status, headers } = await send();
  store.fault = undefined;
  // A deletion cannot be told from one by another caller, which came before it.
  expect(status).toBe(change.isDeletion ? 404 : 200);
  expect((await writesOf(id))?.length).toBe(change.isDeletion ? undefined : change.exists ? 2 : 1);
  await untilDelivered(table);
  expect(notified(id)).toEqual(asExpected(change));
  if (change.isRepeatable) expect((await send()).headers.get('etag')).toBe(headers.get('etag'));
});

test('all that is made twice, the entries of the outbox too, is notified by the timer at the latest', async () => {
  const prepared = await Promise.all(changes.map(prepare));
  await untilDelivered(table);
  receiver.clear();
  store.fault = ofWrites(sentTwice, true);
  const statuses = await Promise.all(prepared.map(async ({ send }) => (await send()).status));
  store.fault = undefined;
  expect(statuses).toEqual(changes.map(({ isDeletion }) => (isDeletion ? 404 : 200)));
  await expireLeases(table);
  await runTimer(service);
  await untilDelivered(table);
  for (const [n, change] of changes.entries()) expect(notified(prepared[n]?.id ?? '')).toEqual(asExpected(change));
});

test('all that is made twice before the instance dies, which never learns of it, is notified by the timer', async () => {
  const prepared = await Promise.all(changes.map(prepare));
  await untilDelivered(table);
  receiver.clear();
  let made = 0;
  const { promise: isDead, resolve: died } = Promise.withResolvers<void>();
  const { promise: allMade, resolve: lastMade } = Promise.withResolvers<void>();
  const beforeAnswer = () => {
    made += 1;
    if (made === changes.length) lastMade();
    return isDead;
  };
  store.fault = ofWrites({ isSentTwice: true, beforeAnswer });
  const answers = prepared.map(({ send }) => send().catch(() => 'none'));
  await allMade;
  await killService(service);
  died();
  expect(await Promise.all(answers)).toEqual(changes.map(() => 'none'));
  store.fault = undefined;

  service = await start();
  await expireLeases(table);
  await runTimer(service);
  await untilDelivered(table);
  for (const [n, change] of changes.entries()) expect(notified(prepared[n]?.id ?? '')).toEqual(asExpected(change));
});
