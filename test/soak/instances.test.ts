// Two instances on one store, of which one is killed: nothing that was acknowledged is lost, nothing new is refused, and every
// subscription is notified of what it asks for.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Answer, call } from '../support/caller.ts';
import type { Fault } from '../support/faultProxy.ts';
import { pick, randomOf } from '../support/random.ts';
import {
  expireLeases,
  type Received,
  type RecordingReceiver,
  runTimer,
  startRecordingReceiver,
  subscribe,
  untilDelivered,
} from '../support/recordingReceiver.ts';
import { rounds, seed } from '../support/rounds.ts';
import { patch, send } from '../support/service.ts';
import { until } from '../support/until.ts';
import { useInstances } from '../support/useInstances.ts';

const SECOND = 1000;
const ENDED = "playPromptOperation?$filter=status in ('Completed','Failed')";

/** Each test has a tenant of its own. */
const tenants = {
  updates: crypto.randomUUID(),
  changes: crypto.randomUUID(),
  stranger: crypto.randomUUID(),
  killed: crypto.randomUUID(),
};
const { as, kill, restart, setFault, table } = useInstances(2, { tenants: Object.values(tenants) });
let receiver: RecordingReceiver;

beforeAll(async () => {
  receiver = await startRecordingReceiver();
  const { changes, killed } = tenants;
  await Promise.all([
    subscribe(as(changes, 0), receiver, '/all', 'playPromptOperation', 'created,updated,deleted'),
    subscribe(as(changes, 1), receiver, '/ended', ENDED),
    subscribe(as(killed, 0), receiver, '/killed'),
    subscribe(as(killed, 1), receiver, '/killed/ended', ENDED),
  ]);
});
afterAll(() => receiver?.close());

test(`plain and repeatable updates are neither lost nor refused, seed ${seed}`, async () => {
  const updates = 8;
  for (const round of rounds(1)) {
    const random = randomOf(seed + round);
    const update = (id: string, body: object, headers = {}, n = random() < 0.5 ? 0 : 1) =>
      call(as(tenants.updates, n).facts, id, body, headers);
    const acknowledged = ({ status, stored }: Answer) => {
      expect(status).toBe(200);
      return stored;
    };

    /** Sets the code while others write. */
    async function plain(id: string) {
      for (let code = 1; code <= updates; code++) {
        expect(acknowledged(await update(id, { resultInfo: { code } }))?.entity.resultInfo?.code).toBe(code);
      }
    }

    /** Sets the message, and sends every update to both instances, at once or one after the other. */
    async function repeatable(id: string) {
      for (let n = 1; n <= updates; n++) {
        // A clock that is up to a minute fast or slow.
        const firstSent = new Date(Date.now() + (random() * 120 - 60) * SECOND).toUTCString();
        const headers = { 'repeatability-request-id': crypto.randomUUID(), 'repeatability-first-sent': firstSent };
        const body = { resultInfo: { message: `message ${n}` } };
        const first = update(id, body, headers, 0);
        if (random() < 0.5) await first;
        const [one, other] = (await Promise.all([first, update(id, body, headers, 1)])).map(acknowledged);
        expect(other).toEqual(one);
      }
    }

    const ids = Array.from({ length: 3 }, () => crypto.randomUUID());
    await Promise.all(ids.flatMap((id) => [plain(id), repeatable(id), repeatable(id)]));
    for (const id of ids) {
      for (const n of [0, 1]) {
        const stored = acknowledged(await update(id, {}, {}, n));
        expect(stored?.entity.resultInfo).toMatchObject({ code: updates, message: `message ${updates}` });
      }
    }
  }
});

/** What was notified, without repetitions. */
const changesOf = (received: readonly Received[]) =>
  [
    ...new Set(received.map(({ changeType, resourceData: { id, status } }) => `${id} ${changeType} ${status}`)),
  ].toSorted();

