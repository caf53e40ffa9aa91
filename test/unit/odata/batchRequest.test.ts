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
    [false, 'false'],
    ['eyJhIjoxfQ==', '{"a":1}'],
    ['8J-YgD8_', '😀??'],
    ['8J+YgD8/', '😀??'],
    ['', ''],
  ])('has the body %j as %j', (body, text) => {
    expect(Buffer.from(first({ body })?.body ?? 'none').toString()).toBe(text);
  });

  test.each<object>([
    ...['playPromptOperation', '/a?$top=1', '', "/x('a:b')", '/..', '%', '/a:b//c'].map((url) => ({ url })),
    { url: `/${'x'.repeat(8191)}` },
    { id: '\n' },
    { method: 'M'.repeat(20) },
    { headers: null, body: null, dependsOn: null },
    { headers: { "!#$%&'*+.^_`|~09AZaz-": '\t ~\x80\xff' } },
    { headers: { ab: 'x'.repeat(32_766 - 2), cd: '' } },
    { body: { a: [Number.MAX_VALUE, -Number.MAX_VALUE] } },
  ])('may have %j', (changes) => {
    expect(faultsOf(batch(request(changes)))).toEqual([]);
  });

  const isMethod = 'method must be the name of a method';
  const isUrl = 'url must be relative to the service root, such as /playPromptOperation/{id}, or a URL of this service';
  const isValue = 'headers/a must be the value of a header';
  const isBody = 'body must be JSON, or a string in base64';
  const isInRange = 'body must not have a number beyond the range of a double';
  const isShort = 'headers must be at most 32768 characters long in total';
  test.each<[words: string, ...changes: object[]]>([
    ['id is required', { id: undefined }],
    ['id must be a string', { id: 1 }],
    ['id must not be empty', { id: '' }],
    ['method is required', { method: undefined }],
    [isMethod, ...['GET /', 'M'.repeat(21), ' GET', 'GET ', '1GET'].map((method) => ({ method }))],
    ['url is required', { url: undefined }],
    ['url must be at most 8192 characters long', { url: `/${'x'.repeat(8192)}` }],
    [isUrl, ...['ftp://a/x', 'HTTP:x', '//a/x', '\\\\a\\x', '/a#b', '/a\\b', 'x-1.+y:'].map((url) => ({ url }))],
    ['headers must be an object', { headers: 5 }, { headers: 'x'.repeat(40_000) }],
    [isShort, { headers: { ab: 'x'.repeat(32_766 - 1), cd: '' } }, { headers: { [' '.repeat(40_000)]: 1 } }],
    ['headers/ a must be the name of a header', { headers: { ' a': '' } }],
    ['headers/a b must be the name of a header', { headers: { 'a b': '' } }],
    [isValue, ...['b\r\nc: d', '😀', 'b\0', '\x7fb', '\n'].map((a) => ({ headers: { a } }))],
    ['headers/a must be a string', ...[1, { toString: 1 }, ['x'.repeat(40_000)]].map((a) => ({ headers: { a } }))],
    ['headers must not have Authorization, which the batch has', { headers: { AUTHORIZATION: 'Bearer x' } }],
    [isBody, ...['eyJhIjoxfQ===', '=eyJhIjoxfQ', 'a b'].map((body) => ({ body }))],
    [isInRange, { body: [0, Number.POSITIVE_INFINITY] }, { body: Number.NEGATIVE_INFINITY }],
    ['dependsOn must be an array', ...[5, '2', { length: MAX_BATCH_REQUESTS }].map((dependsOn) => ({ dependsOn }))],
    ['dependsOn/0 must be a string', { dependsOn: [1] }],
    ['dependsOn must have at most 19 ids', { dependsOn: Array(MAX_BATCH_REQUESTS).fill('1') }],
    ['dependsOn must have ids of other requests, none of which depends on this one', { dependsOn: ['1'] }],
    ['atomicityGroup is not a property of the resource', { atomicityGroup: 'g' }],
  ])('is refused with a message that names what is allowed: %s', (words, ...all) => {
    const message = `requests/0/${words}.`;
    const detail = { message, target: message.replace(/ (must|is) .*/, ''), code: expect.stringMatching(/./) };
    const refused = expect.objectContaining({ message, details: [detail] });
    for (const changes of all) expect(() => validateBatch(batch(request(changes)))).toThrow(refused);
  });

  test('reports all its faults, and those of the others', () => {
    const faulty = { ...batch(request({ id: '', body: '%' }), request({ url: 1 })), extra: 1 };
    expect(faultsOf(faulty).sort()).toEqual(['extra', 'requests/0/body', 'requests/0/id', 'requests/1/url']);
  });
});

describe('a batch', () => {
  test('needs a list of requests', () => {
    for (const body of [null, [], 'x', {}]) expect(faultsOf(body)).toHaveLength(1);
    for (const requests of [null, {}, 'x', 1])
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

  test('may be all other requests, named in any casing', () => {
    const others = Array.from({ length: MAX_BATCH_REQUESTS - 1 }, (_, n) => `a${n}`);
    const last = others.map((id) => id.toUpperCase());
    const requests = validateBatch(of({ last, ...Object.fromEntries(others.map((id) => [id, []])) }));
    expect(requests.at(-1)).toMatchObject({ id: 'last', dependsOn: others });
  });

  test.each([
    [{ a: ['a'] }, ['requests/0/dependsOn']],
    [{ a: ['b'], b: ['A'] }, ['requests/0/dependsOn', 'requests/1/dependsOn']],
    [{ a: [], b: ['c'], c: ['d'], d: ['b'] }, [1, 2, 3].map((n) => `requests/${n}/dependsOn`)],
    [{ a: [], b: ['x'] }, ['requests/1/dependsOn']],
  ])('%j are none', (dependencies, faults) => {
    expect(faultsOf(of(dependencies))).toEqual(faults);
  });

  test('come before those that depend on them, wherever they stand', async () => {
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
