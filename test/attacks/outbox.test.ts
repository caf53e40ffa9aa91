// The outbox, step by step: the service is killed before and after each request that it sends to the store and to
// receivers while it writes a change and delivers its notifications; and what it asks of the store.
// KILL_POINTS=all npm test -- --coverage=false test/attacks/outbox tries every point; KILL_SEED repeats a choice.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import { randomOf } from '../support/random.ts';
import {
  expireLeases,
  type RecordingReceiver,
  runTimer,
  startRecordingReceiver,
  subscribe,
  untilDelivered,
} from '../support/recordingReceiver.ts';
import { killService, patch, startService, type TestService } from '../support/service.ts';
import { azuriteConnection, newTableName, tableClient } from '../support/tables.ts';

const seed = Number(process.env.KILL_SEED ?? Date.now() % 2 ** 32);
const isWhole = process.env.KILL_POINTS === 'all';
const CHOSEN_POINTS = 3;

const ENDED = "/playPromptOperation?$filter=status in ('Completed','Failed')";

let receiver: RecordingReceiver;
let store: FaultProxy;
let table: string;
let service: TestService | undefined;

async function start() {
  const connection = azuriteConnection(store.port);
  service = await startService({ TABLES_CONNECTION: connection, TABLES_NAME: table, NOTIFICATION_HOSTS: '127.0.0.1' });
  return service;
}

beforeAll(async () => {
  [receiver, store] = await Promise.all([startRecordingReceiver(), startFaultProxy()]);
});
beforeEach(() => {
  table = newTableName();
});
afterEach(async () => {
  store.fault = undefined;
  receiver.reply = undefined;
  if (service) await killService(service);
  await tableClient(table).deleteTable();
});
afterAll(async () => {
  await Promise.all([receiver?.close(), store?.close()]);
});

test('a warm update asks the store once without a subscription, and at most twice before its answer with one', async () => {
  const service = await start();
  let requests = 0;
  store.fault = ({ method, url }) => {
    // Lists of subscriptions are read in the background, every few seconds for each tenant.
    const isList = method === 'GET' && new URL(url, 'http://store').search.includes('subscriptions_');
    if (!isList) requests += 1;
    return 'pass';
  };
  const warm = async (n: number) => {
    requests = 0;
    const { status } = await patch(service, { clientContext: `${n}` }, { path: '/counted' });
    expect(status).toBe(200);
    return requests;
  };
  await warm(0);
  expect([await warm(1), await warm(2), await warm(3)]).toEqual([1, 1, 1]);

  await subscribe(service, receiver, '/all');
  await subscribe(service, receiver, '/ended', ENDED);
  await untilDelivered(table);
  expect(await warm(4)).toBe(2);
}, 60_000);

/** Whether the receiver at `/one` is down until the timer runs, and how many requests the service sends at least. */
const scenarios = [
  { title: 'delivers at once', isDown: false, requests: 5 },
  { title: 'delivers by the timer, since a receiver was down', isDown: true, requests: 9 },
];

test.each(scenarios)(
  `an acknowledged change reaches every subscription, wherever the instance that $title dies (seed ${seed})`,
  async ({ isDown, requests }) => {
    let service = await start();
    await Promise.all(['/one', '/other'].map((path) => subscribe(service, receiver, path)));
    const random = randomOf(seed);
    const points = Array.from({ length: requests }, (_, point) => ({ point, order: random() }));
    const chosen = points.toSorted((a, b) => a.order - b.order).slice(0, CHOSEN_POINTS);
    for (const { point } of isWhole ? points : chosen) {
      for (const when of ['before', 'after'] as const) expect(await killAt(point, when)).toBe(true);
    }
    // Until there are no more requests.
    for (let point = requests; isWhole && (await killAt(point, 'before')); point++) {
      await killAt(point, 'after');
    }

    /** Makes a change, and kills the service at a request; whether it came so far. */
    async function killAt(point: number, when: 'before' | 'after'): Promise<boolean> {
      const id = crypto.randomUUID();
      const { headers } = await patch(service, { status: 'Running' }, { path: `/${id}` });
      const created = headers.get('etag') ?? '';
      expect(created).not.toBe('');
      await settle();

      let count = 0;
      let killed: Promise<void> | undefined;
      const kill = () => {
        killed ??= killService(service);
        return killed;
      };
      store.fault = async () => {
        if (killed || count++ !== point) return 'pass';
        if (when === 'after') return { beforeAnswer: kill };
        await kill();
        return 'resetBefore';
      };
      let isStillDown = isDown;
      receiver.reply = async (path) => {
        const isHere = !killed && count++ === point;
        if (isHere) await kill();
        // Accepted, although nobody is left to know, or not even read.
        if (isHere && when === 'before') return { status: 500 };
        return isStillDown && path === '/one' ? { status: 503, headers: { 'Retry-After': '1' } } : undefined;
      };

      const response = await patch(service, { status: 'Completed' }, { path: `/${id}` }).catch(() => undefined);
      if (isDown) {
        await settle(() => killed !== undefined);
        isStillDown = false;
        if (!killed) {
          await expireLeases(table);
          await runTimer(service).catch(() => {});
        }
      }
      await settle(() => killed !== undefined);
      store.fault = undefined;
      receiver.reply = undefined;
      const wasKilled = killed !== undefined;
      if (killed) {
        await killed;
        service = await start();
      }
      for (let run = 0; run < 2; run++) {
        await expireLeases(table);
        await runTimer(service);
      }

      const stored = await tableClient(table)
        .listEntities<{ status: string }>({ queryOptions: { filter: `RowKey eq '${id}'` } })
        .next();
      const isWritten = stored.value?.status === 'Completed';
      if (response?.status === 200) expect(isWritten).toBe(true);
      const reached = ['/one', '/other'].filter((path) =>
        receiver.at(path).some((each) => each.id === id && each.status === 'Completed'),
      );
      expect({ point, when, reached }).toEqual({ point, when, reached: isWritten ? ['/one', '/other'] : [] });
      expect(await expireLeases(table)).toBe(0);
      return wasKilled;

      /** Waits until nothing has been asked for a while: a pause in which more could be asked only makes a kill come later. */
      async function settle(isOver = () => false) {
        for (let last = -1; last !== store.requests.length && !isOver(); ) {
          last = store.requests.length;
          await new Promise((resolve) => setTimeout(resolve, 300));
        }
      }
    }
  },
  isWhole ? 3_600_000 : 300_000,
);
