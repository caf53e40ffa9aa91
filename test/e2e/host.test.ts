// What the real Functions host does with a request, as it was measured; the embedded host does the same, but for the rows
// that say why not. With TEST_HOST=func this runs on Core Tools. Not imitated, since they are no answers to a request: the
// host serves on after a SIGTERM, and cuts off a body below 10 bytes a second; a start with a bad setting, see start.test.ts;
// what a worker that dies leaves unanswered; a timer that needs AzureWebJobsStorage; the log lines of an aborted request.
import { describe, expect, test } from '@jest/globals';
import { type RawRequest, sendBytes, sendRequest } from '../support/rawHttp.ts';
import { ADMIN_KEY, send, testHost } from '../support/service.ts';
import { until } from '../support/until.ts';
import { useService } from '../support/useService.ts';

const BODY_LIMIT = 1_114_112;
// Only on Flex Consumption the host believes what a front end says of a request.
const service = useService({ RETENTION_DAYS: '30', WEBSITE_SKU: 'FlexConsumption' });

const ENTITIES = '/v1.0/playPromptOperation';
const bearer = () => `Bearer ${service.facts.token}`;

/** Sends a GET, and returns the response. */
const read = (path: string, headers: RawRequest['headers'] = []) =>
  sendRequest(service.facts.baseUrl, { method: 'GET', path, headers });

/** Sends the bytes of a request, and returns all that came back. */
async function sendText(bytes: string) {
  return (await sendBytes(service.facts.baseUrl, [bytes.replaceAll('{token}', String(service.facts.token))])).answer;
}

const head = (line: string, ...headers: readonly string[]) =>
  [line, ...headers, 'Connection: close', '', ''].join('\r\n');
const get = (path: string, ...headers: readonly string[]) =>
  head(`GET ${path} HTTP/1.1`, 'Host: localhost', 'Authorization: Bearer {token}', ...headers);
const post = (path: string, ...headers: readonly string[]) =>
  `${head(`POST ${path} HTTP/1.1`, 'Host: localhost', 'Content-Length: 2', ...headers)}{}`;
const JSON_TYPE = 'Content-Type: application/json';
const UPDATE = [
  ...[`PATCH ${ENTITIES}/a HTTP/1.1`, 'Host: localhost', 'Authorization: Bearer {token}'],
  JSON_TYPE,
] as const;
const patch = (body: string, ...headers: readonly string[]) =>
  head(...UPDATE, `Content-Length: ${Buffer.byteLength(body)}`, ...headers) + body;
const [LINE, , ...REST] = UPDATE;
const withHost = (...hosts: readonly string[]) => `${head(LINE, ...hosts, ...REST, 'Content-Length: 2')}{}`;
const RUN = '/admin/functions/deleteEndedPlayPromptOperations';
const KEY = `x-functions-key: ${ADMIN_KEY}`;
/** Core Tools ask for no key. */
const WITHOUT_KEY = testHost() === 'func' ? '202 bare' : '401 bare';
const PREFLIGHT = head(
  'OPTIONS /v1.0 HTTP/1.1',
  'Host: localhost',
  'Origin: http://a',
  'Access-Control-Request-Method: GET',
);
const PARSER = "Node.js's parser refuses it";
const ONE_RULE = 'one rule for every Host that is not valid';
const path = (bytes: number) => `/${'x'.repeat(bytes - 'GET / HTTP/1.1\r\n'.length)}`;

