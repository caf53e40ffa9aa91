// Batching: Microsoft Graph, "Combine multiple HTTP requests using JSON batching"; OData JSON Format, section 19.
import { expect, test } from '@jest/globals';
import { MAX_BODY_BYTES } from '../../shared/http/jsonBody.ts';
import { type TestRequest, useApp } from '../support/app.ts';

const app = useApp();
const JSON_TYPE = { 'Content-Type': 'application/json' };
const post = (requests: readonly object[], request: TestRequest = {}) =>
  app.send({ method: 'POST', path: '/v1.0/$batch', body: { requests }, ...request });
const get = (id: string, url: string, more: object = {}) => ({ id, method: 'GET', url, ...more });
const read = (id: string, operation = '', more?: object) => get(id, `/playPromptOperation/${operation}`, more);
const update = (id: string, operation = '', body: unknown, more: { headers?: object; dependsOn?: string[] } = {}) =>
  read(id, operation, { ...more, method: 'PATCH', headers: { ...JSON_TYPE, ...more.headers }, body });

interface Response {
  readonly id: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The answers of a batch by the ids of its requests. */
async function answersTo(requests: readonly object[]) {
  const { status, json } = await post(requests);
  expect([status, Object.keys(json)]).toEqual([200, ['responses']]);
  expect(json.responses).toHaveLength(requests.length);
  const byId: Record<string, Response> = Object.fromEntries(json.responses.map((each: Response) => [each.id, each]));
  return byId;
}
const statusesOf = async (requests: readonly object[]) =>
  Object.fromEntries(Object.entries(await answersTo(requests)).map(([id, { status }]) => [id, status]));

test('answers each request as if it came alone', async () => {
  for (const id of ['known', 'another'])
    await app.send({ path: `/v1.0/playPromptOperation/${id}`, body: { status: 'Running' } });
  const alone = await app.send({ method: 'GET', path: '/v1.0/playPromptOperation/known' });
  const repeatable = {
    'Repeatability-Request-ID': crypto.randomUUID(),
    'Repeatability-First-Sent': new Date().toUTCString(),
  };
  const requests: [number, object][] = [
    [200, update('u', 'new', { status: 'Completed' })],
    [200, read('r', 'known')],
    [200, get('k', "playPromptOperation('known')?$select=status")],
    [304, read('c', 'known', { headers: { 'If-None-Match': alone.headers.get('etag') } })],
    [204, update('m', 'quiet', {}, { headers: { Prefer: 'return=minimal' } })],
    [200, get('l', 'playPromptOperation?$top=1&$select=id', { method: 'get' })],
    [404, read('d', 'none', { method: 'DELETE' })],
    [400, update('b', 'bad', { status: 'String' })],
    [404, read('n', 'none')],
    [405, read('p', 'known', { method: 'PUT' })],
    [404, get('x', '/nothing')],
    [412, update('f', 'stale', {}, { headers: { 'If-Match': '"1"' } })],
    [415, update('t', 'type', {}, { headers: { 'Content-Type': 'text/plain' } })],
    [200, read('h', 'known', { method: 'HEAD' })],
    [200, update('a', 'again', {}, { headers: repeatable })],
  ];
  const answers = await answersTo(requests.map(([, request]) => request));
  expect(Object.values(answers).map(({ status }) => status)).toEqual(requests.map(([status]) => status));
  const { r, k, c, m, l, b, p, h, a } = answers;
  expect(r?.body).toEqual(alone.json);
  expect(r?.headers).toMatchObject({
    ETag: alone.headers.get('etag'),
    'Content-Type': 'application/json;odata.metadata=minimal;charset=utf-8',
    'OData-Version': '4.0',
  });
  const context = 'http://127.0.0.1:7071/v1.0/$metadata#playPromptOperation(status)/$entity';
  expect(k?.body).toMatchObject({ '@odata.context': context, status: 'Running' });
  const nextLink = expect.stringMatching(/^http:\/\/127\.0\.0\.1:7071\/v1\.0\/playPromptOperation\?/);
  expect(l?.body).toMatchObject({ '@odata.nextLink': nextLink });
  expect(b?.body).toMatchObject({ error: { details: [{ target: 'status' }] } });
  expect(p?.headers.Allow).toBe('DELETE, GET, HEAD, PATCH');
  expect(a?.headers['Repeatability-Result']).toBe('accepted');
  for (const each of [c, m, h]) expect(each).not.toHaveProperty('body');
});

test('its own answer has the headers of every answer, whose ids those of its requests go by', async () => {
  const requests = [read('1', 'a'), read('2', 'a', { headers: { 'Client-Request-Id': 'its-own' } })];
  const { status, headers, json } = await post(requests, { headers: { 'client-request-id': 'mine' } });
  expect([status, headers.get('client-request-id')]).toEqual([200, 'mine']);
  const [{ headers: first, body, ...rest }, second] = json.responses;
  expect(rest).toEqual({ id: '1', status: 404 });
  expect(body.error.innerError['request-id']).toBe(`${headers.get('request-id')}.1`);
  expect([first['client-request-id'], second.headers['client-request-id']]).toEqual(['mine', 'its-own']);
});

test('what dependsOn names is done before, wherever it stands; what was not modified was successful', async () => {
  await app.send({ path: '/v1.0/playPromptOperation/known', body: {} });
  const requests = [
    read('3', 'created', { dependsOn: ['2'] }),
    update('2', 'created', {}, { headers: { 'If-None-Match': '*' }, dependsOn: ['1'] }),
    read('1', 'known', { headers: { 'If-None-Match': '*' } }),
  ];
  expect(await statusesOf(requests)).toEqual({ 1: 304, 2: 200, 3: 200 });
});

test('requests that depend on one that failed are 424 and not run, and so are those that depend on them', async () => {
  const answers = await answersTo([
    update('1', 'none', { status: 'String' }),
    update('2', 'none', { status: 'Running' }, { dependsOn: ['1'] }),
    update('3', 'none', {}, { dependsOn: ['2'] }),
  ]);
  expect(Object.values(answers).map(({ status }) => status)).toEqual([400, 424, 424]);
  expect(answers[2]?.body).toMatchObject({ error: { code: 'FailedDependency' } });
  expect(await statusesOf([read('1', 'none')])).toEqual({ 1: 404 });
});

test('a body of one request has the same limit as alone', async () => {
  const EMPTY = JSON.stringify({ clientContext: null, 'x@odata.y': '' }).length;
  const padded = (length: number) => ({ clientContext: null, 'x@odata.y': 'x'.repeat(length - EMPTY) });
  const requests = [update('1', 'a', padded(MAX_BODY_BYTES)), update('2', 'b', padded(MAX_BODY_BYTES + 1))];
  expect(await statusesOf(requests)).toEqual({ 1: 200, 2: 413 });
});

test.each<[string, TestRequest]>([
  ['If-Match', { headers: { 'if-match': '*' } }],
  ['If-None-Match', { headers: { 'if-none-match': '*' } }],
  ['Prefer', { headers: { prefer: 'return=minimal' } }],
  ['requests/0/method', { body: { requests: [{ id: '1', url: '/' }] } }],
])('is refused with %s', async (target, request) => {
  const { status, json } = await post([read('1', 'a')], request);
  expect([status, json.error.details]).toMatchObject([400, [{ target }]]);
});

test('is refused within a batch', async () => {
  const requests = ['$batch', '/$batch', '/%24Batch/'].map((url) => get(url, url, { method: 'POST' }));
  const error = { message: 'A batch cannot contain another batch.' };
  for (const answer of Object.values(await answersTo(requests)))
    expect(answer).toMatchObject({ status: 400, body: { error } });
});

test('a URL may begin with that of the service, and reaches nothing outside of it', async () => {
  await app.send({ path: '/v1.0/playPromptOperation/known', body: {} });
  const roots = ['/v1.0/', 'v1.0/', 'http://127.0.0.1:7071/v1.0/', ''];
  const inside = roots.map((root) => `${root}playPromptOperation/known`);
  const outside = ['/../openapi.json', '/openapi.json', 'http://other/v1.0/playPromptOperation', '/v1.0/v1.0', '/%'];
  const nulls = { headers: null, body: null, dependsOn: null };
  const answers = await answersTo([...inside, ...outside].map((url) => get(url, url, nulls)));
  for (const url of inside) expect([url, answers[url]?.status]).toEqual([url, 200]);
  for (const url of outside) expect([url, answers[url]?.status]).toEqual([url, 404]);
});

test('describes the service, as XML in base64url too', async () => {
  const { 1: service, 2: metadata } = await answersTo([get('1', '/'), get('2', '$metadata')]);
  expect(service?.body).toMatchObject({ value: [expect.anything()] });
  expect(metadata?.headers['Content-Type']).toBe('application/xml');
  expect(Buffer.from(String(metadata?.body), 'base64url').toString()).toMatch(/^<\?xml .*<\/edmx:Edmx>$/);
});
