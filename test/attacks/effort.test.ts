// Time and size: nothing that anyone sends holds the process, or makes it send much more than it was sent.
//
// Every input has a structure that grows toward a limit, not random bytes: repeated separators, nested quotes, long names, many
// members. The budgets are of CPU time, and generous, so that a slow or busy machine passes and quadratic work does not.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { MAX_HEADER_LENGTH } from '../../shared/http/headers.ts';
import { type TestRequest, useApp } from '../support/app.ts';

/** The longest that one request may hold the event loop, in CPU time. What the limits prevent took seconds. */
const MAX_DELAY_MS = 400;

/** A collection of garbage may fall into one attempt; what the request itself costs is in each of them. */
const ATTEMPTS = 3;

/** The largest response to a request that is refused. */
const MAX_ERROR_BYTES = 16 * 1024;

/** The largest response to any request. */
const MAX_BYTES = 4 * 1024 * 1024;

const app = useApp();

const millisecondsOf = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1000;

/**
 * Runs work and measures the longest turn of the event loop, by the CPU time of its thread: other processes of a busy
 * machine hold the event loop too, and do not count.
 */
async function measure<Result>(work: () => Promise<Result>) {
  let milliseconds = 0;
  let begin = process.threadCpuUsage();
  const endTurn = () => {
    milliseconds = Math.max(milliseconds, millisecondsOf(process.threadCpuUsage(begin)));
    begin = process.threadCpuUsage();
    turn = setImmediate(endTurn);
  };
  let turn = setImmediate(endTurn);
  const result = await work();
  // The turn in which it ended counts too.
  await new Promise(setImmediate);
  clearImmediate(turn);
  return { result, milliseconds };
}

test('the measure notices when the event loop is held', async () => {
  const { milliseconds } = await measure(async () => {
    await delay(1);
    for (const begin = process.threadCpuUsage(); millisecondsOf(process.threadCpuUsage(begin)) < 1.5 * MAX_DELAY_MS; );
  });
  expect(milliseconds).toBeGreaterThanOrEqual(MAX_DELAY_MS);
});

async function expectBounded(request: TestRequest) {
  let longest = Number.NaN;
  for (let attempt = 1; ; attempt++) {
    // Without the checks of the test itself.
    const response = await app.send(request, async (work) => {
      const { result, milliseconds } = await measure(work);
      longest = milliseconds;
      return result;
    });
    if (attempt < ATTEMPTS && longest >= MAX_DELAY_MS) continue;
    expect(longest).toBeLessThan(MAX_DELAY_MS);
    expect(response.status).not.toBe(500);
    const maxBytes = response.status >= 400 ? MAX_ERROR_BYTES : MAX_BYTES;
    expect(Buffer.byteLength(response.text)).toBeLessThanOrEqual(maxBytes);
    return response;
  }
}

const PATH = '/v1.0/playPromptOperation';
const long = 30_000;

/** Values that make a parser which backtracks, or which copies its rest, quadratic. */
const values: [string, string][] = [
  ['spaces before the end', `a/b;q=1${' '.repeat(long)}x`],
  ['spaces after a comma', `,${' '.repeat(long)}x`],
  ['commas', ','.repeat(long)],
  ['semicolons', `a/b${';'.repeat(long)}`],
  ['quotes', '"'.repeat(long)],
  ['escaped quotes', `"${'\\"'.repeat(long / 2)}`],
  ['a quoted string without an end', `a/b;c="${'x'.repeat(long)}`],
  ['equals signs', `a/b;${'='.repeat(long)}`],
  ['parameters', `a/b${';a=b'.repeat(long / 4)}`],
  ['ranges', 'a/b,'.repeat(long / 4)],
  ['slashes', '/'.repeat(long)],
  ['ETags', 'W/"a",'.repeat(long / 6)],
  ['ETags without commas', '"a"'.repeat(long / 3)],
  ['tabs and commas', '\t,'.repeat(long / 2)],
];
const names = ['accept', 'content-type', 'content-encoding', 'if-match', 'if-none-match', 'prefer', 'odata-version'];
const others = ['odata-maxversion', 'repeatability-request-id', 'repeatability-first-sent', 'authorization'];
const headers = [...names, ...others].flatMap((name) => values.map(([what, value]) => [name, what, value] as const));