/** Each row: status, and `app` if the app responded or `bare` if there is no body; what the embedded host does instead, and why. */
test.each<[what: string, bytes: string, real: string, embedded?: string, why?: string]>([
  ['a body in chunks', `${head(...UPDATE, 'Transfer-Encoding: chunked')}2\r\n{}\r\n0\r\n\r\n`, '411 app'],
  ['chunks and a length', `${patch('', 'Transfer-Encoding: chunked')}0\r\n\r\n`, '411 app', '400 bare', PARSER],
  ['a body at the limit of the host', patch('x'.repeat(BODY_LIMIT)), '413 app'],
  ['a larger one', patch('x'.repeat(BODY_LIMIT + 1)), '500 bare'],
  ['a header in UTF-8', patch('{}', 'client-request-id: caf\u00e9'), '200 app'],
  ['a character above U+00FF in a header', patch('{}', 'x-other: \u20ac'), '500 bare'],
  ['a control character in a header', patch('{}', 'x-other: \u0001'), '200 app', '400 bare', PARSER],
  ['a header twice', patch('{}', 'client-request-id: a', 'client-request-id: b'), '200 app'],
  ['100 headers', patch('{}', ...Array.from({ length: 95 }, (_, n) => `x-${n}: x`)), '200 app'],
  ['101 headers', patch('{}', ...Array.from({ length: 96 }, (_, n) => `x-${n}: x`)), '431 bare'],
  ['headers above 32 KiB', get('/v1.0', `x-other: ${'x'.repeat(33_000)}`), '431 bare'],
  ['a request line of 8 KiB', get(path(8192)), '404 app'],
  ['a longer one', get(path(8193)), '414 bare'],
  ['Expect: foo', patch('{}', 'Expect: foo'), '200 app'],
  ['Content-Length: +2', `${head(...UPDATE, 'Content-Length: +2')}{}`, '200 app', '400 bare', PARSER],
  ['lines that end in LF', patch('{}').replaceAll('\r\n', '\n'), '200 app', '400 bare', PARSER],
  ['a method in lower case', patch('{}').replace('PATCH', 'patch'), '405 app', '400 bare', PARSER],
  ['TRACE', head('TRACE / HTTP/1.1', 'Host: localhost'), '404 bare'],
  ['HTTP/1.0 without Host', head('GET /v1.0 HTTP/1.0'), '500 bare'],
  ['HTTP/2.0', patch('{}').replace('HTTP/1.1', 'HTTP/2.0'), '505 bare'],
  ['no Host', withHost(), '400 bare'],
  ['two of them', withHost('Host: a', 'Host: b'), '400 bare'],
  ['a Host that ends in a colon', withHost('Host: a:'), '400 bare'],
  ['a Host with a comma', withHost('Host: a,b'), '400 bare'],
  ['a Host with #', withHost('Host: a#b'), '400 bare'],
  ['an empty Host', withHost('Host: '), '500 bare', '400 bare', ONE_RULE],
  ['port 99999', withHost('Host: localhost:99999'), '500 bare', '400 bare', ONE_RULE],
  ['the URL of this host as target', get('http://localhost/v1.0'), '200 app'],
  ['that of another', get('http://elsewhere/v1.0'), '400 bare'],
  ['# in the target', get('/v1.0#a'), '404 app'],
  ['a broken escape', get(`${ENTITIES}/a%zz`), '400 app'],
  ['half an escape', get(`${ENTITIES}/a%`), '400 app'],
  ['an escape that is not UTF-8', get(`${ENTITIES}/%ff`), '400 app'],
  ['a backslash', get(`${ENTITIES}/a\\b`), '400 app'],
  ['%00 in the path', get(`${ENTITIES}/a%00`), '400 bare'],
  ['%00 in the query', get(`${ENTITIES}?$top=%00`), '400 app'],
  ['a path that begins with two slashes', get(`/${ENTITIES}/a`), '404 bare'],
  ['two schemes of a front end', get('/v1.0', 'X-Forwarded-Proto: https, http'), '500 bare'],
  ['a preflight', PREFLIGHT, '204 bare', '405 app', 'it has the CORS of Core Tools instead'],
  ['/admin', get('/admin'), '404 app'],
  ['another path there', get('/admin/x'), '404 app'],
  ['a ping', get('/admin/host/ping'), '200 bare'],
  ['a webhook of an extension', get('/runtime/webhooks/x'), '401 bare'],
  ['a timer', post(RUN, JSON_TYPE, KEY), '202 bare'],
  ['a timer, not in JSON', post(RUN, KEY), '415 bare'],
  ['no timer', post('/admin/functions/unknown', JSON_TYPE, KEY), '404 bare'],
  ['a function of HTTP', post('/admin/functions/healthLive', JSON_TYPE, KEY), '202 bare', '404 bare', 'nobody sees it'],
  ['a timer without the key', post(RUN, JSON_TYPE), WITHOUT_KEY],
  ['a timer with another key', post(RUN, JSON_TYPE, 'x-functions-key: x'), WITHOUT_KEY],
])('%s', async (_what, bytes, real, embedded = real) => {
  const received = await sendText(bytes);
  const [, status, body] = /^HTTP\/1\.1 (\d{3}).*?\r\n\r\n(?:0\r\n\r\n$)?(.*)$/s.exec(received) ?? [];
  const sender = /^request-id: /im.test(received) ? 'app' : body === '' ? 'bare' : body;
  expect(`${status} ${sender}`).toBe(testHost() === 'func' ? real : embedded);
  // Node.js answers some of these itself.
  if (status !== '400' && status !== '431') expect(received).toMatch(/^Server: Kestrel\r$/im);
});

