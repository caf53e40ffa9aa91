// To any input, the service itself answers with a status below 500, and it writes nothing that it did not acknowledge.
import { Agent } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import * as z from 'zod';
import { checkAnswer } from '../support/openApi.ts';
import { type RawRequest, type RawResponse, sendBytes, sendRequest } from '../support/rawHttp.ts';
import { seed, soakFor } from '../support/rounds.ts';
import { heapSamples, heldSamples, patch, WATCH_HEAP } from '../support/service.ts';
import { DEFAULT_TABLE, tableClient } from '../support/tables.ts';
import { until } from '../support/until.ts';
import { useService } from '../support/useService.ts';

/** `npm test` sends so many times as many requests concurrently, and then the same in a batch. */
const [ROUNDS, AT_ONCE] = [20, 20];
/** What the memories of operations and tokens hold, and a margin; a request that leaves something behind takes more. */
const MAX_GROWTH_KIB = 64 * 1024;

/** The longest that the event loop may be held. What the limits prevent takes seconds. */
const MAX_HELD_MS = 1000;
/** The largest response to a request that is refused, and to any. */
const MAX_ERROR_BYTES = 16 * 1024;
const MAX_BYTES = 4 * 1024 * 1024;

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
const service = useService({ NOTIFICATION_HOSTS: '127.0.0.1', ...WATCH_HEAP });
beforeAll(async () => {
  await patch(service, { id: 'first' });
  acknowledged.add('first');
});
afterAll(() => agent.destroy());

/** The ids of what was written, as far as that was answered: all that may be in the store, but for what was deleted. */
const acknowledged = new Set<string>();
const deleted = new Set<string>();

const entity = z.looseObject({ '@odata.type': z.literal('#microsoft.graph.playPromptOperation'), id: z.string() });
type Shot = RawRequest & { readonly body: Uint8Array };
const bearer = () => `Bearer ${service.facts.token}`;
const shoot = (shot: Shot) => sendRequest(service.facts.baseUrl, shot, agent);

/** What is read of a batch: the description of the service says what else there must be. */
const batchResponses = z.object({
  responses: z.array(z.looseObject({ id: z.string(), status: z.int(), headers: z.record(z.string(), z.string()) })),
});
const batchRequests = z.object({ requests: z.array(z.looseObject({ id: z.unknown(), method: z.string() })) });

/** The id at the end of an address, or in its parentheses. */
function idOf(url: unknown): string {
  const last = unescape(String(url).replace(/\?.*/s, '')).split('/').at(-1) ?? '';
  return /\('(.*)'\)$/s.exec(last)?.[1]?.replaceAll("''", "'") ?? last;
}

/** Holds an answer against what every answer must be. */
function judge({ status, headers, body }: RawResponse, { method, path: address, body: content }: Shot) {
  if (headers.has('odata-version')) {
    const sent = status === 200 && method === 'POST' ? JSON.parse(Buffer.from(content).toString()) : undefined;
    checkAnswer({ method, url: service.facts.baseUrl + address, sent, status, headers, body });
  } else {
    // The host answers a broken address or header itself, and redirects to a page, without a body.
    expect([body, method === 'HEAD' || [308, 400, 404, 421, 431].includes(status)]).toEqual(['', true]);
  }
  expect(status).toBeGreaterThanOrEqual(200);
  expect(status).toBeLessThan(500);
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(status >= 400 ? MAX_ERROR_BYTES : MAX_BYTES);
  if (status === 200 && method === 'POST') {
    const { requests } = batchRequests.parse(JSON.parse(Buffer.from(content).toString()));
    for (const { id, status: inner, headers: answered, body: innerBody } of batchResponses.parse(JSON.parse(body))
      .responses) {
      const request = requests.find((one) => one.id === id);
      expect(inner).toBeLessThan(500);
      if (inner >= 400) continue;
      if (request?.method.toUpperCase() === 'DELETE') deleted.add(idOf(request.url));
      else if (inner === 204) acknowledged.add(idOf(answered['OData-EntityId']));
      else if (entity.safeParse(innerBody).success) acknowledged.add(entity.parse(innerBody).id);
    }
  } else if (status === 200 && method === 'PATCH') acknowledged.add(entity.parse(JSON.parse(body)).id);
  else if (status === 204 && method === 'PATCH') acknowledged.add(idOf(headers.get('odata-entityid')));
  else if (status === 204) deleted.add(idOf(address));
  else if (status === 304 || status === 308 || (status === 200 && method === 'HEAD')) expect(body).toBe('');
  else expect(body !== '' || method === 'HEAD' || !headers.has('odata-version')).toBe(true);
}

