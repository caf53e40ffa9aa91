// Repeatable Requests 1.0 (OASIS).
import { beforeAll, describe, expect, test } from '@jest/globals';
import { sameService, type TestAnswer, type TestRequest, useApp } from '../support/app.ts';
import { claimsOf } from '../support/tokens.ts';

const app = useApp();
const other = useApp(() => sameService(app));
const newPath = () => `/v1.0/playPromptOperation/${crypto.randomUUID()}`;
const repeatability = (firstSent = Date.now(), id: string = crypto.randomUUID()) => ({
  'repeatability-request-id': id,
  'repeatability-first-sent': new Date(firstSent).toUTCString(),
});
const resultOf = ({ status, headers }: TestAnswer) => [status, headers.get('repeatability-result')];

describe('a request that is sent again', () => {
  test('gets the same status, body and ETag, by any instance, and changes nothing', async () => {
    const request: TestRequest = { path: newPath(), headers: repeatability(), body: { status: 'Running' } };
    const first = await app.send(request);
    expect(resultOf(first)).toEqual([200, 'accepted']);
    await app.send({ path: request.path ?? '', body: { status: 'Completed' } });
    for (const instance of [app, other, app]) {
      const again = await instance.send({ ...request, token: app.token });
      expect(resultOf(again)).toEqual([200, 'accepted']);
      expect([again.json, again.headers.get('etag')]).toEqual([first.json, first.headers.get('etag')]);
    }
    expect((await app.send({ method: 'GET', path: request.path ?? '' })).json.status).toBe('Completed');
  });

  test('gets 204 again where it preferred no body', async () => {
    const headers = { ...repeatability(), prefer: 'return=minimal' };
    const request = { path: newPath(), headers, body: { status: 'Running' } };
    const first = await app.send(request);
    await app.send({ path: request.path, body: { status: 'Completed' } });
    const again = await app.send(request);
    for (const { status, headers: answered, text } of [first, again]) {
      expect([status, text, answered.get('preference-applied')]).toEqual([204, '', 'return=minimal']);
      expect(answered.get('etag')).toBe(first.headers.get('etag'));
    }
  });

  test('is the same in another notation', async () => {
    const headers = repeatability();
    const path = newPath();
    const body = '{"status":"running","resultInfo":{"code":1,"message":"x"}}';
    const first = await app.send({ path, headers, body });
    const notation = '{ "resultInfo": { "message": "x", "code": 1.0 }, "status": "Running" }';
    expect((await app.send({ path, headers, body: notation })).json).toEqual(first.json);
  });
});

describe('is rejected', () => {
  const path = newPath();
  const headers = repeatability();
  beforeAll(() => app.send({ path, headers, body: { status: 'Running' } }));

  const { 'repeatability-request-id': id } = headers;
  const rows: [number, string, TestRequest][] = [
    [400, 'another body', { headers, body: { status: 'Failed' } }],
    [400, 'another precondition', { headers: { ...headers, 'if-match': '*' } }],
    [400, 'another preference', { headers: { ...headers, prefer: 'return=minimal' } }],
    [400, 'another date', { headers: { ...headers, ...repeatability(Date.now() - 60_000, id) } }],
    [412, 'what is too old', { headers: repeatability(Date.now() - 3_600_000) }],
    [400, 'a removal with one header', { method: 'DELETE', headers: { 'repeatability-request-id': id } }],
  ];
  test.each(rows)('%i: %s', async (status, _title, request) => {
    const before = await app.send({ method: 'GET', path });
    const answer = await app.send({ path, body: { status: 'Running' }, ...request });
    expect(resultOf(answer)).toEqual([status, 'rejected']);
    expect((await app.send({ method: 'GET', path })).json).toEqual(before.json);
  });
});

test('a refused request is rejected, and done when it is sent again', async () => {
  const request = { path: newPath(), headers: { ...repeatability(), 'if-match': '*' }, body: {} };
  expect(resultOf(await app.send(request))).toEqual([412, 'rejected']);
  await app.send({ path: request.path, body: {} });
  expect(resultOf(await app.send(request))).toEqual([200, 'accepted']);
});

test('another caller’s request of the same id is another request', async () => {
  const request = { path: newPath(), headers: repeatability() };
  const colleague = await app.issuer.sign(claimsOf(app.issuer, { oid: 'another', sub: 'another' }));
  await app.send({ ...request, body: { status: 'Running' } });
  const answer = await app.send({ ...request, token: colleague, body: { status: 'Completed' } });
  expect([...resultOf(answer), answer.json.status]).toEqual([200, 'accepted', 'Completed']);
});
