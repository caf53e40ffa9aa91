// What the real Functions host does with a request, as it was measured; the embedded host does the same. With
// TEST_HOST=func this runs on Core Tools. The embedded host cannot imitate the limit on concurrent requests, which has no
// test. A setting that is not valid is in start.test.ts.
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ADMIN_KEY, testHost } from '../support/service.ts';
import { useService } from '../support/useService.ts';

type Headers = Readonly<Record<string, string | readonly string[]>>;

const service = useService({ RETENTION_DAYS: '30' });
let json: Headers;
beforeAll(() => {
  json = { Authorization: `Bearer ${service.facts.token}`, 'Content-Type': 'application/json' };
});

/** Sends a request with headers in UTF-8, and returns the response. */
async function send(method: string, path: string, headers: Headers, body = '') {
  const { hostname: host, port } = new URL(service.facts.baseUrl);
  const encode = (value: string) => Buffer.from(value).toString('latin1');
  const encoded = Object.entries(headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? encode(value) : value.map(encode),
  ]);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { host, port, method, path, agent: false, headers: Object.fromEntries(encoded) };
    request(options, resolve).once('error', reject).end(Buffer.from(body));
  });
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

const ENTITIES = '/v1.0/playPromptOperation';
const patch = (id: string, headers: Headers, body: string) =>
  send('PATCH', `${ENTITIES}/${id}`, { ...json, ...headers }, body);
const sized = (body: string) => ({ 'Content-Length': String(Buffer.byteLength(body)) });
const errorOf = ({ body }: { readonly body: string }) => JSON.parse(body).error;

test('a body in chunks is dropped, from a batch too, and the app responds with 411 and the remedy', async () => {
  const chunked = { 'Transfer-Encoding': 'chunked' };
  const response = await patch('chunks', chunked, '{"status":"Running"}');
  expect([response.status, errorOf(response).code]).toEqual([411, 'LengthRequired']);
  expect(errorOf(response).message).toMatch(/Content-Length.*LoadIntoBufferAsync.*StringContent/);
  const batch = await send('POST', '/v1.0/$batch', { ...json, ...chunked }, '{"requests":[]}');
  expect(batch.status).toBe(411);
});

describe('a header', () => {
  test('with UTF-8 in it reaches the app, which does not echo what the host cannot send', async () => {
    const response = await patch('utf8', { 'client-request-id': 'caf\u00e9', ...sized('{}') }, '{}');
    expect(response.status).toBe(200);
    expect(response.headers['client-request-id']).toBeUndefined();
  });

  test('with a character above U+00FF is a bare 500', async () => {
    const response = await patch('euro', { 'x-other': '\u20ac', ...sized('{}') }, '{}');
    expect([response.status, response.body]).toEqual([500, '']);
  });
});

describe('a token', () => {
  const good = () => `Bearer ${service.facts.token}`;
  const statusOf = async (headers: Headers, query = '') => (await send('GET', ENTITIES + query, headers)).status;

  test.each([
    ['two good ones', () => [good(), good()]],
    ['a good and a bad one', () => [good(), 'Bearer a.b.c']],
    ['a bad and a good one', () => ['Bearer a.b.c', good()]],
    ['a good one and another scheme', () => [good(), 'Basic YTpi']],
  ])('in two Authorization headers is refused: %s', async (_title, both) => {
    expect(await statusOf({ Authorization: good() })).toBe(200);
    expect(await statusOf({ Authorization: both() })).toBe(401);
  });

  test('in the query, in a cookie or in another header is none', async () => {
    for (const name of ['access_token', 'token', 'Authorization', 'code']) {
      expect(await statusOf({}, `?${name}=${service.facts.token}`)).toBe(401);
    }
    for (const name of ['Cookie', 'X-Authorization', 'Proxy-Authorization', 'X-MS-TOKEN-AAD-ACCESS-TOKEN']) {
      expect(await statusOf({ [name]: `Authorization=${good()}` })).toBe(401);
    }
  });

  test('is not replaced by headers that a front end may set', async () => {
    const principal = JSON.stringify({ auth_typ: 'aad', claims: [{ typ: 'roles', val: 'Calls.Initiate.All' }] });
    const headers = {
      'X-MS-CLIENT-PRINCIPAL': Buffer.from(principal).toString('base64'),
      'X-MS-CLIENT-PRINCIPAL-ID': 'app',
      'x-functions-key': 'master',
      'X-Original-URL': '/admin',
    };
    expect(await statusOf(headers, '?code=master')).toBe(401);
  });
});

