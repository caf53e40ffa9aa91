// Change notifications: Microsoft Graph, "subscription resource type".
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Webhook } from 'standardwebhooks';
import { skippingClock, type TestRequest, testInProcess, useApp } from '../support/app.ts';
import { SIGNING_SECRET } from '../support/notifications.ts';
import { TENANT } from '../support/operations.ts';
import { type RecordingReceiver, type Reply, startRecordingReceiver } from '../support/recordingReceiver.ts';
import { tableClient } from '../support/tables.ts';
import { AUDIENCE, claimsOf, OTHER_TENANT, ROLE } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const PATH = '/v1.0/subscriptions';
const OPERATION = '/v1.0/playPromptOperation';
const STRANGER = crypto.randomUUID();

const tenants = { AUTH_TENANTS: [TENANT, OTHER_TENANT, STRANGER].join() };
const app = useApp({ ...tenants, NOTIFICATION_HOSTS: '127.0.0.1' }, skippingClock());
const without = useApp();
let receiver: RecordingReceiver;
let base = '';
beforeAll(async () => {
  receiver = await startRecordingReceiver();
  const refusal = { status: 500, body: 'secret of the inside' };
  receiver.reply = (path, token) => (token === null ? refuseFirst(path) : path === '/refuses' ? refusal : undefined);
  base = receiver.url;
});
afterAll(() => receiver.close());

/** What the table holds while the first attempt at /signed is made, which is refused. */
let rowsMeanwhile: Record<string, unknown>[] = [];
async function refuseFirst(path: string): Promise<Reply | undefined> {
  if (path !== '/signed' || receiver.sentTo(path).length > 1) return undefined;
  rowsMeanwhile = await Array.fromAsync(tableClient(app.table).listEntities());
  return { status: 503 };
}

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
const subscription = (changes: object = {}) => ({
  changeType: 'updated',
  resource: 'playPromptOperation',
  notificationUrl: `${base}/good`,
  expirationDateTime: inHours(1),
  ...changes,
});
const subscribe = (changes: object = {}, request: TestRequest = {}) =>
  app.send({ method: 'POST', path: PATH, body: subscription(changes), ...request });

/** What arrived at a path, once something did. */
async function notificationsAt(path: string) {
  await until(() => receiver.at(path).length > 0);
  return receiver.at(path);
}

const tokenOf = (tenant: string) => app.issuer.issueToken({ tenant, audience: AUDIENCE, roles: [ROLE] });

test('is created, read, listed, renewed and deleted by its application', async () => {
  const changes = { clientState: 'secret', changeType: 'Updated, CREATED', resource: '/playPromptOperation' };
  const created = await subscribe(changes);
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
  const expirationDateTime = inHours(2);
  const renewed = await app.send({ method: 'PATCH', path, body: { expirationDateTime } });
  expect([renewed.status, renewed.json.expirationDateTime]).toEqual([200, expirationDateTime]);

  expect((await app.send({ method: 'GET', path: PATH, token: undefined })).status).toBe(401);
  expect((await app.send({ method: 'DELETE', path })).status).toBe(204);
  expect((await app.send({ method: 'GET', path })).json.error.code).toBe('ResourceNotFound');
});

test('has a new notificationUrl only once that is validated, and is notified there', async () => {
  const id = crypto.randomUUID();
  const { json } = await subscribe({ notificationUrl: `${base}/before`, resource: `playPromptOperation/${id}` });
  const path = `${PATH}/${json.id}`;
  await app.send({ path: `${OPERATION}/${id}`, body: {} });

  const refused = await app.send({ method: 'PATCH', path, body: { notificationUrl: `${base}/refuses` } });
  expect([refused.status, refused.json.error.code]).toEqual([400, 'ValidationError']);
  expect(refused.text).not.toContain('secret');
  expect((await app.send({ method: 'GET', path })).json.notificationUrl).toBe(`${base}/before`);

  const moved = await app.send({ method: 'PATCH', path, body: { notificationUrl: `${base}/after` } });
  expect([moved.status, moved.json.notificationUrl]).toEqual([200, `${base}/after`]);
  expect(receiver.validated).toContain('/after');
  await app.send({ path: `${OPERATION}/${id}`, body: { clientContext: 'moved' } });
  expect(await notificationsAt('/after')).toMatchObject([{ resourceData: { id, clientContext: 'moved' } }]);
  expect(receiver.at('/before')).toEqual([]);
});

