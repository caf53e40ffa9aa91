// Change notifications: Microsoft Graph, "subscription resource type".
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { close, listen } from '../../local/loopback.ts';
import { startApp, type TestApp, type TestRequest, testInProcess } from '../support/app.ts';
import { tableClient } from '../support/tables.ts';
import { AUDIENCE, claimsOf, OTHER_TENANT, ROLE } from '../support/tokens.ts';

const PATH = '/v1.0/subscriptions';
const OPERATION = '/v1.0/playPromptOperation';

let app: TestApp;
let base = '';
/** The notifications that arrived, by the path of their URL. */
const arrived: { path: string; body: { value: Record<string, unknown>[] } }[] = [];
/** The paths of the requests that validate a receiver. */
const validated: string[] = [];
const receiver = createServer((request, response) => {
  void text(request).then((body) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://receiver');
    const token = searchParams.get('validationToken');
    if (token === null) {
      arrived.push({ path: pathname, body: JSON.parse(body) });
      return response.writeHead(202).end();
    }
    validated.push(pathname);
    if (pathname === '/refuses') return response.writeHead(500).end('secret of the inside');
    if (pathname === '/redirects') return response.writeHead(302, { Location: '/good' }).end();
    if (pathname === '/html') return response.writeHead(200, { 'Content-Type': 'text/html' }).end(token);
    if (pathname === '/encoded')
      return response.writeHead(200, { 'Content-Type': 'text/plain' }).end(encodeURIComponent(token));
    return response.writeHead(200, { 'Content-Type': 'text/plain' }).end(token);
  });
});

beforeAll(async () => {
  base = `http://127.0.0.1:${await listen(receiver, 0, 'RECEIVER')}`;
  app = await startApp({ NOTIFICATION_HOSTS: '127.0.0.1' });
});
afterAll(async () => {
  await app.close();
  await close(receiver);
});

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const subscription = (changes: object = {}) => ({
  changeType: 'updated',
  resource: 'playPromptOperation',
  notificationUrl: `${base}/good`,
  expirationDateTime: inAnHour(),
  ...changes,
});
const subscribe = (changes: object = {}, request: TestRequest = {}) =>
  app.send({ method: 'POST', path: PATH, body: subscription(changes), ...request });

/** What arrived at a path, once something did. */
async function notificationsAt(path: string) {
  for (;;) {
    const found = arrived.filter((one) => one.path === path).flatMap(({ body }) => body.value);
    if (found.length > 0) return found;
    await delay(20);
  }
}

test('is created, read, listed, renewed and deleted by its application', async () => {
  const created = await subscribe({
    clientState: 'secret',
    changeType: 'Updated, CREATED',
    resource: '/playPromptOperation',
  });
  expect(created.status).toBe(201);
  const { id } = created.json;
  expect(created.headers.get('location')).toMatch(new RegExp(`${PATH.replace('.', '\\.')}/${id}$`));
  expect(created.json).toMatchObject({
    changeType: 'created,updated',
    clientState: null,
    lifecycleNotificationUrl: null,
    applicationId: decodeJwt(app.token).azp,
    creatorId: decodeJwt(app.token).oid,
  });
  const path = `${PATH}/${id}`;
  expect((await app.send({ method: 'GET', path })).json).toMatchObject({ id, clientState: null });
  const { value } = (await app.send({ method: 'GET', path: PATH })).json;
  expect(value.map((each: { id: string }) => each.id)).toContain(id);
  const expirationDateTime = new Date(Date.now() + 7_200_000).toISOString();
  const renewed = await app.send({ method: 'PATCH', path, body: { expirationDateTime } });
  expect([renewed.status, renewed.json.expirationDateTime]).toEqual([200, expirationDateTime]);

  expect((await app.send({ method: 'GET', path: PATH, token: undefined })).status).toBe(401);
  expect((await app.send({ method: 'DELETE', path })).status).toBe(204);
  expect((await app.send({ method: 'GET', path })).json.error.code).toBe('ResourceNotFound');
});

