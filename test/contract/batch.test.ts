// Batching: Microsoft Graph, "Combine multiple HTTP requests using JSON batching"; OData JSON Format, section 19.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MAX_BODY_BYTES } from '../../shared/http/jsonBody.ts';
import { MAX_BATCH_REQUESTS } from '../../shared/odata/batchRequest.ts';
import { startApp, type TestApp, type TestRequest } from '../support/app.ts';
import { AUDIENCE, OTHER_TENANT, ROLE } from '../support/tokens.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const PATH = '/v1.0/$batch';
const JSON_TYPE = { 'Content-Type': 'application/json' };
const post = (requests: readonly object[], request: TestRequest = {}) =>
  app.send({ method: 'POST', path: PATH, body: { requests }, ...request });
const update = (id: string, address: string, body: unknown, more: object = {}) => ({
  ...{ id, method: 'PATCH', url: `/playPromptOperation/${address}`, headers: JSON_TYPE, body },
  ...more,
});
const read = (id: string, address: string, more: object = {}) => ({
  ...{ id, method: 'GET', url: `/playPromptOperation/${address}` },
  ...more,
});

interface Response {
  readonly id: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: a test inspects any answer.
  readonly body?: any;
}

/** The answers of a batch by the ids of its requests. */
async function answersTo(requests: readonly object[], request: TestRequest = {}) {
  const { status, json } = await post(requests, request);
  expect([status, Object.keys(json)]).toEqual([200, ['responses']]);
  expect(json.responses).toHaveLength(requests.length);
  return new Map<string, Response>(json.responses.map((each: Response) => [each.id, each]));
}
const statusesOf = async (requests: readonly object[]) =>
  Object.fromEntries([...(await answersTo(requests))].map(([id, { status }]) => [id, status]));

test('answers each request as if it came alone', async () => {
  for (const id of ['known', 'another']) {
    await app.send({ path: `/v1.0/playPromptOperation/${id}`, body: { status: 'Running' } });
  }
  const alone = await app.send({ method: 'GET', path: '/v1.0/playPromptOperation/known' });
  const answers = await answersTo([
    update('u', 'new', { status: 'Completed' }),
    read('r', 'known'),
    read('k', "x')", { url: "playPromptOperation('known')?$select=status" }),
    read('c', 'known', { headers: { 'If-None-Match': alone.headers.get('etag') } }),
    update('m', 'quiet', {}, { headers: { ...JSON_TYPE, Prefer: 'return=minimal' } }),
    { id: 'l', method: 'get', url: 'playPromptOperation?$top=1&$select=id' },
    { id: 'd', method: 'DELETE', url: '/playPromptOperation/none' },
    update('b', 'bad', { status: 'String' }),
    read('n', 'none'),
    { id: 'p', method: 'PUT', url: '/playPromptOperation/known' },
    { id: 'x', method: 'GET', url: '/nothing' },
    update('f', 'stale', {}, { headers: { ...JSON_TYPE, 'If-Match': '"1"' } }),
    update('t', 'type', {}, { headers: { 'Content-Type': 'text/plain' } }),
    { id: 'h', method: 'HEAD', url: '/playPromptOperation/known' },
  ]);
  expect(Object.fromEntries([...answers].map(([id, { status }]) => [id, status]))).toEqual({
    ...{
      u: 200,
      r: 200,
      k: 200,
      c: 304,
      m: 204,
      l: 200,
      d: 404,
      b: 400,
      n: 404,
      p: 405,
      x: 404,
      f: 412,
      t: 415,
      h: 200,
    },
  });
  expect(answers.get('r')?.body).toEqual(alone.json);
  expect(answers.get('r')?.headers).toMatchObject({
    ETag: alone.headers.get('etag'),
    'Content-Type': 'application/json;odata.metadata=minimal;charset=utf-8',
    'OData-Version': '4.0',
  });
  expect(answers.get('k')?.body).toMatchObject({
    '@odata.context': 'http://127.0.0.1:7071/v1.0/$metadata#playPromptOperation(status)/$entity',
    status: 'Running',
  });
  expect(answers.get('l')?.body['@odata.nextLink']).toMatch(
    /^http:\/\/127\.0\.0\.1:7071\/v1\.0\/playPromptOperation\?/,
  );
  expect(answers.get('b')?.body.error.details).toMatchObject([{ target: 'status' }]);
  expect(answers.get('p')?.headers.Allow).toBe('DELETE, GET, HEAD, PATCH');
  for (const id of ['c', 'm', 'h']) expect(answers.get(id)).not.toHaveProperty('body');
});