test('does not exist for another tenant, or for another application of its tenant', async () => {
  const { json } = await subscribe();
  const path = `${PATH}/${json.id}`;
  for (const token of [await tokenOf(STRANGER), await app.issuer.sign(claimsOf(app.issuer, { azp: 'app-8' }))]) {
    for (const request of [{ method: 'GET' }, { method: 'DELETE' }, { method: 'PATCH', body: {} }]) {
      expect((await app.send({ path, token, ...request })).status).toBe(404);
    }
    expect((await app.send({ method: 'GET', path: PATH, token })).json.value).toEqual([]);
  }
  expect((await app.send({ method: 'DELETE', path })).status).toBe(204);
});

test('is notified of changes in its own tenant only', async () => {
  const token = await tokenOf(OTHER_TENANT);
  const id = crypto.randomUUID();
  const changes = { resource: `playPromptOperation/${id}`, changeType: 'created' };
  const [other] = await Promise.all([
    subscribe({ ...changes, notificationUrl: `${base}/other` }, { token }),
    subscribe({ ...changes, notificationUrl: `${base}/own` }),
  ]);
  await app.send({ path: `${OPERATION}/${id}`, body: { clientContext: 'own' } });
  await app.send({ path: `${OPERATION}/${id}`, body: { clientContext: 'other' }, token });
  expect(await notificationsAt('/own')).toMatchObject([{ resourceData: { id, clientContext: 'own' } }]);
  expect(await notificationsAt('/other')).toMatchObject([
    { tenantId: OTHER_TENANT, subscriptionId: other.json.id, resourceData: { id, clientContext: 'other' } },
  ]);
});

test('does not exist for a token whose application has no name, and neither does any other', async () => {
  const token = await app.issuer.sign(claimsOf(app.issuer, { azp: '' }));
  expect((await app.send({ method: 'GET', path: PATH, token })).status).toBe(403);
  expect((await subscribe({}, { token })).status).toBe(403);
});

test('a precondition holds only if any version will do, since a subscription has no ETag', async () => {
  const path = `${PATH}/${(await subscribe()).json.id}`;
  const renewal = { method: 'PATCH', path, body: { expirationDateTime: inHours(2) } };
  for (const headers of [{ 'if-match': 'W/"1"' }, { 'if-none-match': '*' }]) {
    for (const request of [renewal, { method: 'DELETE' }]) {
      const { status, json } = await app.send({ path, headers, ...request });
      expect([status, json.error.code]).toEqual([412, 'PreconditionFailed']);
    }
  }
  expect((await app.send({ method: 'GET', path })).json).not.toMatchObject(renewal.body);
  for (const headers of [{ 'if-match': '*' }, { 'if-none-match': 'W/"1"' }])
    expect((await app.send({ headers, ...renewal })).json).toMatchObject(renewal.body);
  const remove = async () => (await app.send({ method: 'DELETE', path, headers: { 'if-match': '*' } })).status;
  expect([await remove(), await remove()]).toEqual([204, 404]);
});

test('is read, renewed and deleted by a key in parentheses too', async () => {
  const { id } = (await subscribe()).json;
  const path = `${PATH}('${id}')`;
  expect((await app.send({ method: 'GET', path })).json).toMatchObject({ id });
  expect((await app.send({ method: 'GET', path: `${PATH}(id='${id}')` })).json).toMatchObject({ id });
  const body = { expirationDateTime: inHours(2) };
  expect((await app.send({ method: 'PATCH', path, body })).json).toMatchObject(body);
  expect((await app.send({ method: 'DELETE', path })).status).toBe(204);
  expect((await app.send({ method: 'DELETE', path })).status).toBe(404);
});