test('has a new notificationUrl only once that is validated, and is notified there', async () => {
  const { json } = await subscribe({ notificationUrl: `${base}/before` });
  const path = `${PATH}/${json.id}`;
  const id = crypto.randomUUID();
  await app.send({ path: `${OPERATION}/${id}`, body: {} });

  const refused = await app.send({ method: 'PATCH', path, body: { notificationUrl: `${base}/refuses` } });
  expect([refused.status, refused.json.error.code]).toEqual([400, 'ValidationError']);
  expect((await app.send({ method: 'GET', path })).json.notificationUrl).toBe(`${base}/before`);

  const moved = await app.send({ method: 'PATCH', path, body: { notificationUrl: `${base}/after` } });
  expect([moved.status, moved.json.notificationUrl]).toEqual([200, `${base}/after`]);
  expect(validated).toContain('/after');
  await app.send({ path: `${OPERATION}/${id}`, body: { clientContext: 'moved' } });
  expect(await notificationsAt('/after')).toMatchObject([{ resourceData: { id, clientContext: 'moved' } }]);
  expect(arrived.filter((one) => one.path === '/before')).toEqual([]);
});

const tokenOfOtherTenant = () => app.issuer.issueToken({ tenant: OTHER_TENANT, audience: AUDIENCE, roles: [ROLE] });

test('does not exist for another tenant, or for another application of its tenant', async () => {
  const { json } = await subscribe();
  const path = `${PATH}/${json.id}`;
  for (const token of [await tokenOfOtherTenant(), await app.issuer.sign(claimsOf(app.issuer, { azp: 'app-8' }))]) {
    for (const request of [{ method: 'GET' }, { method: 'DELETE' }, { method: 'PATCH', body: {} }]) {
      expect((await app.send({ path, token, ...request })).status).toBe(404);
    }
    expect((await app.send({ method: 'GET', path: PATH, token })).json.value).toEqual([]);
  }
  expect((await app.send({ method: 'DELETE', path })).status).toBe(204);
});

test('is notified of changes in its own tenant only', async () => {
  const token = await tokenOfOtherTenant();
  const [other, own] = await Promise.all([
    subscribe({ notificationUrl: `${base}/other`, changeType: 'created' }, { token }),
    subscribe({ notificationUrl: `${base}/own`, changeType: 'created' }),
  ]);
  const ids = { own: crypto.randomUUID(), other: crypto.randomUUID() };
  await app.send({ path: `${OPERATION}/${ids.own}`, body: {} });
  await app.send({ path: `${OPERATION}/${ids.other}`, body: {}, token });
  expect(await notificationsAt('/own')).toMatchObject([{ resourceData: { id: ids.own } }]);
  expect(await notificationsAt('/other')).toMatchObject([
    { tenantId: OTHER_TENANT, subscriptionId: other.json.id, resourceData: { id: ids.other } },
  ]);
  await app.send({ method: 'DELETE', path: `${PATH}/${own.json.id}` });
  await app.send({ method: 'DELETE', path: `${PATH}/${other.json.id}`, token });
});

test('is refused where the tenant has 100, before anything is sent to a receiver', async () => {
  const token = await tokenOfOtherTenant();
  const { json } = await subscribe({}, { token });
  const table = tableClient(app.table);
  const partitionKey = `subscriptions_${OTHER_TENANT}`;
  const row = await table.getEntity(partitionKey, json.id);
  const copies = Array.from({ length: 99 }, (_, n) => ({ ...row, partitionKey, rowKey: `copy-${n}` }));
  await table.submitTransaction(copies.map((copy) => ['create', copy]));
  const { status, json: refusal } = await subscribe({ notificationUrl: `${base}/refused` }, { token });
  expect([status, refusal.error.code]).toEqual([403, expect.any(String)]);
  expect(validated).not.toContain('/refused');

  const expiration = new Date(Date.now() - 1).toISOString();
  await table.submitTransaction(copies.map((copy) => ['update', { ...copy, expiration }]));
  expect((await subscribe({}, { token })).status).toBe(201);
  const more = copies.map((copy, n) => ({ ...copy, rowKey: `expired-${n}`, expiration }));
  await table.submitTransaction(more.map((copy) => ['create', copy]));
  expect((await subscribe({}, { token })).status).toBe(403);
  for (const each of [copies, more]) await table.submitTransaction(each.map((copy) => ['delete', copy]));
});

