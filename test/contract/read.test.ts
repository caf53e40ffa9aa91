// Reading one operation: OData Protocol, 11.2.
import { beforeAll, expect, test } from '@jest/globals';
import { type TestAnswer, type TestRequest, useApp } from '../support/app.ts';
import { AUDIENCE, OTHER_TENANT, ROLE } from '../support/tokens.ts';

const app = useApp();

const path = '/v1.0/playPromptOperation/read';
const get = (request: TestRequest = {}) => app.send({ method: 'GET', path, ...request });

const update = { clientContext: 'call 7', status: 'Running', resultInfo: { code: 200, message: 'played' } };
let written: TestAnswer;
beforeAll(async () => {
  written = await app.send({ path, body: update });
});

test('answers what the last update answered, with the same ETag', async () => {
  const { status, headers, json } = await get();
  expect(status).toBe(200);
  expect(json).toEqual(written.json);
  expect(headers.get('etag')).toBe(written.headers.get('etag'));
  expect(headers.get('content-type')).toBe('application/json;odata.metadata=minimal;charset=utf-8');
  expect(headers.get('odata-version')).toBe('4.0');
});

test('needs no Content-Type', async () => {
  expect((await get({ headers: { 'content-type': undefined } })).status).toBe(200);
});

test.each(["('read')", "(id='read')", '(%27read%27)', '%28%27read%27%29'])('finds it by its key: %s', async (key) => {
  const { status, json } = await get({ path: `/v1.0/playPromptOperation${key}` });
  expect([status, json]).toEqual([200, written.json]);
});

test('an update finds it by its key, too', async () => {
  const byKey = "/v1.0/playPromptOperation('by-key')";
  const { status, json } = await app.send({ path: byKey, body: { status: 'Failed' } });
  expect([status, json.id, json.status]).toEqual([200, 'by-key', 'Failed']);
  const { json: refused } = await app.send({ path: byKey, body: { id: 'other' } });
  expect(refused.error.details).toMatchObject([{ code: 'IdMismatch' }]);
});

test('is a 404 where there is none, with any preconditions, and for another tenant; it creates nothing', async () => {
  const none = '/v1.0/playPromptOperation/none';
  for (const headers of [{}, { 'if-match': '*' }, { 'if-none-match': '*' }]) {
    const { status, json } = await get({ path: none, headers });
    expect([status, json.error.code]).toEqual([404, 'ResourceNotFound']);
  }
  const token = await app.issuer.issueToken({ tenant: OTHER_TENANT, audience: AUDIENCE, roles: [ROLE] });
  expect((await get({ token })).status).toBe(404);
  expect((await app.send({ path: none, headers: { 'if-match': '*' }, body: {} })).status).toBe(412);
});

test('If-None-Match of what is stored is 304, with the ETag and without a body; a stale If-Match is 412', async () => {
  const etag = written.headers.get('etag') ?? '';
  for (const value of ['*', etag, etag.replace('W/', ''), `"other", ${etag}`]) {
    const { status, headers, text } = await get({ headers: { 'if-none-match': value, 'client-request-id': 'mine' } });
    expect([status, text, headers.get('etag'), headers.get('content-type')]).toEqual([304, '', etag, null]);
    expect(headers.get('client-request-id')).toBe('mine');
  }
  expect((await get({ headers: { 'if-match': etag } })).status).toBe(200);
  expect((await get({ headers: { 'if-match': '"other"', 'if-none-match': '*' } })).status).toBe(412);
});

test('$select returns the properties that it names, and the context names them', async () => {
  const { json } = await get({ path: `${path}?$select=Status,id` });
  expect(json).toEqual({
    '@odata.context': 'http://127.0.0.1:7071/v1.0/$metadata#playPromptOperation(id,status)/$entity',
    '@odata.type': '#microsoft.graph.playPromptOperation',
    '@odata.etag': written.headers.get('etag'),
    id: 'read',
    status: 'Running',
  });
});

test('HEAD answers the same headers', async () => {
  const { status, headers } = await get({ method: 'HEAD' });
  expect([status, headers.get('etag')]).toEqual([200, written.headers.get('etag')]);
  expect((await get({ method: 'HEAD', path: '/v1.0/playPromptOperation/none' })).status).toBe(404);
});
