import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { MAX_BATCH_BYTES, MAX_BATCH_REQUESTS, validateBatch } from '../../../shared/odata/batchRequest.ts';
import { faultsOf as faultsIn } from '../../support/faults.ts';

const request = (changes: object = {}) => ({ id: '1', method: 'GET', url: '/playPromptOperation/a', ...changes });
const batch = (...requests: object[]) => ({ requests });
const first = (changes: object) => validateBatch(batch(request(changes)))[0];

/** The targets of the faults for which a batch is refused; none when it is taken. */
const faultsOf = (body: unknown) => faultsIn(() => validateBatch(body)).map((fault) => fault.replace(/^\w+ /, ''));

describe('a request of a batch', () => {
  test('has what it does not name, and its method in upper case', () => {
    expect(first({ method: 'patch' })).toEqual({ ...request({ method: 'PATCH' }), headers: {}, dependsOn: [] });
  });

  test.each([
    [{ status: 'Running' }, '{"status":"Running"}'],
    [{ a: '\ud800', __proto__: null }, '{"a":"\\ud800"}'],
    [JSON.parse('{"__proto__":{"id":"x"}}'), '{"__proto__":{"id":"x"}}'],
    [[], '[]'],
    [0, '0'],
    [false, 'false'],
    ['eyJhIjoxfQ==', '{"a":1}'],
    ['eyJhIjoxfQ', '{"a":1}'],
    ['8J-YgD8_', '😀??'],
    ['8J+YgD8/', '😀??'],
    ['', ''],
  ])('has the body %j as %j', (body, text) => {
    expect(Buffer.from(first({ body })?.body ?? 'none').toString()).toBe(text);
  });

  test.each(['playPromptOperation', '/playPromptOperation?$top=1', '', "/x('a:b')", '/..', '%', '/a:b//c'])(
    'has a URL below the root: %s',
    (url) => expect(first({ url })?.url).toBe(url),
  );

  test.each<[string, object]>([
    ['id', { id: 1 }],
    ['id', { id: undefined }],
    ['method', { method: 'GET /' }],
    ['method', { method: undefined }],
    ...['ftp://a/x', 'HTTP:x', '//a/x', '\\\\a\\x', '/a#b', undefined].map((url): [string, object] => ['url', { url }]),
    ...['b\r\nc: d', '😀', 1, { toString: 1, valueOf: 1 }, ['x'.repeat(40_000)]].map((a): [string, object] => [
      ...(['headers/a', { headers: { a } }] as const),
    ]),
    ['body', { body: Number.NEGATIVE_INFINITY }],
    ['dependsOn', { dependsOn: '2' }],
    ['dependsOn/0', { dependsOn: [1] }],
    ['atomicityGroup', { atomicityGroup: 'g' }],
    ['if', { if: 'x' }],
  ])('is refused with the name of the faulty part, %s: %j', (target, changes) => {
    expect(faultsOf(batch(request(changes)))).toEqual([`requests/0/${target}`]);
  });

  test.each<object>([
    { id: '\n' },
    { method: 'M'.repeat(20) },
    { headers: null, body: null, dependsOn: null },
    { url: `/${'x'.repeat(8191)}` },
    { headers: { "!#$%&'*+.^_`|~09AZaz-": '\t ~\x80\xff' } },
    { headers: { ab: 'x'.repeat(32_766 - 2), cd: '' } },
    { body: { a: [Number.MAX_VALUE, -Number.MAX_VALUE] } },
  ])('may have %j', (changes) => {
    expect(faultsOf(batch(request(changes)))).toEqual([]);
  });

  const isMethod = 'method must be the name of a method';
  const isUrl = 'url must be relative to the service root, such as /playPromptOperation/{id}, or a URL of this service';
  const isBody = 'body must be JSON, or a string in base64';
  const isShort = 'headers must be at most 32768 characters long in total';
  test.each<[string, object]>([
    ['id must not be empty', { id: '' }],
    ...['M'.repeat(21), ' GET', 'GET ', '1GET'].map((method): [string, object] => [isMethod, { method }]),
    ['url must be at most 8192 characters long', { url: `/${'x'.repeat(8192)}` }],
    ...['/a\\b', 'x-1.+y:', 'https:a/'].map((url): [string, object] => [isUrl, { url }]),
    ...[5, 'x'.repeat(40_000)].map((headers): [string, object] => ['headers must be an object', { headers }]),
    [isShort, { headers: { ab: 'x'.repeat(32_766 - 1), cd: '' } }],
    [isShort, { headers: { [' '.repeat(40_000)]: 1 } }],
    ['headers/ a must be the name of a header', { headers: { ' a': '' } }],
    ['headers/a b must be the name of a header', { headers: { 'a b': '' } }],
    ...['b\0', '\x7fb', '\n'].map((a): [string, object] => [
      'headers/a must be the value of a header',
      { headers: { a } },
    ]),
    ['headers must not have Authorization, which the batch has', { headers: { AUTHORIZATION: 'Bearer x' } }],
    ...['eyJhIjoxfQ===', '=eyJhIjoxfQ', 'a b'].map((body): [string, object] => [isBody, { body }]),
    ['body must not have a number beyond the range of a double', { body: [Number.POSITIVE_INFINITY] }],
    ['dependsOn must be an array', { dependsOn: 5 }],
    ['dependsOn must be an array', { dependsOn: { length: MAX_BATCH_REQUESTS } }],
    ['dependsOn must have at most 19 ids', { dependsOn: Array(MAX_BATCH_REQUESTS).fill('1') }],
    ['dependsOn must have ids of other requests, none of which depends on this one', { dependsOn: ['1'] }],
  ])('is refused with a message that names what is allowed: %s', (words, changes) => {
    const message = `requests/0/${words}.`;
    const detail = { message, target: message.replace(/ must .*/, ''), code: expect.stringMatching(/./) };
    const refused = expect.objectContaining({ message, details: [detail] });
    expect(() => validateBatch(batch(request(changes)))).toThrow(refused);
  });

  test('reports all its faults, and those of the others', () => {
    const faulty = { ...batch(request({ id: '', body: '%' }), request({ url: 1 })), extra: 1 };
    expect(faultsOf(faulty).sort()).toEqual(['extra', 'requests/0/body', 'requests/0/id', 'requests/1/url']);
  });
});

