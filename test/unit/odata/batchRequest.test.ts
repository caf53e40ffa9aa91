import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { MAX_BATCH_BYTES, MAX_BATCH_REQUESTS, validateBatch } from '../../../shared/odata/batchRequest.ts';
import { ServiceError } from '../../../shared/serviceError.ts';

const request = (changes: object = {}) => ({ id: '1', method: 'GET', url: '/playPromptOperation/a', ...changes });
const batch = (...requests: object[]) => ({ requests });
const textOf = (body: Uint8Array | undefined) => body && Buffer.from(body).toString();

/** The targets of the faults for which a batch is refused; none when it is taken. */
function faultsOf(body: unknown): string[] {
  try {
    validateBatch(body);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    expect(error.reason).toBe('invalidRequest');
    for (const { code, message } of error.details)
      expect([code, message]).toEqual([expect.stringMatching(/./), expect.stringMatching(/./)]);
    return error.details.map(({ target }) => target);
  }
  return [];
}

describe('a request of a batch', () => {
  test('has what it does not name', () => {
    expect(validateBatch(batch(request()))).toEqual([{ ...request(), headers: {}, dependsOn: [] }]);
  });

  test('has its method in upper case', () => {
    expect(validateBatch(batch(request({ method: 'patch' })))[0]?.method).toBe('PATCH');
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
    expect(textOf(validateBatch(batch(request({ body })))[0]?.body)).toBe(text);
  });

  test.each(['playPromptOperation', '/playPromptOperation?$top=1', '', "/x('a:b')", '/..', '%'])(
    'has an address below the root: %s',
    (url) => {
      expect(validateBatch(batch(request({ url })))[0]?.url).toBe(url);
    },
  );

  test.each<[string, object]>([
    ['requests/0/id', { id: 1 }],
    ['requests/0/id', { id: undefined }],
    ['requests/0/method', { method: 'GET /' }],
    ['requests/0/method', { method: undefined }],
    ...['ftp://a/x', 'HTTP:x', '//a/x', '\\\\a\\x', '/a#b'].map((url): [string, object] => ['requests/0/url', { url }]),
    ['requests/0/url', { url: undefined }],
    ['requests/0/headers/a', { headers: { a: 'b\r\nc: d' } }],
    ['requests/0/headers/a', { headers: { a: '😀' } }],
    ['requests/0/headers/a', { headers: { a: 1 } }],
    ['requests/0/headers/a', { headers: { a: { toString: 1, valueOf: 1 } } }],
    ['requests/0/headers/a', { headers: { a: ['x'.repeat(40_000)] } }],
    ['requests/0/body', { body: Number.NEGATIVE_INFINITY }],
    ['requests/0/dependsOn', { dependsOn: '2' }],
    ['requests/0/dependsOn/0', { dependsOn: [1] }],
    ['requests/0/atomicityGroup', { atomicityGroup: 'g' }],
    ['requests/0/if', { if: 'x' }],
  ])('is refused with the name of the faulty part, %s: %j', (target, changes) => {
    expect(faultsOf(batch(request(changes)))).toEqual([target]);
  });

  test.each<[string, object]>([
    ['an id of white space', { id: '\n' }],
    ['a method of 20 letters', { method: 'M'.repeat(20) }],
    ['headers, body and dependsOn that are null', { headers: null, body: null, dependsOn: null }],
    ['an address of 8,192 characters', { url: `/${'x'.repeat(8191)}` }],
    ['an address with a colon or two slashes further on', { url: '/a:b//c' }],
    ['headers of any visible characters', { headers: { "!#$%&'*+.^_`|~09AZaz-": '\t ~\x80\xff' } }],
    ['headers of 32 KiB, with their names', { headers: { ab: 'x'.repeat(32_766 - 2), cd: '' } }],
    ['a number next to the largest', { body: { a: [Number.MAX_VALUE, -Number.MAX_VALUE] } }],
  ])('may have %s', (_title, changes) => {
    expect(faultsOf(batch(request(changes)))).toEqual([]);
  });

  test.each<[string, object]>([
    ['id must not be empty', { id: '' }],
    ['method must be the name of a method', { method: 'M'.repeat(21) }],
    ['method must be the name of a method', { method: ' GET' }],
    ['method must be the name of a method', { method: 'GET ' }],
    ['url must be at most 8192 characters long', { url: `/${'x'.repeat(8192)}` }],
    [
      'url must be relative to the service root, such as /playPromptOperation/{id}, or a URL of this service',
      { url: '/a\\b' },
    ],
    [
      'url must be relative to the service root, such as /playPromptOperation/{id}, or a URL of this service',
      { url: 'x-1.+y:' },
    ],
    ['headers must be an object', { headers: 5 }],
    ['headers must be an object', { headers: 'x'.repeat(40_000) }],
    ['headers must be at most 32768 characters long in total', { headers: { ab: 'x'.repeat(32_766 - 1), cd: '' } }],
    ['headers must be at most 32768 characters long in total', { headers: { [' '.repeat(40_000)]: 1 } }],
    ['headers/ a must be the name of a header', { headers: { ' a': '' } }],
    ['headers/a must be the value of a header', { headers: { a: 'b\0' } }],
    ['headers/a must be the value of a header', { headers: { a: '\x7fb' } }],
    ['body must be JSON, or a string in base64', { body: 'eyJhIjoxfQ===' }],
    ['body must be JSON, or a string in base64', { body: '=eyJhIjoxfQ' }],
    ['dependsOn must be an array', { dependsOn: 5 }],
    ['dependsOn must be an array', { dependsOn: { length: MAX_BATCH_REQUESTS } }],
    ['method must be the name of a method', { method: '1GET' }],
    [
      'url must be relative to the service root, such as /playPromptOperation/{id}, or a URL of this service',
      { url: 'https:a/' },
    ],
    ['headers/a b must be the name of a header', { headers: { 'a b': '' } }],
    ['headers/a must be the value of a header', { headers: { a: '\n' } }],
    ['headers must not have Authorization, which the batch has', { headers: { AUTHORIZATION: 'Bearer x' } }],
    ['body must not have a number beyond the range of a double', { body: [Number.POSITIVE_INFINITY] }],
    ['body must be JSON, or a string in base64', { body: 'a b' }],
    ['dependsOn must have at most 19 ids', { dependsOn: Array(MAX_BATCH_REQUESTS).fill('1') }],
    ['dependsOn must have ids of other requests, none of which depends on this one', { dependsOn: ['1'] }],
  ])('is refused with a message that names what is allowed: %s', (words, changes) => {
    const message = `requests/0/${words}.`;
    expect(() => validateBatch(batch(request(changes)))).toThrow(
      expect.objectContaining({
        message,
        details: [{ message, target: message.replace(/ must .*/, ''), code: expect.stringMatching(/./) }],
      }),
    );
  });

  test('reports all its faults, and those of the others', () => {
    expect(faultsOf({ ...batch(request({ id: '', body: '%' }), request({ url: 1 })), extra: 1 }).sort()).toEqual([
      ...['extra', 'requests/0/body', 'requests/0/id', 'requests/1/url'],
    ]);
  });
});