describe('the limits of the host', () => {
  test('a request line above 8 KiB is a bare 414', async () => {
    const path = (bytes: number) => `/${'x'.repeat(bytes - 'GET / HTTP/1.1\r\n'.length)}`;
    const fits = await send('GET', path(8192), {});
    const above = await send('GET', path(8193), {});
    expect([fits.status, above.status, above.body]).toEqual([404, 414, '']);
  });

  test('a head above 32 KiB is 431', async () => {
    expect((await send('GET', '/v1.0', { 'x-other': 'x'.repeat(33_000) })).status).toBe(431);
  });

  test('a body above FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is a bare 500; one below it is refused by the app', async () => {
    const above = 'x'.repeat(2 * 1024 * 1024 + 1);
    expect(await patch('large', sized(above), above)).toMatchObject({ status: 500, body: '' });
    const below = 'x'.repeat(1024 * 1024);
    const response = await patch('large', sized(below), below);
    expect([response.status, errorOf(response).code]).toEqual([413, 'RequestEntityTooLarge']);
  });
});

describe('/admin', () => {
  const run = (headers: Headers, name = 'deleteEndedPlayPromptOperations') =>
    send('POST', `/admin/functions/${name}`, { ...json, ...sized('{}'), ...headers }, '{}');

  // Core Tools ask for no key.
  if (testHost() === 'embedded') {
    test('is 401 without the key of the host', async () => {
      expect((await run({})).status).toBe(401);
      expect((await run({ 'x-functions-key': 'wrong' })).status).toBe(401);
    });
  }

  test('runs a timer with it, if there is one of that name', async () => {
    expect((await run({ 'x-functions-key': ADMIN_KEY })).status).toBe(202);
    expect((await run({ 'x-functions-key': ADMIN_KEY }, 'unknown')).status).toBe(404);
  });
});

describe('a path', () => {
  test.each(['a%zz', 'a%', '%ff'])('with a broken escape reaches the app: %s', async (id) => {
    const response = await send('GET', `${ENTITIES}/${id}`, json);
    expect([response.status, errorOf(response).code]).toEqual([400, 'BadRequest']);
  });

  test("with %00 is a bare 400, and one that begins with two slashes the host's own 404", async () => {
    expect(await send('GET', `${ENTITIES}/a%00`, json)).toMatchObject({ status: 400, body: '' });
    expect(await send('GET', `/${ENTITIES}/a`, json)).toMatchObject({ status: 404, body: '' });
  });
});

/** Sends bytes, and returns all that came back. */
async function sendRaw(request: string) {
  const { hostname, port } = new URL(service.facts.baseUrl);
  const socket = connect(Number(port), hostname);
  socket.write(request);
  return text(socket);
}

test('HTTP/1.0 without Host is a bare 500', async () => {
  expect(await sendRaw('GET /v1.0 HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.[01] 500 [^{]*$/);
});

test("a method in lower case is refused: the app's 405, or on the embedded host the 400 of Node.js's parser", async () => {
  const head = `patch ${ENTITIES}/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
  expect(await sendRaw(head)).toMatch(/^HTTP\/1\.1 (?:405|400) /);
});

test('X-Forwarded-Proto names the scheme of context and links', async () => {
  const response = await send('GET', '/v1.0', { 'X-Forwarded-Proto': 'https' });
  expect(JSON.parse(response.body)['@odata.context']).toMatch(/^https:/);
});

test("every response has Server, the host's own ones too", async () => {
  for (const path of ['/v1.0', `${ENTITIES}/a%00`, `/${ENTITIES}`]) {
    expect((await send('GET', path, {})).headers.server).toBe('Kestrel');
  }
});

test('a link to the next page fits into a request line with the longest filter', async () => {
  const clientContext = '\u4e2d'.repeat(200);
  for (const id of ['page-1', 'page-2']) {
    const body = JSON.stringify({ clientContext });
    await patch(id, sized(body), body);
  }
  const filter = (values: number) =>
    encodeURIComponent(`clientContext in (${Array(values).fill(`'${clientContext}'`).join()})`);
  const page = await send('GET', `${ENTITIES}?$filter=${filter(3)}&$top=1&$select=id,id,id`, json);
  const next = new URL(JSON.parse(page.body)['@odata.nextLink']);
  expect((await send('GET', next.pathname + next.search, json)).status).toBe(200);
  const long = await send('GET', `${ENTITIES}?$filter=${filter(4)}`, json);
  expect([long.status, errorOf(long).details[0].target]).toEqual([400, '$filter']);
});