test('client-request-id is echoed, if it came twice too, but not what the host cannot send', async () => {
  const echoOf = async (...values: readonly string[]) => {
    const received = await sendText(get('/v1.0', ...values.map((value) => `client-request-id: ${value}`)));
    return /^client-request-id: (.*)\r$/im.exec(received)?.[1];
  };
  expect([await echoOf('a'), await echoOf('a', 'b'), await echoOf('caf\u00e9')]).toEqual(['a', 'a,b', undefined]);
});

test('on Flex Consumption, the front end names scheme and host of context and links', async () => {
  const front = [
    ['X-Forwarded-Proto', 'https'],
    ['DISGUISED-HOST', 'app.example'],
  ] as const;
  expect(JSON.parse((await read('/v1.0', front)).body)['@odata.context']).toBe('https://app.example/v1.0/$metadata');
});

test('200 requests whose bodies do not arrive leave no place to another, which is a bare 429', async () => {
  const logged = service.errors().length;
  const over = new AbortController();
  const stalled = [head(LINE, 'Host: localhost', 'Content-Length: 9')];
  const slow = Array.from({ length: 200 }, () => sendBytes(service.facts.baseUrl, stalled, over.signal));
  const probe = () => read('/health/live');
  await until(async () => (await probe()).status === 429);
  const { headers, body } = await probe();
  expect([headers.get('retry-after'), body]).toEqual([null, '']);
  over.abort();
  await Promise.all(slow);
  await until(async () => (await probe()).status === 200);
  // The real host logs every body that is aborted.
  if (testHost() === 'embedded') expect(service.errors().slice(logged)).toBe('');
});

describe('a token', () => {
  const statusWith = async (headers: Record<string, string | string[]>, query = '') => {
    const all = Object.entries(headers).flatMap(([name, values]) =>
      [values].flat().map((value) => [name, value] as const),
    );
    return (await read(ENTITIES + query, all)).status;
  };

  test('in two Authorization headers is refused', async () => {
    expect(await statusWith({ Authorization: bearer() })).toBe(200);
    for (const other of [bearer(), 'Bearer a.b.c', 'Basic YTpi']) {
      expect(await statusWith({ Authorization: [bearer(), other] })).toBe(401);
      expect(await statusWith({ Authorization: [other, bearer()] })).toBe(401);
    }
  });

  test('in the query, in a cookie or in another header is none, nor is what a front end may set', async () => {
    for (const name of ['access_token', 'token', 'Authorization', 'code']) {
      expect(await statusWith({}, `?${name}=${service.facts.token}`)).toBe(401);
    }
    for (const name of ['Cookie', 'X-Authorization', 'Proxy-Authorization', 'X-MS-TOKEN-AAD-ACCESS-TOKEN']) {
      expect(await statusWith({ [name]: `Authorization=${bearer()}` })).toBe(401);
    }
    const claims = JSON.stringify({ auth_typ: 'aad', claims: [{ typ: 'roles', val: 'Calls.Initiate.All' }] });
    const principal = { 'X-MS-CLIENT-PRINCIPAL': Buffer.from(claims).toString('base64') };
    expect(await statusWith({ ...principal, 'x-functions-key': ADMIN_KEY, 'X-Original-URL': '/admin' })).toBe(401);
  });
});

test('a link to the next page fits into a request line with the longest filter', async () => {
  const clientContext = '\u4e2d'.repeat(200);
  for (const id of ['page-1', 'page-2']) await send(service, 'PATCH', ENTITIES, { body: { id, clientContext } });
  const list = (values: number) => {
    const filter = `clientContext in (${Array(values).fill(`'${clientContext}'`).join()})`;
    return send(service, 'GET', `${ENTITIES}?$filter=${encodeURIComponent(filter)}&$top=1&$select=id,id,id`);
  };
  const next = new URL((await list(3)).json['@odata.nextLink']);
  expect((await send(service, 'GET', next.pathname + next.search)).status).toBe(200);
  expect(await list(4)).toMatchObject({ status: 400, json: { error: { details: [{ target: '$filter' }] } } });
});