describe('its own answer', () => {
  test('has the headers of every answer, and Graph’s shape', async () => {
    const { status, headers, json } = await post([read('1', 'a')], { headers: { 'client-request-id': 'mine' } });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json;odata.metadata=minimal;charset=utf-8');
    expect(headers.get('client-request-id')).toBe('mine');
    const [{ id, status: inner, headers: innerHeaders, body, ...rest }] = json.responses;
    expect([id, inner, rest]).toEqual(['1', 404, {}]);
    expect(body.error.innerError['request-id']).toBe(`${headers.get('request-id')}.1`);
    expect(innerHeaders['client-request-id']).toBe('mine');
  });

  test('leaves a client-request-id of a request to that request', async () => {
    const one = read('1', 'a', { headers: { 'Client-Request-Id': 'its-own' } });
    const { json } = await post([one], { headers: { 'client-request-id': 'mine' } });
    expect(json.responses[0].headers['client-request-id']).toBe('its-own');
  });
});

describe('dependsOn', () => {
  const id = () => crypto.randomUUID();

  test('is done before, wherever it stands', async () => {
    const one = id();
    const answers = await answersTo([
      read('3', one, { dependsOn: ['2'] }),
      update('2', one, { clientContext: 'second' }, { dependsOn: ['1'] }),
      update('1', one, { status: 'Running' }, { headers: { ...JSON_TYPE, 'If-None-Match': '*' } }),
    ]);
    expect(answers.get('3')?.body).toMatchObject({ status: 'Running', clientContext: 'second' });
  });

  test('a request that failed: those that depend on it are 424 and not run, and so are those that depend on them', async () => {
    const [one, two] = [id(), id()];
    const failing = update('1', one, { status: 'String' });
    expect(
      await statusesOf([
        failing,
        update('2', one, { status: 'Running' }, { dependsOn: ['1'] }),
        update('3', two, {}, { dependsOn: ['2'] }),
        read('4', one),
      ]),
    ).toEqual({ 1: 400, 2: 424, 3: 424, 4: 404 });
    const answers = await answersTo([failing, read('2', one, { dependsOn: ['1'] }), read('3', two)]);
    expect(answers.get('2')?.body.error.code).toBe('FailedDependency');
    expect(answers.get('3')?.status).toBe(404);
  });

  test('that was not modified was successful', async () => {
    const one = id();
    await app.send({ path: `/v1.0/playPromptOperation/${one}`, body: {} });
    const known = read('1', one, { headers: { 'If-None-Match': '*' } });
    expect(await statusesOf([known, update('2', one, {}, { dependsOn: ['1'] })])).toEqual({ 1: 304, 2: 200 });
  });
});

test(`${MAX_BATCH_REQUESTS} updates of one operation all survive`, async () => {
  const one = crypto.randomUUID();
  const parts = [
    { status: 'Running' },
    { clientContext: 'x' },
    { completionReason: 'unknown' },
    { resultInfo: { code: 7 } },
  ];
  const requests = Array.from({ length: MAX_BATCH_REQUESTS }, (_, n) => update(`${n}`, one, parts[n % parts.length]));
  expect(new Set(Object.values(await statusesOf(requests)))).toEqual(new Set([200]));
  const { json } = await app.send({ method: 'GET', path: `/v1.0/playPromptOperation/${one}` });
  expect(json).toMatchObject({
    status: 'Running',
    clientContext: 'x',
    completionReason: 'unknown',
    resultInfo: { code: 7 },
  });
});