const weighted = <Value>(...all: [weight: number, arbitrary: fc.Arbitrary<Value>][]) =>
  fc.oneof(...all.map(([weight, arbitrary]) => ({ weight, arbitrary })));
const asBytes = (arbitrary: fc.Arbitrary<string>) => arbitrary.map((content): Uint8Array => Buffer.from(content));
const asJson = (arbitrary: fc.Arbitrary<unknown>) => arbitrary.map((content) => JSON.stringify(content));
const awkward = fc.constantFrom(
  ...['{', '}', '[]', 'null', '{"a":1,}', '{"id":"x"', '[{"id":"x"}]', '{"status":"Running","status":"Failed"}'],
  ...['{"__proto__":{"id":"x"}}', '{"constructor":{"prototype":{"id":"x"}}}', '{"id":"\\ud800"}', '{"id":"\\u0000"}'],
  ...['{"clientContext":"\\udfff"}', '{"clientContext":"a\\u0000"}', '{"resultInfo":{"code":1e999}}'],
  ...['{"resultInfo":{"code":-0,"subcode":9007199254740993}}', '{"id":{"toString":1}}', `{"id":"${'x'.repeat(129)}"}`],
  ...['{"resultInfo":{"__proto__":null}}', `${'['.repeat(30_000)}`, `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ...['\uFEFF{"id":"bom"}', `{"clientContext":"${'x'.repeat(70_000)}"}`],
  // What makes an error that repeats each name large.
  `{${Array(2).fill(`"${'x'.repeat(30_000)}":1`)}}`,
  `{${Array.from({ length: 600 }, (_, n) => `"${n}":1`).join()}}`,
  `{"${'x'.repeat(30_000)}":{${Array(400).fill('"a":1,"b":1').join()}}}`,
);
const value = fc.oneof(
  fc.constantFrom('Running', 'completed', 'unknown', '', null, 0, -1, 2 ** 31, 1.5, true, {}, []),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 3 }),
);
const oneOf = (...known: readonly unknown[]) => fc.oneof(fc.constantFrom(...known), value);
const properties = ['id', 'clientContext', 'resultInfo', 'status', 'completionReason', '@odata.type', 'x@odata.y', 'a'];
const resultInfo = fc.dictionary(fc.constantFrom('code', 'message', 'x'), value);
const nearlyGood = asJson(fc.dictionary(fc.constantFrom(...properties), fc.oneof(value, resultInfo)));
const filters = ['(', ' not', "''"].map((part) => `playPromptOperation?$filter=${part.repeat(5000)}`);
const urls = ['http://127.0.0.1:9/', 'https://169.254.169.254/', 'https://[::ffff:127.0.0.1]/', 'http://a@b#c'];
/** A subscription, whose receiver does not exist. */
const nearlySubscription = asJson(
  fc.record(
    {
      changeType: oneOf('created,updated', 'deleted', ','.repeat(20_000)),
      resource: oneOf('playPromptOperation', "playPromptOperation/a?$filter=status eq 'Running'", ...filters),
      notificationUrl: fc.oneof(oneOf(...urls), fc.webUrl()),
      lifecycleNotificationUrl: value,
      expirationDateTime: oneOf(new Date(Date.now() + 3_600_000).toISOString()),
      clientState: value,
      extra: value,
    },
    { requiredKeys: [] },
  ),
);
/** A text with one character taken away, doubled or replaced. */
const broken = fc
  .tuple(fc.oneof(nearlyGood, nearlySubscription), fc.nat(), fc.constantFrom('', '"', '{', ',', '\\', '\u0001'))
  .map(([json, at, by]) => {
    const place = at % (json.length + 1);
    return json.slice(0, place) + by + json.slice(place + 1);
  });
const plain = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  ...[awkward, nearlyGood, nearlySubscription, broken].map(asBytes),
);
const compressed = fc.constantFrom(gzipSync, deflateSync, brotliCompressSync);
const body = weighted<Uint8Array>(
  [6, asBytes(fc.constantFrom('{}', '{"status":"Running"}', '{"clientContext":"a"}'))],
  [8, plain],
  [3, fc.tuple(compressed, plain).map(([compress, content]) => compress(content))],
);

/** What a header may carry: all that Node sends. */
const headerValue = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'abW/*"\\,;=. \t0149é'), maxLength: 30 }),
  fc.constantFrom(
    ...['*', 'W/"1"', '"', 'return=minimal', 'application/json', 'text/html', '4.0', '4.01', '9'.repeat(400), ''],
    'application/xml, application/json;q=0.5',
  ),
  fc.constantFrom(',', '"\\').map((part) => part.repeat(4000)),
  // What makes a parser that backtracks quadratic.
  fc.constantFrom('a/b;q=1', ',', '"a"').map((begin) => `${begin}${' '.repeat(28_000)}x`),
);
const headerName = fc.constantFrom(
  ...['Content-Type', 'Content-Encoding', 'Accept', 'Prefer', 'If-Match', 'If-None-Match', 'OData-Version', 'Cookie'],
  ...['OData-MaxVersion', 'Repeatability-Request-ID', 'Repeatability-First-Sent', 'client-request-id', 'Authorization'],
  ...['Expect-CT', 'Host'],
);
const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 4, size: '-1' });

const queryValue = fc
  .oneof(
    fc.array(fc.constantFrom('status', ' eq ', "'Running'", ' in ', '(', ')', ',', ' not ', ' and ', ' or ', "'"), {
      maxLength: 30,
    }),
    fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 2 }),
    fc.constantFrom(['1'], ['999'], ['true'], ['id,status'], ['(', '('.repeat(2000)], ["clientContext eq 'a'"]),
  )
  .map((parts) => parts.join(''));

const OPERATION = '/v1.0/playPromptOperation';
const path = weighted(
  [6, fc.constant(OPERATION)],
  [6, fc.constantFrom('a', 'b', 'c').map((id) => `${OPERATION}/${id}`)],
  [6, fc.stringMatching(/^[A-Za-z0-9._~-]{1,20}$/).map((id) => `${OPERATION}/${id}`)],
  [2, fc.string({ unit: 'binary', maxLength: 30 }).map((id) => `${OPERATION}/${escape(id)}`)],
  [
    1,
    fc.constantFrom(
      ...['/', '/v1.0', '/v1.0/', '/v1.0/$metadata', '/openapi.json', '/health/live', '/health/ready?x=%', '//x'],
      ...['/board?x=%', '/BOARD/board.js/', '/docs/..%2f..%2fhost.json', '/docs/../local.settings.json', '/board/%00'],
      ...['/%', '/%ff', '/a/b', `/${'x'.repeat(5000)}`, '/..%2f..', '?id=x&$select=id'].map((rest) => OPERATION + rest),
    ),
  ],
  [2, fc.constantFrom(...['', '/a', "('a')", '/%', '?$filter=x'].map((rest) => `/v1.0/subscriptions${rest}`))],
  [
    3,
    fc
      .tuple(fc.constantFrom('$filter', '$top', '$select', '$count', '$skiptoken', 'x'), queryValue)
      .map(([name, of]) => `${OPERATION}?${name}=${encodeURIComponent(of)}`),
  ],
  [
    1,
    fc
      .oneof(fc.constantFrom('xml', 'json', 'application/xml'), fc.string({ unit: 'binary', maxLength: 9 }))
      .map((format) => `/v1.0/$metadata?$format=${escape(format)}`),
  ],
  [1, fc.string({ unit: fc.constantFrom(..."ab'()=%.,"), maxLength: 8 }).map((key) => `${OPERATION}(${escape(key)})`)],
);
const method = weighted(
  [12, fc.constant('PATCH')],
  [2, fc.constant('GET')],
  [1, fc.constantFrom('HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND')],
);

/** A batch, mostly of requests that are as they should be. */
const batched = fc.record(
  {
    id: fc.oneof(fc.uuid(), value),
    method: fc.constantFrom('PATCH', 'GET', 'patch', 'DELETES', 'POST'),
    url: fc.oneof(
      fc.constantFrom('playPromptOperation', '/playPromptOperation/a', '/$batch', '/../x', '/', '/$metadata'),
      fc.string(),
    ),
    headers: fc.constantFrom({ 'Content-Type': 'application/json' }, { Prefer: 'return=minimal' }, { 'a b': 'c' }),
    body: fc.oneof(
      nearlyGood.map((json): unknown => JSON.parse(json)),
      value,
    ),
    dependsOn: fc.array(fc.string({ maxLength: 2 }), { maxLength: 1 }),
  },
  { requiredKeys: ['id', 'method', 'url'] },
);
const batch = asBytes(asJson(fc.record({ requests: fc.array(batched, { maxLength: 4 }) })));

/** Mostly valid, so that an invalid part gets past the checks before its own. */
const common = { headers, hasToken: fc.nat(9), hasType: fc.nat(9) };
const post = (address: string, content: fc.Arbitrary<Uint8Array>) =>
  fc.record({ ...common, method: fc.constant('POST'), path: fc.constant(address), body: content });
const shot: fc.Arbitrary<Shot> = weighted(
  [8, fc.record({ ...common, method, path, body })],
  [1, post('/v1.0/subscriptions', asBytes(nearlySubscription))],
  [1, post('/v1.0/$batch', fc.oneof(batch, body))],
).map(({ hasToken, hasType, ...rest }) => ({
  ...rest,
  headers: [
    ...(hasToken > 0 ? [['Authorization', bearer()] as const] : []),
    ...(hasType > 0 ? [['Content-Type', 'application/json'] as const] : []),
    ...rest.headers.filter(([name]) => name !== 'Host' || hasType === 0),
  ],
}));

function isJson(content: string) {
  try {
    JSON.parse(content);
    return true;
  } catch {
    return false;
  }
}

/** The same requests within a batch; a body that is not JSON becomes a string. */
function inBatch(shots: readonly Shot[]): Shot {
  const requests = shots
    .filter(({ method }) => ['GET', 'PATCH', 'DELETE'].includes(method))
    .map(({ method, path, headers: own, body: bytes }, n) => {
      const kept = Object.fromEntries(own.filter(([name]) => name !== 'Authorization'));
      const head = JSON.stringify({ id: String(n), method, url: path.replace('/v1.0', ''), headers: kept });
      const content = Buffer.from(bytes).toString();
      const json = isJson(content) ? content : JSON.stringify(content);
      return method === 'PATCH' ? `${head.slice(0, -1)},"body":${json}}` : head;
    });
  const headers = Object.entries({ Authorization: bearer(), 'Content-Type': 'application/json' });
  return { method: 'POST', path: '/v1.0/$batch', headers, body: Buffer.from(`{"requests":[${requests}]}`) };
}

/** Waits until the heap was measured again. */
async function nextHeapSample() {
  const { length } = heapSamples(service);
  await until(() => heapSamples(service).length > length);
  return heapSamples(service).at(-1) ?? 0;
}

test(`any request is answered below 500, in the one shape, and only what was acknowledged is written, seed ${seed}`, async () => {
  const [before = 0] = heapSamples(service);
  await fc.assert(
    fc.asyncProperty(fc.array(shot, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (shots) => {
      const answers = await Promise.all(shots.map(shoot));
      for (const [n, answer] of answers.entries()) judge(answer, shots[n] as Shot);
      const all = inBatch(shots);
      judge(await shoot(all), all);
    }),
    {
      seed,
      endOnFailure: true,
      ...(soakFor === undefined
        ? { numRuns: ROUNDS }
        : { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: soakFor }),
    },
  );
  expect((await nextHeapSample()) - before).toBeLessThan(MAX_GROWTH_KIB);
  expect(Math.max(...heldSamples(service))).toBeLessThan(MAX_HELD_MS);

  const table = tableClient(DEFAULT_TABLE, new URL(service.facts.tables).port);
  const stored = await Array.fromAsync(
    table.listEntities({ queryOptions: { select: ['RowKey'], filter: "PartitionKey ne 'service'" } }),
    ({ rowKey }) => rowKey,
  );
  // What was deleted may have been created again.
  expect(stored.filter((id) => !deleted.has(id ?? '')).sort()).toEqual(
    [...acknowledged].filter((id) => !deleted.has(id)).sort(),
  );
  expect((await patch(service, { id: 'first', status: 'Running' })).status).toBe(200);
});

const start = () =>
  `PATCH /v1.0/playPromptOperation HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${bearer()}\r\nContent-Type: application/json\r\n`;

test.each([
  [
    'in chunks',
    'Transfer-Encoding: chunked',
    `4000\r\n${' '.repeat(0x4000)}\r\n`,
    /^HTTP\/1\.1 411 .*"LengthRequired"/s,
  ],
  ['of a declared length', `Content-Length: ${2 ** 40}`, ' '.repeat(0x4000), /^HTTP\/1\.1 500 /],
])('a body that never ends, %s, is answered after a part of it', async (_, header, part, expected) => {
  function* endless() {
    yield `${start()}${header}\r\n\r\n`;
    for (;;) yield part;
  }
  const { answer, sent } = await sendBytes(service.facts.baseUrl, endless());
  expect(answer).toMatch(expected);
  expect(sent).toBeLessThan(64 * 1024 * 1024);
});

test('bodies that stall delay no other request, and are abandoned', async () => {
  const over = new AbortController();
  const bytes = [`${start()}Content-Length: 100\r\n\r\n{"id":`];
  // Fewer than the host admits at once.
  const stalled = Array.from({ length: 150 }, () => sendBytes(service.facts.baseUrl, bytes, over.signal));
  const answers = await Promise.all(Array.from({ length: 20 }, () => patch(service, { id: 'first' })));
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  // After 20 seconds, which only `npm run soak` has.
  if (soakFor === undefined) over.abort();
  for (const { answer } of await Promise.all(stalled)) expect(answer).toMatch(soakFor ? /^HTTP\/1\.1 408 / : /^$/);
});
