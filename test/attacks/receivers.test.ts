// Two instances on one store, and receivers that misbehave beside one that does not.
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { close, listen } from '../../local/loopback.ts';
import { TENANT } from '../support/operations.ts';
import {
  type Received,
  type RecordingReceiver,
  startRecordingReceiver,
  subscribe,
  untilDelivered,
} from '../support/recordingReceiver.ts';
import { patch, send, startService, type TestService } from '../support/service.ts';
import { azuriteConnection, newTableName, tableClient } from '../support/tables.ts';
import { AUDIENCE, OTHER_TENANT, ROLE } from '../support/tokens.ts';

const OPERATIONS = 200;
const CALLERS = 8;
const THIRD_TENANT = '99999999-9999-4999-8999-999999999999';

const table = newTableName();
let issuer: Issuer;
let receiver: RecordingReceiver;
let instances: TestService[];
beforeAll(async () => {
  [issuer, receiver] = await Promise.all([startIssuer(0), startRecordingReceiver()]);
  const env = {
    AUTH_AUTHORITY: issuer.authority,
    AUTH_TENANTS: `${TENANT},${OTHER_TENANT},${THIRD_TENANT}`,
    TABLES_CONNECTION: azuriteConnection(),
    TABLES_NAME: table,
    NOTIFICATION_HOSTS: '127.0.0.1',
  };
  instances = await Promise.all([startService(env), startService(env)]);
}, 60_000);
afterAll(async () => {
  await Promise.all((instances ?? []).map((instance) => instance.end('SIGINT')));
  await Promise.all([issuer?.close(), receiver?.close()]);
  await tableClient(table).deleteTable();
});

/** An instance with a token of a tenant. */
async function facts(n: number, tenant = TENANT) {
  const baseUrl = instances[n % instances.length]?.facts.baseUrl ?? '';
  return { facts: { baseUrl, token: await issuer.issueToken({ tenant, audience: AUDIENCE, roles: [ROLE] }) } };
}

/** Runs work for each operation, several at a time. */
async function forEachOperation(work: (n: number) => Promise<void>) {
  let next = 0;
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (let n = next++; n < OPERATIONS; n = next++) await work(n);
    }),
  );
}

/** What was notified, without repetitions. */
const changesOf = (received: readonly Received[]) =>
  [...new Set(received.map(({ id, changeType, status }) => `${id} ${changeType} ${status}`))].toSorted();

test('each subscription gets the changes that it asks for from both instances, and no other', async () => {
  const [one, other] = await Promise.all([facts(0), facts(1)]);
  const stranger = await facts(0, OTHER_TENANT);
  await Promise.all([
    subscribe(one, receiver, '/all', 'playPromptOperation', 'created,updated,deleted'),
    subscribe(other, receiver, '/ended', "playPromptOperation?$filter=status in ('Completed','Failed')"),
    subscribe(other, receiver, '/seventh', 'playPromptOperation/operation-7', 'updated'),
  ]);
  const expected = { all: [] as string[], ended: [] as string[], seventh: [] as string[] };

  await forEachOperation(async (n) => {
    const id = `operation-${n}`;
    const last = ['Completed', 'Failed', 'Running'][n % 3] ?? '';
    const [first, second] = n % 2 === 0 ? [one, other] : [other, one];
    expect((await patch(first, { clientContext: 'a' }, { path: `/${id}` })).status).toBe(200);
    expect((await patch(second, { clientContext: 'b', status: last }, { path: `/${id}` })).status).toBe(200);
    expected.all.push(`${id} created NotStarted`, `${id} updated ${last}`);
    if (last !== 'Running') expected.ended.push(`${id} updated ${last}`);
    if (n === 7) expected.seventh.push(`${id} updated ${last}`);
    if (n % 10 === 0) {
      expect((await send(first, 'DELETE', `/v1.0/playPromptOperation/${id}`)).status).toBe(204);
      expected.all.push(`${id} deleted undefined`);
    }
    expect((await patch(stranger, { status: 'Completed' }, { path: `/${id}` })).status).toBe(200);
  });
  await untilDelivered(table);

  expect(changesOf(receiver.at('/all'))).toEqual(expected.all.toSorted());
  expect(changesOf(receiver.at('/ended'))).toEqual(expected.ended.toSorted());
  expect(changesOf(receiver.at('/seventh'))).toEqual(expected.seventh.toSorted());
  expect(new Set(receiver.at('/all').map(({ tenantId }) => tenantId))).toEqual(new Set([TENANT]));
}, 120_000);

test('a receiver gets every change while others hang, fail, redirect or never end their responses', async () => {
  const one = await facts(0, THIRD_TENANT);
  const open: (() => void)[] = [];
  const misbehave = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://receiver');
    const token = searchParams.get('validationToken');
    if (token !== null) return response.writeHead(200, { 'Content-Type': 'text/plain' }).end(token);
    if (pathname === '/fails') return response.writeHead(500).end();
    if (pathname === '/redirects') return response.writeHead(307, { Location: `${receiver.url}/elsewhere` }).end();
    if (pathname === '/streams') {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'.repeat(65_536)), 5);
      response.on('close', () => clearInterval(timer));
    }
    // What remains hangs.
    open.push(() => response.destroy());
    return response;
  });
  const url = `http://127.0.0.1:${await listen(misbehave, 0, 'RECEIVER')}`;
  try {
    for (const path of ['/hangs', '/fails', '/redirects', '/streams']) await subscribe(one, { url }, path);
    await subscribe(one, receiver, '/beside');
    const ids = Array.from({ length: 60 }, () => crypto.randomUUID());
    for (const id of ids) expect((await patch(one, {}, { path: `/${id}` })).status).toBe(200);
    while (new Set(receiver.at('/beside').map(({ id }) => id)).size < ids.length) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(receiver.at('/elsewhere')).toEqual([]);
  } finally {
    for (const end of open) end();
    misbehave.closeAllConnections();
    await close(misbehave);
  }
}, 120_000);