describe('a long header', () => {
  test.each(headers)('%s of %s is bounded', async (name, _what, value) => {
    await expectBounded({ headers: { [name]: value }, body: { status: 'Running' }, path: `${PATH}/a` });
    const batch = batchOf({ headers: { [name]: value } });
    if (name !== 'authorization') await expectBounded({ method: 'POST', path: '/v1.0/$batch', body: batch });
    if (name !== 'accept') return;
    for (const path of ['/v1.0', '/v1.0/$metadata', '/openapi.json']) {
      await expectBounded({ method: 'GET', path, token: undefined, headers: { accept: value } });
    }
  });

  test.each(names)('%s is refused by its name from the limit on', async (name) => {
    const value = (length: number) => ({ [name]: 'x'.repeat(length) });
    const above = await app.send({ path: `${PATH}/a`, headers: value(MAX_HEADER_LENGTH + 1), body: {} });
    expect([above.status, above.json.error.details?.[0]?.target.toLowerCase()]).toEqual([400, name]);
    const at = await app.send({ path: `${PATH}/a`, headers: value(MAX_HEADER_LENGTH), body: {} });
    expect(at.json?.error?.message ?? '').not.toContain('characters long');
  });

  test('Host, which URLs in responses repeat, is bounded', async () => {
    const batch = batchOf({ method: 'PATCH', body: {}, headers: { 'content-type': 'application/json' } });
    const requests: TestRequest[] = [
      ...['/', '/v1.0', '/openapi.json', PATH].map((path) => ({ method: 'GET', path })),
      { path: `${PATH}/of-a-long-host`, body: {} },
      { method: 'POST', path: '/v1.0/$batch', body: batch },
    ];
    for (const each of requests) {
      const path = `http://${'a.'.repeat(long / 2)}b${each.path}`;
      const { status, json } = await expectBounded({ ...each, path });
      expect([status, json.error.details[0].target]).toEqual([400, 'Host']);
    }
    expect((await app.send({ method: 'GET', path: `${PATH}/of-a-long-host` })).status).toBe(404);
  });

  test('that nothing looks into may be as long as the host lets it be', async () => {
    const headers = { 'x-other': 'x'.repeat(8000) };
    expect((await app.send({ path: `${PATH}/a`, headers, body: {} })).status).toBe(200);
  });
});

/** Bodies of an update, each as large as may be. */
const membersOf = (count: number, nameOf: (n: number) => string | number) =>
  `{${Array.from({ length: count }, (_, n) => `"${nameOf(n)}":1`).join()}}`;
const deep = `{"${'x'.repeat(2000)}":`.repeat(15);
const bodies: [string, string][] = [
  ['a long name, repeated', membersOf(2, () => 'x'.repeat(30_000))],
  ['long names around repeated ones', `{"${'x'.repeat(30_000)}":${membersOf(5000, () => 'a')}}`],
  ['repeated names deep inside', deep + membersOf(5000, () => 'a') + '}'.repeat(15)],
  ['many different repeated names', membersOf(8000, (n) => n >> 1)],
  ['many unknown names', membersOf(8000, (n) => n)],
  ['a long unknown name', membersOf(1, () => 'x'.repeat(65_000))],
  ['a name of escapes', `{"${'\\u0000'.repeat(10_000)}":1}`],
  ['colons in a text', `{"clientContext":"${'\\":'.repeat(20_000)}"}`],
  ['brackets', '['.repeat(65_000)],
  ['quotes', '"'.repeat(65_000)],
  ['spaces', `{${' '.repeat(65_000)}`],
  ['a number', `{"a":${'1'.repeat(65_000)}}`],
  ['arrays', `{"a":[${'[],'.repeat(20_000)}1]}`],
];

test.each(bodies)('a body of %s is bounded, alone and in a batch', async (_what, body) => {
  await expectBounded({ path: `${PATH}/a`, body });
  const base64 = Buffer.from(body).toString('base64');
  const one = { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: base64 };
  const batch = batchOf(...Array.from({ length: 10 }, (_, n) => ({ ...one, id: `${n}` })));
  await expectBounded({ method: 'POST', path: '/v1.0/$batch', body: batch });
});

