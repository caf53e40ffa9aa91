// Removing an operation: OData Protocol, 11.4.5. Preconditions of it are in test/e2e/client.test.ts.
import { expect, test } from '@jest/globals';
import { type TestRequest, useApp } from '../support/app.ts';
import { AUDIENCE, OTHER_TENANT, ROLE } from '../support/tokens.ts';

const app = useApp();
const newPath = () => `/v1.0/playPromptOperation/${crypto.randomUUID()}`;
const remove = (path: string, request: TestRequest = {}) => app.send({ method: 'DELETE', path, ...request });
const statusOf = async (path: string) => (await app.send({ method: 'GET', path })).status;

test('answers 204 without a body; the operation is gone, can be created again, and then starts anew', async () => {
  const path = newPath();
  await app.send({ path, body: { status: 'Failed', clientContext: 'before' } });
  const { status, headers, text } = await remove(path, { headers: { 'client-request-id': 'mine' } });
  expect([status, text, headers.get('client-request-id')]).toEqual([204, '', 'mine']);
  expect([headers.get('etag'), headers.get('content-type')]).toEqual([null, null]);
  expect(await statusOf(path)).toBe(404);
  const { json } = await app.send({ path, headers: { 'if-none-match': '*' }, body: {} });
  expect(json).toMatchObject({ status: 'NotStarted', clientContext: null });
});

test('another tenant’s operation is a 404, and stays', async () => {
  const path = newPath();
  await app.send({ path, body: {} });
  const token = await app.issuer.issueToken({ tenant: OTHER_TENANT, audience: AUDIENCE, roles: [ROLE] });
  expect((await remove(path, { token })).status).toBe(404);
  expect(await statusOf(path)).toBe(200);
});