describe('a precondition', () => {
  test('holds only if any version will do, since a subscription has no ETag', async () => {
    const path = `${PATH}/${(await subscribe()).json.id}`;
    const expirationDateTime = new Date(Date.now() + 7_200_000).toISOString();
    for (const headers of [{ 'if-match': 'W/"1"' }, { 'if-none-match': '*' }]) {
      for (const request of [{ method: 'PATCH', body: { expirationDateTime } }, { method: 'DELETE' }]) {
        const { status, json } = await app.send({ path, headers, ...request });
        expect([status, json.error.code]).toEqual([412, 'PreconditionFailed']);
      }
    }
    expect((await app.send({ method: 'GET', path })).json.expirationDateTime).not.toBe(expirationDateTime);
    for (const headers of [{ 'if-match': '*' }, { 'if-none-match': 'W/"1"' }]) {
      const { json } = await app.send({ method: 'PATCH', path, headers, body: { expirationDateTime } });
      expect(json).toMatchObject({ expirationDateTime });
    }
    expect((await app.send({ method: 'DELETE', path, headers: { 'if-match': '*' } })).status).toBe(204);
    expect((await app.send({ method: 'DELETE', path, headers: { 'if-match': '*' } })).status).toBe(404);
  });
});

test('a repeatable change of a subscription is refused, and a GET ignores the headers', async () => {
  const headers = {
    'repeatability-request-id': crypto.randomUUID(),
    'repeatability-first-sent': new Date().toUTCString(),
  };
  const { status, headers: answered } = await subscribe({}, { headers });
  expect([status, answered.get('repeatability-result')]).toEqual([501, 'rejected']);
  expect((await app.send({ method: 'GET', path: PATH, headers })).status).toBe(200);
});

test('is read, renewed and deleted by a key in parentheses too', async () => {
  const { id } = (await subscribe()).json;
  const path = `${PATH}('${id}')`;
  expect((await app.send({ method: 'GET', path })).json).toMatchObject({ id });
  expect((await app.send({ method: 'GET', path: `${PATH}(id='${id}')` })).json).toMatchObject({ id });
  const expirationDateTime = new Date(Date.now() + 7_200_000).toISOString();
  expect((await app.send({ method: 'PATCH', path, body: { expirationDateTime } })).json).toMatchObject({
    expirationDateTime,
  });
  expect((await app.send({ method: 'GET', path: `${PATH}(${id})` })).json.error.code).toBe('BadRequest');
  expect((await app.send({ method: 'DELETE', path })).status).toBe(204);
  expect((await app.send({ method: 'DELETE', path })).status).toBe(404);
});