test('each subscription gets the changes that it asks for from both instances, and no other', async () => {
  const expected = { all: [] as string[], ended: [] as string[] };
  const change = async (n: number) => {
    const id = `operation-${n}`;
    const last = ['Completed', 'Failed', 'Running'][n % 3] ?? '';
    const [first, second] = [as(tenants.changes, n), as(tenants.changes, n + 1)];
    expect((await patch(first, { clientContext: 'a' }, { path: `/${id}` })).status).toBe(200);
    expect((await patch(second, { clientContext: 'b', status: last }, { path: `/${id}` })).status).toBe(200);
    expected.all.push(`${id} created NotStarted`, `${id} updated ${last}`);
    if (last !== 'Running') expected.ended.push(`${id} updated ${last}`);
    if (n % 10 === 0) {
      expect((await send(first, 'DELETE', `/v1.0/playPromptOperation/${id}`)).status).toBe(204);
      expected.all.push(`${id} deleted undefined`);
    }
    expect((await patch(as(tenants.stranger, n), { status: 'Completed' }, { path: `/${id}` })).status).toBe(200);
  };
  await Promise.all(Array.from({ length: 30 }, (_, n) => change(n)));
  await untilDelivered(table);

  expect(changesOf(receiver.at('/all'))).toEqual(expected.all.toSorted());
  expect(changesOf(receiver.at('/ended'))).toEqual(expected.ended.toSorted());
  expect(new Set(receiver.at('/all').map(({ tenantId }) => tenantId))).toEqual(new Set([tenants.changes]));
});

const faults: [number, Fault][] = [
  [100, 'pass'],
  [2, 'resetBefore'],
  [2, 'resetAfter'],
  [2, { status: 503 }],
  [4, { latency: 100 }],
];

/** The time in an ETag of Table Storage, which later versions have later. */
const timeOf = (etag = '') => /datetime'(.*)'/.exec(decodeURIComponent(etag))?.[1] ?? '';

test(`every acknowledged change is notified although the store fails and the instance that made it is killed, seed ${seed}`, async () => {
  const acknowledged: { id: string; etag: string; status: string }[] = [];
  for (const round of rounds(1)) {
    const random = randomOf(seed + round);
    if (round > 0) await restart(0);
    let failures = Math.floor(random() * 6);
    receiver.reply = (path, token) =>
      path.startsWith('/killed') && token === null && failures-- > 0 ? { status: 500 } : undefined;
    setFault(() => pick<Fault>(random, faults));
    let isKilled = false;
    const callers = Array.from({ length: 8 }, async (_, n) => {
      const id = `round-${round}-${n}`;
      for (let step = 0; !isKilled; step++) {
        const status = step % 3 === 2 ? 'Completed' : 'Running';
        const body = { status, clientContext: `${step}` };
        const answer = await patch(as(tenants.killed, 0), body, { path: `/${id}` }).catch(() => undefined);
        if (answer?.status === 200) acknowledged.push({ id, etag: answer.headers.get('etag') ?? '', status });
      }
    });
    const enough = acknowledged.length + 8 * (1 + random() * 4);
    await until(() => acknowledged.length > enough);
    const killed = kill(0);
    isKilled = true;
    await Promise.all([killed, ...callers]);
    setFault(undefined);
    receiver.reply = undefined;
    while ((await expireLeases(table)) > 0) {
      await runTimer(as(tenants.killed, 1));
      await delay(200);
    }
  }

  const notified = (path: string, id: string) =>
    receiver.at(path).flatMap(({ resourceData }) => (resourceData.id === id ? [resourceData['@odata.etag']] : []));
  const missing = acknowledged.flatMap(({ id, etag, status }) =>
    (status === 'Completed' ? ['/killed', '/killed/ended'] : ['/killed'])
      .filter((path) => !notified(path, id).some((notifiedEtag) => timeOf(notifiedEtag) >= timeOf(etag)))
      .map((path) => ({ path, id, etag })),
  );
  expect(missing).toEqual([]);
});
