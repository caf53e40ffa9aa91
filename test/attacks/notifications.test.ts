// No acknowledged change is lost for a subscription, although the service is killed while it writes and delivers.
// NOTIFICATION_ROUNDS=50 npm test -- --coverage=false test/attacks/notifications runs longer.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  expireLeases,
  type RecordingReceiver,
  runTimer,
  startRecordingReceiver,
  subscribe,
} from '../support/recordingReceiver.ts';
import { killService, patch, startService, type TestService } from '../support/service.ts';
import { azuriteConnection, newTableName, tableClient } from '../support/tables.ts';

const ROUNDS = Number(process.env.NOTIFICATION_ROUNDS ?? 3);
const OPERATIONS = 8;

const table = newTableName();
const env = { TABLES_CONNECTION: azuriteConnection(), TABLES_NAME: table, NOTIFICATION_HOSTS: '127.0.0.1' };

let receiver: RecordingReceiver;
let service: TestService;

beforeAll(async () => {
  receiver = await startRecordingReceiver();
  service = await startService(env);
}, 60_000);

afterAll(async () => {
  await service?.end('SIGINT');
  await receiver?.close();
  await tableClient(table).deleteTable();
});

/** The time in an ETag of Table Storage, which later versions have later. */
const timeOf = (etag: string) => /datetime'(.*)'/.exec(decodeURIComponent(etag))?.[1] ?? '';

test(
  `in ${ROUNDS} rounds, every acknowledged change reaches every matching subscription`,
  async () => {
    await subscribe(service, receiver, '/all');
    await subscribe(service, receiver, '/ended', "/playPromptOperation?$filter=status in ('Completed','Failed')");
    const acknowledged: { id: string; etag: string; status: string }[] = [];

    for (let round = 0; round < ROUNDS; round++) {
      let isKilled = false;
      let failures = Math.floor(Math.random() * 6);
      receiver.reply = () => (failures-- > 0 ? { status: 500 } : undefined);
      const callers = Array.from({ length: OPERATIONS }, async (_, n) => {
        for (let step = 0; !isKilled; step++) {
          const id = `round-${round}-${n}`;
          const status = step % 3 === 2 ? 'Completed' : 'Running';
          const response = await patch(service, { status, clientContext: `${step}` }, { path: `/${id}` }).catch(
            () => {},
          );
          if (response?.status === 200) acknowledged.push({ id, etag: response.headers.get('etag') ?? '', status });
        }
      });
      const until = acknowledged.length + OPERATIONS * (1 + Math.random() * 4);
      while (acknowledged.length <= until) await delay(5);
      const killed = killService(service);
      isKilled = true;
      await Promise.all([killed, ...callers]);
      service = await startService(env);
      receiver.reply = undefined;
      for (let run = 0; run < 2; run++) {
        await expireLeases(table);
        await runTimer(service);
      }
    }

    const missing = acknowledged.flatMap(({ id, etag, status }) =>
      (status === 'Completed' ? ['/all', '/ended'] : ['/all'])
        .filter((path) => !receiver.at(path).some((each) => each.id === id && timeOf(each.etag) >= timeOf(etag)))
        .map((path) => ({ path, id, etag })),
    );
    expect(missing).toEqual([]);
    expect(await expireLeases(table)).toBe(0);
  },
  30_000 + ROUNDS * 20_000,
);