test('a change that matches is notified with the operation, its ETag and the client state', async () => {
  const filter = "$filter=status in ('Completed','Failed')";
  const notificationUrl = `${base}/ended?bot=7`;
  await subscribe({
    resource: `playPromptOperation?${filter}`,
    notificationUrl,
    clientState: 'mine',
    changeType: 'updated,deleted',
  });
  const path = `${OPERATION}/${crypto.randomUUID()}`;
  await app.send({ path, body: { status: 'Running' } });
  await app.send({ path, body: { status: 'Running', clientContext: 'still' } });
  const { headers, json } = await app.send({ path, body: { status: 'Completed' } });
  await app.send({ path, body: { status: 'Completed' } });
  const [notification, ...others] = await notificationsAt('/ended');
  expect(others).toEqual([]);
  const { '@odata.context': _, ...resourceData } = json;
  expect(notification).toMatchObject({ changeType: 'updated', clientState: 'mine', resourceData });
  expect(resourceData['@odata.etag']).toBe(headers.get('etag'));
  expect(notification?.resource).toBe(`playPromptOperation/${json.id}`);

  arrived.length = 0;
  await app.send({ method: 'DELETE', path });
  const [deleted] = await notificationsAt('/ended');
  expect(deleted).toMatchObject({ changeType: 'deleted' });
  expect(deleted?.resourceData).toEqual({ '@odata.type': '#microsoft.graph.playPromptOperation', id: json.id });
});

test('names every fault of a body at once', async () => {
  const { status, json } = await subscribe({
    changeType: 'renamed',
    resource: 'users',
    notificationUrl: 'https://169.254.169.254/',
    lifecycleNotificationUrl: 'https://elsewhere.example/',
    expirationDateTime: new Date(Date.now() + 4 * 24 * 3_600_000).toISOString(),
    clientState: 'x'.repeat(129),
    includeResourceData: true,
  });
  expect(status).toBe(400);
  const targets = json.error.details.map((detail: { target: string }) => detail.target).toSorted();
  expect(targets).toEqual([
    'changeType',
    'clientState',
    'expirationDateTime',
    'includeResourceData',
    'lifecycleNotificationUrl',
    'notificationUrl',
    'resource',
  ]);
});

// The embedded host answers to no such name.
testInProcess('from a Host that is too long for its Location is refused before its receiver is asked', async () => {
  const path = `http://${'a.'.repeat(1500)}b${PATH}`;
  const { status, json } = await subscribe({ notificationUrl: `${base}/long-host` }, { path });
  expect([status, json.error.details[0].target]).toEqual([400, 'Host']);
  expect(validated).not.toContain('/long-host');
});

test('has annotations by the OData version of its request: in 4.01, @type is @odata.type', async () => {
  const changes = { '@type': '#microsoft.graph.call', '@note': 1 };
  for (const [version, targets] of [
    ['4.0', ['@type', '@note']],
    ['4.01', ['@odata.type']],
  ] as const) {
    const headers = { 'odata-version': version };
    const created = await subscribe(changes, { headers });
    expect(created.json.error.details).toMatchObject(targets.map((target) => ({ target })));
  }
  const headers = { 'odata-version': '4.01' };
  const { status, json } = await subscribe({ '@type': '#microsoft.graph.subscription', '@note': 1 }, { headers });
  expect(status).toBe(201);
  const path = `${PATH}/${json.id}`;
  expect((await app.send({ method: 'PATCH', path, headers, body: changes })).status).toBe(400);
  expect((await app.send({ method: 'PATCH', path, headers, body: { '@note': 1 } })).status).toBe(200);
  expect((await app.send({ method: 'PATCH', path, body: { '@note': 1 } })).status).toBe(400);
});

describe('a receiver that does not return the token', () => {
  test.each(['/refuses', '/redirects', '/html', '/encoded'])(
    '%s is refused, and nothing of its response is repeated',
    async (path) => {
      const { status, json } = await subscribe({ notificationUrl: base + path });
      expect([status, json.error.code]).toEqual([400, 'ValidationError']);
      expect(JSON.stringify(json)).not.toContain('secret');
    },
  );
});

test('without NOTIFICATION_HOSTS there are no subscriptions', async () => {
  const without = await startApp();
  const { status } = await without.send({ method: 'GET', path: PATH });
  const { json } = await without.send({ method: 'GET', path: '/openapi.json' });
  await without.close();
  expect([status, json.paths[PATH]]).toEqual([404, undefined]);
});