describe('a body', () => {
  test('of one request has the same limit as alone', async () => {
    const EMPTY = JSON.stringify({ clientContext: null, 'x@odata.y': '' }).length;
    const padded = (length: number) => ({ clientContext: null, 'x@odata.y': 'x'.repeat(length - EMPTY) });
    const requests = [update('1', 'a', padded(MAX_BODY_BYTES)), update('2', 'b', padded(MAX_BODY_BYTES + 1))];
    expect(await statusesOf(requests)).toEqual({ 1: 200, 2: 413 });
  });
});

describe('a repeatable request of a batch', () => {
  test('gets its first answer again', async () => {
    const headers = {
      ...JSON_TYPE,
      'Repeatability-Request-ID': crypto.randomUUID(),
      'Repeatability-First-Sent': new Date().toUTCString(),
    };
    const requests = [update('1', 'repeatable', { status: 'Running' }, { headers })];
    const first = (await answersTo(requests)).get('1');
    await app.send({ path: '/v1.0/playPromptOperation/repeatable', body: { status: 'Failed' } });
    const again = (await answersTo(requests)).get('1');
    expect(again?.headers['Repeatability-Result']).toBe('accepted');
    expect([again?.body, again?.headers.ETag]).toEqual([first?.body, first?.headers.ETag]);
  });
});

describe('is refused', () => {
  const one = [read('1', 'a')];

  const rows: [number, string, string | undefined, TestRequest][] = [
    [400, 'If-Match', 'If-Match', { headers: { 'if-match': '*' } }],
    [400, 'If-None-Match', 'If-None-Match', { headers: { 'if-none-match': '*' } }],
    [400, 'Prefer: return', 'Prefer', { headers: { prefer: 'return=minimal' } }],
    [400, 'a request that is none', 'requests/0/method', { body: { requests: [{ id: '1', url: '/' }] } }],
  ];
  test.each(rows)('%i: %s', async (status, _title, target, request) => {
    const answer = await post(one, request);
    expect(answer.status).toBe(status);
    if (target !== undefined) expect(answer.json.error.details[0].target).toBe(target);
  });

  test.each(['$batch', '/$batch', '/%24Batch/'])('within a batch: %s', async (url) => {
    const answer = (
      await answersTo([{ id: '1', method: 'POST', url, headers: JSON_TYPE, body: { requests: one } }])
    ).get('1');
    expect([answer?.status, answer?.body.error.message]).toEqual([400, 'A batch cannot contain another batch.']);
  });
});

test.each(['/v1.0/', 'v1.0/', 'http://127.0.0.1:7071/v1.0/', ''])('a URL may begin with %j', async (root) => {
  await app.send({ path: '/v1.0/playPromptOperation/known', body: { status: 'Running' } });
  const url = `${root}playPromptOperation/known`;
  expect(await statusesOf([{ id: '1', method: 'GET', url, headers: null, body: null, dependsOn: null }])).toEqual({
    1: 200,
  });
});

test.each([
  '/../v2.0/playPromptOperation',
  '/..',
  '../../etc',
  'http://other/v1.0/playPromptOperation',
  '/v1.0/v1.0',
  '/%',
  '/openapi.json',
])('an address outside the resource leads nowhere: %s', async (url) => {
  expect(await statusesOf([{ id: '1', method: 'GET', url }])).toEqual({ 1: 404 });
});

test('describes the service, as XML in base64url too', async () => {
  const answers = await answersTo([
    { id: '1', method: 'GET', url: '/' },
    { id: '2', method: 'GET', url: '$metadata' },
  ]);
  expect(answers.get('1')?.body.value).toHaveLength(1);
  expect(answers.get('2')?.headers['Content-Type']).toBe('application/xml');
  expect(Buffer.from(answers.get('2')?.body, 'base64url').toString()).toMatch(/^<\?xml .*<\/edmx:Edmx>$/);
});

test('does not reach operations of another tenant', async () => {
  await app.send({ path: '/v1.0/playPromptOperation/mine', body: {} });
  const token = await app.issuer.issueToken({ tenant: OTHER_TENANT, audience: AUDIENCE, roles: [ROLE] });
  expect((await answersTo([read('1', 'mine')], { token })).get('1')?.status).toBe(404);
});