const million = 1_000_000;
const request = (rest: object) => ({ id: '1', method: 'GET', url: '/playPromptOperation/a', ...rest });
const batchOf = (...requests: object[]) => JSON.stringify({ requests: requests.map(request) });
const headersOf = (count: number, nameOf: (n: number) => string) => ({
  headers: Object.fromEntries(Array.from({ length: count }, (_, n) => [nameOf(n), ''])),
});
const noHeaders = headersOf(6000, (n) => `${n.toString(36)} `);
const batches: [string, string][] = [
  ['ones', `{"requests":[${'1,'.repeat(500_000)}1]}`],
  ['objects', `{"requests":[${'{},'.repeat(330_000)}{}]}`],
  ['unknown members', membersOf(90_000, (n) => n)],
  ['a member that is repeated', membersOf(170_000, () => 'a')],
  ['members that are all different', membersOf(80_000, (n) => n.toString(36))],
  ['members that are all there twice', membersOf(90_000, (n) => n >> 1)],
  ['a $select of commas', batchOf({ url: `/playPromptOperation?$select=${','.repeat(million)}` })],
  ['query options', batchOf({ url: `/playPromptOperation?${'a&'.repeat(500_000)}` })],
  ['a long method', batchOf({ method: 'A'.repeat(million) })],
  ['a long id, twice', batchOf({ id: 'x'.repeat(million / 2) }, { id: 'x'.repeat(million / 2) })],
  ['a header of spaces', batchOf({ headers: { accept: `a/b;q=1${' '.repeat(100_000)}x` } })],
  ['many headers', batchOf(headersOf(60_000, (n) => `x-${n}`))],
  ['headers whose names are none', batchOf(...Array.from({ length: 10 }, (_, n) => ({ id: `${n}`, ...noHeaders })))],
  ['a header that is no text', batchOf({ headers: { a: { toString: 1 } } })],
  ['open brackets', '['.repeat(million)],
  ['quotes and colons', `{"a":"${'\\":'.repeat(million / 3)}"}`],
  ['dependencies', batchOf({ dependsOn: Array.from({ length: 200_000 }, () => '') })],
  ['a body of arrays', `{"requests":[{"body":${'['.repeat(12)}${'1,'.repeat(500_000)}1${']'.repeat(12)}}]}`],
  ['a base64 body that is not one', batchOf({ method: 'PATCH', body: `${'A'.repeat(million)}!` })],
];

test.each(batches)('a batch of %s is bounded', async (_what, body) => {
  await expectBounded({ method: 'POST', path: '/v1.0/$batch', body });
});

test.each<[string, query: string]>([
  ['options', 'a&'.repeat(4000)],
  ['commas', `$select=${','.repeat(8000)}`],
  ['spaces', `$filter=${'+'.repeat(8000)}`],
  ['parentheses', `$filter=${'('.repeat(8000)}`],
  ['quotes', `$filter=clientContext+eq+'${"''".repeat(3900)}`],
  ['ands', `$filter=${"status eq 'Running' and ".repeat(300)}`],
  ['percent signs', `$filter=${'%'.repeat(8000)}`],
  ['digits', `$top=${'1'.repeat(8000)}`],
  ['a token', `$skiptoken=${'A'.repeat(8000)}`],
])('a query of %s is bounded', async (_what, query) => {
  await expectBounded({ method: 'GET', path: `${PATH}?${query}` });
  await expectBounded({ method: 'GET', path: `/openapi.json?${query}`, token: undefined });
});

test('a list of large operations ends where it is full, and lists in a batch share its bound', async () => {
  const body = { resultInfo: { message: '\u0001'.repeat(8192) } };
  await Promise.all(Array.from({ length: 90 }, (_, n) => app.send({ path: `${PATH}/large-${n}`, body })));
  const isFull = (list: object) => expect(list).toMatchObject({ '@odata.nextLink': expect.any(String) });
  isFull((await expectBounded({ method: 'GET', path: `${PATH}?$top=999` })).json);
  const requests = ['1', '2', '3'].map((id) => request({ id, url: '/playPromptOperation?$top=999' }));
  const { json } = await expectBounded({ method: 'POST', path: '/v1.0/$batch', body: { requests } });
  for (const { status, body } of json.responses) {
    expect([status, body.value.length > 0]).toEqual([200, true]);
    isFull(body);
  }
}, 60_000);