test('a change that matches is notified with the operation, its ETag and the client state', async () => {
  const id = crypto.randomUUID();
  await subscribe({
    resource: `playPromptOperation/${id}?$filter=status in ('Completed','Failed')`,
    notificationUrl: `${base}/ended?bot=7`,
    clientState: 'mine',
    changeType: 'updated,deleted',
  });
  const path = `${OPERATION}/${id}`;
  await app.send({ path, body: { status: 'Running' } });
  await app.send({ path, body: { status: 'Running', clientContext: 'still' } });
  const { status, headers, json } = await app.send({ path, body: { status: 'Completed' } });
  expect(status).toBe(200);
  await app.send({ path, body: { status: 'Completed' } });
  const times = (await app.send({ method: 'GET', path: `${path}?$select=createdDateTime,lastActionDateTime` })).json;
  const { '@odata.context': _, ...resourceData } = { ...json, ...times };
  expect(resourceData['@odata.etag']).toBe(headers.get('etag'));
  const resource = `playPromptOperation/${id}`;
  const completed = { changeType: 'updated', clientState: 'mine', resource, resourceData };
  expect(await notificationsAt('/ended')).toEqual([expect.objectContaining(completed)]);

  expect((await app.send({ method: 'DELETE', path })).status).toBe(204);
  await until(() => receiver.at('/ended').length > 1);
  const [, ...later] = receiver.at('/ended');
  expect(later).toMatchObject([{ changeType: 'deleted' }]);
  expect(later[0]?.resourceData).toEqual({ '@odata.type': '#microsoft.graph.playPromptOperation', id });
});

test('with a signing secret signs each attempt, and the secret is in the row of the subscription alone', async () => {
  const id = crypto.randomUUID();
  const changes = { notificationUrl: `${base}/signed`, resource: `playPromptOperation/${id}` };
  const { json } = await subscribe({ ...changes, clientState: SIGNING_SECRET, changeType: 'created' });
  const path = `${PATH}/${json.id}`;
  const refused = await app.send({ method: 'PATCH', path, body: { clientState: SIGNING_SECRET } });
  expect([refused.status, refused.json.error.details]).toMatchObject([400, [{ target: 'clientState' }]]);
  const shown = [json, refused.json, (await app.send({ method: 'GET', path: PATH })).json];
  await app.send({ path: `${OPERATION}/${id}`, body: {} });

  const key = SIGNING_SECRET.slice(6);
  expect(await notificationsAt('/signed')).toMatchObject([{ clientState: null, resourceData: { id } }]);
  expect(rowsMeanwhile.some(({ partitionKey }) => String(partitionKey).startsWith('outbox_'))).toBe(true);
  const holders = rowsMeanwhile.filter((row) => JSON.stringify(row).includes(key));
  expect(holders.map(({ rowKey }) => rowKey)).toEqual([json.id]);
  const attempts = receiver.sentTo('/signed');
  for (const { body, headers } of attempts) {
    const own = Object.entries(headers).filter((header): header is [string, string] =>
      header[0].startsWith('webhook-'),
    );
    expect(new Webhook(SIGNING_SECRET).verify(body, Object.fromEntries(own))).toEqual(JSON.parse(body));
  }
  expect(new Set(attempts.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect([attempts.length, `${JSON.stringify([shown, attempts])}${app.logged.join()}`.includes(key)]).toEqual([
    2,
    false,
  ]);
});

test('names every fault of a body at once', async () => {
  const { status, json } = await subscribe({ changeType: 'renamed', notificationUrl: 'https://169.254.169.254/' });
  expect([status, json.error.details]).toMatchObject([400, [{ target: 'changeType' }, { target: 'notificationUrl' }]]);
});

// The embedded host answers to no such name.
testInProcess('from a Host that is too long for its Location is refused before its receiver is asked', async () => {
  const path = `http://${'a.'.repeat(1500)}b${PATH}`;
  const { status, json } = await subscribe({ notificationUrl: `${base}/long-host` }, { path });
  expect([status, json.error.details[0].target]).toEqual([400, 'Host']);
  expect(receiver.validated).not.toContain('/long-host');
});

test('ignores annotations; @type is @odata.type in OData 4.01 alone', async () => {
  const changes = { '@type': '#microsoft.graph.call', '@note': 1 };
  const headers = { 'odata-version': '4.01' };
  const refused = await subscribe(changes, { headers });
  expect(refused.json.error.details).toMatchObject([{ target: '@odata.type' }]);
  const { status, json } = await subscribe(changes);
  expect(status).toBe(201);
  const path = `${PATH}/${json.id}`;
  expect((await app.send({ method: 'PATCH', path, headers, body: changes })).status).toBe(400);
  expect((await app.send({ method: 'PATCH', path, body: changes })).status).toBe(200);
  // As it was read.
  expect((await app.send({ method: 'PATCH', path, body: json })).status).toBe(200);
});

test('without NOTIFICATION_HOSTS there are no subscriptions', async () => {
  const { status } = await without.send({ method: 'GET', path: PATH });
  const { json } = await without.send({ method: 'GET', path: '/openapi.json' });
  expect([status, json.paths[PATH]]).toEqual([404, undefined]);
});
