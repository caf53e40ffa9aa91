// Change notifications: Microsoft Graph, "subscription resource type".
import { afterAll, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { skippingClock, type TestRequest, testInProcess, useApp } from '../support/app.ts';
import { SIGNING_SECRET } from '../support/notifications.ts';
import { type Reply, startRecordingReceiver } from '../support/recordingReceiver.ts';
import { tableClient } from '../support/tables.ts';
import { AUDIENCE, claimsOf, OTHER_TENANT, ROLE } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const PATH = '/v1.0/subscriptions';
const OPERATION = '/v1.0/playPromptOperation';

const app = useApp({ NOTIFICATION_HOSTS: '127.0.0.1' }, skippingClock());
const without = useApp();
const receiver = await startRecordingReceiver();
const base = receiver.url;
const refusal = { status: 500, body: 'secret of the inside' };
receiver.reply = (path, token) => (token === null ? refuseFirst(path) : path === '/refuses' ? refusal : undefined);
afterAll(() => receiver.close());

/** What the table holds while the first attempt at /signed is made, which is refused. */
let rowsMeanwhile: Record<string, unknown>[] = [];
async function refuseFirst(path: string): Promise<Reply | undefined> {
  if (path !== '/signed' || receiver.sentTo(path).length > 1) return undefined;
  rowsMeanwhile = await Array.fromAsync(tableClient(app.table).listEntities());
  return { status: 503 };
}

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
const subscribe = (changes: object = {}, request: TestRequest = {}) => {
  const required = { changeType: 'updated', resource: 'playPromptOperation', notificationUrl: `${base}/good` };
  const body = { ...required, expirationDateTime: inHours(1), ...changes };
  return app.send({ method: 'POST', path: PATH, body, ...request });
};
const read = (path: string, request: TestRequest = {}) => app.send({ method: 'GET', path, ...request });
const renew = (path: string, body: object, headers = {}) => app.send({ method: 'PATCH', path, body, headers });
const remove = (path: string, headers = {}) => app.send({ method: 'DELETE', path, headers });
const change = (id: string, body: object) => app.send({ path: `${OPERATION}/${id}`, body });

/** What arrived at a path, once something did. */
async function notificationsAt(path: string) {
  await until(() => receiver.at(path).length > 0);
  return receiver.at(path);
}

test.each([
  ['a segment', (id: string) => `/${id}`],
  ['a key in parentheses', (id: string) => `('${id}')`],
])('is created, listed, and, by its id as %s, read, renewed and deleted', async (_, keyOf) => {
  const created = await subscribe({ changeType: 'Updated, CREATED', clientState: 'secret' });
  const { id } = created.json;
  expect([created.status, created.headers.get('location')]).toEqual([201, expect.stringMatching(`${PATH}/${id}$`)]);
  const { azp: applicationId, oid: creatorId } = decodeJwt(app.token);
  const shown = { changeType: 'created,updated', clientState: null, lifecycleNotificationUrl: null };
  expect(created.json).toMatchObject({ ...shown, applicationId, creatorId });
  expect((await read(PATH)).json.value).toContainEqual(expect.objectContaining({ id, clientState: null }));

  const path = PATH + keyOf(id);
  const { json } = await read(path);
  expect(json).toMatchObject({ id, ...shown });
  const expirationDateTime = inHours(2);
  expect(await renew(path, { expirationDateTime })).toMatchObject({ status: 200, json: { expirationDateTime } });
  expect([(await remove(path)).status, (await remove(path)).status]).toEqual([204, 404]);
  expect((await read(path)).json.error.code).toBe('ResourceNotFound');
});

test('has a new notificationUrl only once that is validated, and is notified there', async () => {
  const id = crypto.randomUUID();
  const { json } = await subscribe({ notificationUrl: `${base}/before`, resource: `playPromptOperation/${id}` });
  const path = `${PATH}/${json.id}`;
  await change(id, {});

  const refused = await renew(path, { notificationUrl: `${base}/refuses` });
  expect([refused.status, refused.json.error.code]).toEqual([400, 'ValidationError']);
  expect(refused.text).not.toContain('secret');
  expect((await read(path)).json.notificationUrl).toBe(`${base}/before`);

  const moved = await renew(path, { notificationUrl: `${base}/after` });
  expect([moved.status, moved.json.notificationUrl]).toEqual([200, `${base}/after`]);
  expect(receiver.validated).toContain('/after');
  await change(id, { clientContext: 'moved' });
  expect(await notificationsAt('/after')).toMatchObject([{ resourceData: { id, clientContext: 'moved' } }]);
  expect(receiver.at('/before')).toEqual([]);
});

test('does not exist for another tenant, or for another application of its tenant', async () => {
  const path = `${PATH}/${(await subscribe()).json.id}`;
  const ofOtherTenant = await app.issuer.issueToken({ tenant: OTHER_TENANT, audience: AUDIENCE, roles: [ROLE] });
  for (const token of [ofOtherTenant, await app.issuer.sign(claimsOf(app.issuer, { azp: 'app-8' }))]) {
    for (const request of [{ method: 'GET' }, { method: 'DELETE' }, { method: 'PATCH', body: {} }])
      expect((await app.send({ path, token, ...request })).status).toBe(404);
    expect((await read(PATH, { token })).json.value).toEqual([]);
  }
  expect((await read(path)).status).toBe(200);
});

test('does not exist for a token whose application has no name, and neither does any other', async () => {
  const token = await app.issuer.sign(claimsOf(app.issuer, { azp: '' }));
  expect([(await read(PATH, { token })).status, (await subscribe({}, { token })).status]).toEqual([403, 403]);
});

test('a precondition holds only if any version will do, since a subscription has no ETag', async () => {
  const path = `${PATH}/${(await subscribe()).json.id}`;
  const renewal = { expirationDateTime: inHours(2) };
  for (const headers of [{ 'if-match': 'W/"1"' }, { 'if-none-match': '*' }]) {
    for (const { status, json } of [await renew(path, renewal, headers), await remove(path, headers)])
      expect([status, json.error.code]).toEqual([412, 'PreconditionFailed']);
  }
  expect((await read(path)).json).not.toMatchObject(renewal);
  for (const headers of [{ 'if-match': '*' }, { 'if-none-match': 'W/"1"' }])
    expect((await renew(path, renewal, headers)).json).toMatchObject(renewal);
  const anyVersion = { 'if-match': '*' };
  expect([(await remove(path, anyVersion)).status, (await remove(path, anyVersion)).status]).toEqual([204, 404]);
});

test('a change that matches is notified with the operation, its ETag and the client state', async () => {
  const id = crypto.randomUUID();
  await subscribe({
    resource: `playPromptOperation/${id}?$filter=status in ('Completed','Failed')`,
    notificationUrl: `${base}/ended?bot=7`,
    clientState: 'mine',
    changeType: 'updated,deleted',
  });
  await change(id, { status: 'Running' });
  await change(id, { status: 'Running', clientContext: 'still' });
  const { status, headers, json } = await change(id, { status: 'Completed' });
  expect(status).toBe(200);
  await change(id, { status: 'Completed' });
  const times = (await read(`${OPERATION}/${id}?$select=createdDateTime,lastActionDateTime`)).json;
  const { '@odata.context': _, ...resourceData } = { ...json, ...times };
  expect(resourceData['@odata.etag']).toBe(headers.get('etag'));
  const resource = `playPromptOperation/${id}`;
  const completed = { changeType: 'updated', clientState: 'mine', resource, resourceData };
  expect(await notificationsAt('/ended')).toEqual([expect.objectContaining(completed)]);

  expect((await remove(`${OPERATION}/${id}`)).status).toBe(204);
  await until(() => receiver.at('/ended').length > 1);
  const [, ...later] = receiver.at('/ended');
  expect(later).toMatchObject([{ changeType: 'deleted' }]);
  expect(later[0]?.resourceData).toEqual({ '@odata.type': '#microsoft.graph.playPromptOperation', id });
});

test('with a signing secret has it in its own row alone', async () => {
  const id = crypto.randomUUID();
  const changes = { notificationUrl: `${base}/signed`, resource: `playPromptOperation/${id}`, changeType: 'created' };
  const { json } = await subscribe({ ...changes, clientState: SIGNING_SECRET });
  const shown = [json, (await read(PATH)).json];
  await change(id, {});

  const key = SIGNING_SECRET.slice(6);
  expect(await notificationsAt('/signed')).toMatchObject([{ clientState: null, resourceData: { id } }]);
  expect(rowsMeanwhile.some(({ partitionKey }) => String(partitionKey).startsWith('outbox_'))).toBe(true);
  const holders = rowsMeanwhile.filter((row) => JSON.stringify(row).includes(key));
  expect(holders.map(({ rowKey }) => rowKey)).toEqual([json.id]);
  const attempts = receiver.sentTo('/signed');
  expect(attempts.map(({ headers }) => 'webhook-signature' in headers)).toEqual([true, true]);
  expect(JSON.stringify([shown, attempts, app.logged])).not.toContain(key);
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
  expect((await subscribe(changes, { headers })).json.error.details).toMatchObject([{ target: '@odata.type' }]);
  const { status, json } = await subscribe(changes);
  const path = `${PATH}/${json.id}`;
  const statuses = [status, (await renew(path, changes, headers)).status, (await renew(path, changes)).status];
  expect(statuses).toEqual([201, 400, 200]);
});

test('without NOTIFICATION_HOSTS there are no subscriptions', async () => {
  expect((await without.send({ method: 'GET', path: PATH })).status).toBe(404);
});
