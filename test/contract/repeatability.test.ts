// Repeatable Requests 1.0 (OASIS).
import { beforeAll, expect, test } from '@jest/globals';
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

test.each([
  ['the same status, body and ETag', 200, undefined],
  ['204 again where it preferred no body', 204, 'return=minimal'],
])('a request that is sent again gets %s, by any instance and in any notation', async (_title, status, prefer) => {
  const request = { path: newPath(), headers: { ...repeatability(), prefer } };
  const first = await app.send({ ...request, body: '{"status":"running","resultInfo":{"code":1,"message":"x"}}' });
  await app.send({ path: request.path, body: { status: 'Completed' } });
  const body = '{ "resultInfo": { "message": "x", "code": 1.0 }, "status": "Running" }';
  const repeated = [app, other, app].map((instance) => instance.send({ ...request, body, token: app.token }));
  for (const answer of [first, ...(await Promise.all(repeated))]) {
    expect(resultOf(answer)).toEqual([status, 'accepted']);
    expect([answer.text, answer.headers.get('etag')]).toEqual([first.text, first.headers.get('etag')]);
    expect(answer.headers.get('preference-applied')).toBe(prefer ?? null);
  }
  expect((await app.send({ method: 'GET', path: request.path })).json.status).toBe('Completed');
});

const known = { path: newPath(), headers: repeatability(), body: { status: 'Running' } };
beforeAll(() => app.send(known));

const { 'repeatability-request-id': id } = known.headers;
test.each<[number, string, TestRequest]>([
  [400, 'another body', { body: { status: 'Failed' } }],
  [400, 'another precondition', { headers: { ...known.headers, 'if-match': '*' } }],
  [400, 'another preference', { headers: { ...known.headers, prefer: 'return=minimal' } }],
  [400, 'another date', { headers: repeatability(Date.now() - 60_000, id) }],
  [412, 'what is too old', { headers: repeatability(Date.now() - 3_600_000) }],
  [400, 'a removal with one header', { method: 'DELETE', headers: { 'repeatability-request-id': id } }],
])('is rejected, and %i: %s', async (status, _title, changes) => {
  const before = await app.send({ method: 'GET', path: known.path });
  expect(resultOf(await app.send({ ...known, ...changes }))).toEqual([status, 'rejected']);
  expect((await app.send({ method: 'GET', path: known.path })).json).toEqual(before.json);
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
