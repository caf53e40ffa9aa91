// Removing an operation: OData Protocol, 11.4.5. Preconditions of it are in test/e2e/client.test.ts, other tenants in tokens.test.ts.
import { expect, test } from '@jest/globals';
import { useApp } from '../support/app.ts';

const app = useApp();
const path = '/v1.0/playPromptOperation/a';

test('answers 204 without a body; the operation is gone, can be created again, and then starts anew', async () => {
  await app.send({ path, body: { status: 'Failed', clientContext: 'before' } });
  const ownId = { 'client-request-id': 'mine' };
  const { status, headers, text } = await app.send({ method: 'DELETE', path, headers: ownId });
  expect([status, text, headers.get('client-request-id')]).toEqual([204, '', 'mine']);
  expect([headers.get('etag'), headers.get('content-type')]).toEqual([null, null]);
  expect((await app.send({ method: 'GET', path })).status).toBe(404);
  const { json } = await app.send({ path, headers: { 'if-none-match': '*' }, body: {} });
  expect(json).toMatchObject({ status: 'NotStarted', clientContext: null });
});
