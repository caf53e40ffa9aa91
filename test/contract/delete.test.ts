// Removing an operation: OData Protocol, 11.4.5.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startApp, type TestApp, type TestRequest } from '../support/app.ts';
import { AUDIENCE, OTHER_TENANT, ROLE } from '../support/tokens.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const newPath = () => `/v1.0/playPromptOperation/${crypto.randomUUID()}`;
const create = (path: string) => app.send({ path, body: { status: 'Running' } });
const remove = (path: string, request: TestRequest = {}) => app.send({ method: 'DELETE', path, ...request });
const statusOf = async (path: string) => (await app.send({ method: 'GET', path })).status;

test('answers 204 without a body, and the operation is gone', async () => {
  const path = newPath();
  await create(path);
  const { status, headers, text } = await remove(path, { headers: { 'client-request-id': 'mine' } });
  expect([status, text]).toEqual([204, '']);
  expect(headers.get('client-request-id')).toBe('mine');
  expect(headers.get('etag')).toBeNull();
  expect(headers.get('content-type')).toBeNull();
  expect(await statusOf(path)).toBe(404);
});

test('what is gone can be created again, and starts anew', async () => {
  const path = newPath();
  await app.send({ path, body: { status: 'Failed', clientContext: 'before' } });
  await remove(path);
  const { json } = await app.send({ path, headers: { 'if-none-match': '*' }, body: {} });
  expect(json).toMatchObject({ status: 'NotStarted', clientContext: null });
});

test('deletes no operation of another tenant', async () => {
  const path = newPath();
  await create(path);
  const token = await app.issuer.issueToken({ tenant: OTHER_TENANT, audience: AUDIENCE, roles: [ROLE] });
  expect((await remove(path, { token })).status).toBe(404);
  expect(await statusOf(path)).toBe(200);
});

test('with an If-Match that is stale is 412, with one that holds 204', async () => {
  const path = newPath();
  const stale = (await create(path)).headers.get('etag') ?? '';
  const current = (await app.send({ path, body: { status: 'Failed' } })).headers.get('etag') ?? '';
  expect((await remove(path, { headers: { 'if-match': stale } })).status).toBe(412);
  expect(await statusOf(path)).toBe(200);
  expect((await remove(path, { headers: { 'if-match': current } })).status).toBe(204);
});
