// Reading one operation: OData Protocol, 11.2. What a key, a precondition and $select may be is in test/unit.
import { beforeAll, expect, test } from '@jest/globals';
import { type TestAnswer, type TestRequest, useApp } from '../support/app.ts';

const app = useApp();

const PATH = '/v1.0/playPromptOperation';
const get = (request: TestRequest = {}) => app.send({ method: 'GET', path: `${PATH}/read`, ...request });

let written: TestAnswer;
beforeAll(async () => {
  written = await app.send({ path: `${PATH}/read`, body: { status: 'Running', resultInfo: { code: 200 } } });
});

test('GET answers what the last update answered, and needs no Content-Type; HEAD answers the same headers', async () => {
  const answers = [await get({ headers: { 'content-type': undefined } }), await get({ method: 'HEAD' })];
  expect(answers[0]?.json).toEqual(written.json);
  for (const { status, headers } of answers)
    expect([status, headers.get('etag')]).toEqual([200, written.headers.get('etag')]);
});

test.each(["('read')", "(id='read')", '%28%27read%27%29'])('a key names the operation, too: %s', async (key) => {
  const path = PATH + key;
  expect((await get({ path })).json).toEqual(written.json);
  expect((await app.send({ path, body: {} })).json).toEqual(written.json);
  const { json } = await app.send({ path, body: { id: 'other' } });
  expect(json.error.details).toMatchObject([{ code: 'IdMismatch' }]);
});

test('is a 404 where there is none, with any preconditions; it creates nothing', async () => {
  const path = `${PATH}/none`;
  for (const headers of [{}, { 'if-match': '*' }, { 'if-none-match': '*' }]) {
    const { status, json } = await get({ path, headers });
    expect([status, json.error.code]).toEqual([404, 'ResourceNotFound']);
  }
  expect((await get({ path, method: 'HEAD' })).status).toBe(404);
  expect((await app.send({ path, headers: { 'if-match': '*' }, body: {} })).status).toBe(412);
});

test('If-None-Match of what is stored is 304, with the ETag and without a body; a stale If-Match is 412', async () => {
  const etag = written.headers.get('etag') ?? '';
  for (const value of ['*', etag]) {
    const { status, headers, text } = await get({ headers: { 'if-none-match': value, 'client-request-id': 'mine' } });
    expect([status, text, headers.get('etag'), headers.get('content-type')]).toEqual([304, '', etag, null]);
    expect(headers.get('client-request-id')).toBe('mine');
  }
  expect((await get({ headers: { 'if-match': etag } })).status).toBe(200);
  expect((await get({ headers: { 'if-match': '"other"', 'if-none-match': '*' } })).status).toBe(412);
});