describe('a batch', () => {
  test.each([null, [], 'x', {}, batch()])('%j is none', (body) => {
    expect(faultsOf(body)).toHaveLength(1);
  });

  test.each([null, {}, 'x', 1])('needs a list of requests, which %j is not', (requests) => {
    expect(() => validateBatch({ requests })).toThrow('requests must be an array.');
  });

  test(`has 1 to ${MAX_BATCH_REQUESTS} requests and 1 MiB, and is refused without a look at more`, () => {
    const of = (count: number) => batch(...Array.from({ length: count }, (_, n) => request({ id: `${n}` })));
    expect(validateBatch(of(MAX_BATCH_REQUESTS))).toHaveLength(MAX_BATCH_REQUESTS);
    expect(faultsOf(batch(...Array(MAX_BATCH_REQUESTS + 1).fill({})))).toEqual(['requests']);
    for (const count of [0, MAX_BATCH_REQUESTS + 1])
      expect(() => validateBatch(of(count))).toThrow('requests must have 1 to 20 members.');
    expect(MAX_BATCH_BYTES).toBe(1_048_576);
  });

  test('has ids that differ in more than casing', () => {
    const twice = batch(request({ id: 'a' }), request({ id: 'b' }), request({ id: 'A' }));
    expect(faultsOf(twice)).toEqual(['requests/0/id']);
    expect(() => validateBatch(twice)).toThrow('requests/0/id must be unique.');
  });
});

describe('dependencies', () => {
  const of = (dependencies: Record<string, string[]>) =>
    batch(...Object.entries(dependencies).map(([id, dependsOn]) => request({ id, dependsOn })));
  const orderOf = (dependencies: Record<string, string[]>) => validateBatch(of(dependencies)).map(({ id }) => id);

  test('may be all other requests', () => {
    const others = Array.from({ length: MAX_BATCH_REQUESTS - 1 }, (_, n) => `${n}`);
    const dependencies = { last: others, ...Object.fromEntries(others.map((id) => [id, []])) };
    expect(validateBatch(of(dependencies)).at(-1)).toMatchObject({ id: 'last', dependsOn: others });
  });

  test('come before those that depend on them, wherever they stand, and are named in any casing', () => {
    expect(orderOf({ a: [], b: ['a'], c: ['b'] })).toEqual(['a', 'b', 'c']);
    expect(orderOf({ a: ['b'], b: ['c'], c: [] })).toEqual(['c', 'b', 'a']);
    expect(orderOf({ a: ['c', 'b'], b: [], c: ['b'] })).toEqual(['b', 'c', 'a']);
    expect(validateBatch(of({ A: [], b: ['a'] }))[1]?.dependsOn).toEqual(['A']);
  });

  test.each([
    [{ a: ['a'] }, ['requests/0/dependsOn']],
    [{ a: ['b'], b: ['A'] }, ['requests/0/dependsOn', 'requests/1/dependsOn']],
    [{ a: [], b: ['c'], c: ['d'], d: ['b'] }, [1, 2, 3].map((n) => `requests/${n}/dependsOn`)],
    [{ a: [], b: ['x'] }, ['requests/1/dependsOn']],
  ])('%j are none', (dependencies, faults) => {
    expect(faultsOf(of(dependencies))).toEqual(faults);
  });

  test('that lead nowhere twice are in an order, all of them', async () => {
    // Each may depend on those before it, and then they are shuffled.
    const graph = fc
      .array(fc.array(fc.nat(19), { maxLength: 4 }), { minLength: 1, maxLength: MAX_BATCH_REQUESTS })
      .map((all) => all.map((on, n) => request({ id: `${n}`, dependsOn: on.filter((m) => m < n).map(String) })))
      .chain((requests) => fc.shuffledSubarray(requests, { minLength: requests.length }));
    await fc.assert(
      fc.property(graph, (requests) => {
        const seen = new Set<string>();
        for (const { id, dependsOn } of validateBatch({ requests })) {
          for (const other of dependsOn) expect(seen).toContain(other);
          seen.add(id);
        }
        expect(seen.size).toBe(requests.length);
      }),
    );
  });
});
