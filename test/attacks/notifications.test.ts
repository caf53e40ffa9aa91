// No acknowledged change is lost for a subscription, although the service is killed while it writes and delivers.
// NOTIFICATION_ROUNDS=50 npm test -- --coverage=false test/attacks/notifications runs longer.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as z from 'zod';
import { close, listen } from '../../local/loopback.ts';
import { ADMIN_KEY, killService, patch, startService, type TestService } from '../support/service.ts';
import { azuriteConnection, newTableName, tableClient } from '../support/tables.ts';

const ROUNDS = Number(process.env.NOTIFICATION_ROUNDS ?? 3);
const OPERATIONS = 8;

const notifications = z.object({
  value: z.array(
    z.looseObject({
      subscriptionId: z.string(),
      changeType: z.string(),
      clientState: z.string(),
      resourceData: z.looseObject({
        id: z.string(),
        '@odata.etag': z.string().optional(),
        status: z.string().optional(),
      }),
    }),
  ),
});

const table = newTableName();
const env = { TABLES_CONNECTION: azuriteConnection(), TABLES_NAME: table, NOTIFICATION_HOSTS: '127.0.0.1' };

/** The ETags that each subscription received, by operation; the path of the URL tells them apart. */
const received = new Map<string, Map<string, { etag: string; status: string | undefined }[]>>();
let failures = 0;
const receiver = createServer((request, response) => {
  void (async () => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://receiver');
    const token = searchParams.get('validationToken');
    const body = await text(request);
    if (token !== null) return response.writeHead(200, { 'Content-Type': 'text/plain' }).end(token);
    if (failures > 0) {
      failures -= 1;
      return response.writeHead(500).end();
    }
    for (const { clientState, resourceData } of notifications.parse(JSON.parse(body)).value) {
      expect(clientState).toBe(pathname);
      const byOperation = received.get(pathname) ?? new Map();
      received.set(pathname, byOperation);
      const { id, '@odata.etag': etag = '', status } = resourceData;
      byOperation.set(id, [...(byOperation.get(id) ?? []), { etag, status }]);
    }
    return response.writeHead(202).end();
  })();
});
let receiverUrl = '';
let service: TestService;

beforeAll(async () => {
  receiverUrl = `http://127.0.0.1:${await listen(receiver, 0, 'RECEIVER')}`;
  service = await startService(env);
}, 60_000);

afterAll(async () => {
  await service?.end('SIGINT');
  await close(receiver);
  await tableClient(table).deleteTable();
});

function subscribe(path: string, resource: string) {
  const { baseUrl, token } = service.facts;
  return fetch(`${baseUrl}/v1.0/subscriptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      changeType: 'created,updated',
      resource,
      notificationUrl: receiverUrl + path,
      expirationDateTime: new Date(Date.now() + 3_600_000).toISOString(),
      clientState: path,
    }),
  });
}

/** What a minute does: the leases of the instance that was killed run out. */
async function expireLeases() {
  const client = tableClient(table);
  const filter = "PartitionKey ge 'outbox_' and PartitionKey lt 'outbox`'";
  let count = 0;
  for await (const { partitionKey = '', rowKey = '' } of client.listEntities({ queryOptions: { filter } })) {
    count += 1;
    await client.updateEntity({ partitionKey, rowKey, dueAt: new Date(0).toISOString() }, 'Merge');
  }
  return count;
}

async function runTimer() {
  const { baseUrl } = service.facts;
  const response = await fetch(`${baseUrl}/admin/functions/deliverNotifications`, {
    method: 'POST',
    headers: { 'x-functions-key': ADMIN_KEY },
  });
  expect(response.status).toBe(202);
}

/** The time in an ETag of Table Storage, which later versions have later. */
const timeOf = (etag: string) => /datetime'(.*)'/.exec(decodeURIComponent(etag))?.[1] ?? '';

test(
  `in ${ROUNDS} rounds, every acknowledged change reaches every matching subscription`,
  async () => {
    expect((await subscribe('/all', 'playPromptOperation')).status).toBe(201);
    expect((await subscribe('/ended', "/playPromptOperation?$filter=status in ('Completed','Failed')")).status).toBe(
      201,
    );
    const acknowledged: { id: string; etag: string; status: string }[] = [];

    for (let round = 0; round < ROUNDS; round++) {
      let isKilled = false;
      failures = Math.floor(Math.random() * 6);
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
      await delay(200 + Math.random() * 800);
      const killed = killService(service);
      isKilled = true;
      await Promise.all([killed, ...callers]);
      service = await startService(env);
      failures = 0;
      await expireLeases();
      await runTimer();
      await expireLeases();
      await runTimer();
    }

    expect(acknowledged.length).toBeGreaterThan(ROUNDS * OPERATIONS);
    const missing = acknowledged.flatMap(({ id, etag, status }) =>
      (status === 'Completed' ? ['/all', '/ended'] : ['/all'])
        .filter(
          (path) =>
            !received
              .get(path)
              ?.get(id)
              ?.some((one) => timeOf(one.etag) >= timeOf(etag)),
        )
        .map((path) => ({ path, id, etag })),
    );
    expect(missing).toEqual([]);
    expect(await expireLeases()).toBe(0);
  },
  30_000 + ROUNDS * 20_000,
);