describe('a batch', () => {
  test.each([null, [], 'x', {}, batch()])('%j is none', (body) => {
    expect(faultsOf(body)).toHaveLength(1);
  });

  test.each([null, {}, 'x', 1])('needs a list of requests, which %j is not', (requests) => {
    expect(() => validateBatch({ requests })).toThrow('requests must be an array.');
  });

  test('that has too many requests is refused without a look at them', () => {
    expect(faultsOf(batch(...Array(MAX_BATCH_REQUESTS + 1).fill({})))).toEqual(['requests']);
  });

  test(`has at most ${MAX_BATCH_REQUESTS} requests`, () => {
    const of = (count: number) => batch(...Array.from({ length: count }, (_, n) => request({ id: `${n}` })));
    expect(validateBatch(of(MAX_BATCH_REQUESTS))).toHaveLength(MAX_BATCH_REQUESTS);
    expect(faultsOf(of(MAX_BATCH_REQUESTS + 1))).toEqual(['requests']);
    expect(() => validateBatch(batch())).toThrow('requests must have 1 to 20 members.');
  });

  test('has at most 1 MiB', () => {
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

  test('come before those that depend on them, wherever they stand', () => {
    expect(orderOf({ a: [], b: ['a'], c: ['b'] })).toEqual(['a', 'b', 'c']);
    expect(orderOf({ a: ['b'], b: ['c'], c: [] })).toEqual(['c', 'b', 'a']);
    expect(orderOf({ a: ['c', 'b'], b: [], c: ['b'] })).toEqual(['b', 'c', 'a']);
  });

  test('are named in any casing', () => {
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
