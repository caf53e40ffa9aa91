import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { BYTES_PER_TOKEN, MAX_BODY_BYTES, MAX_DEPTH, parseJson, readJsonBody } from '../../../shared/http/jsonBody.ts';
import { faultsOf } from '../../support/faults.ts';
import { streamOf } from '../../support/streams.ts';

const badRequest = expect.objectContaining({ reason: 'invalidRequest' });
/** Whether a text is read as JSON.parse reads it. */
const isReadAsJson = (text: string) => isDeepStrictEqual(parseJson(text), JSON.parse(text));

const nested = (depth: number, open = '[', close = ']', inside = '') =>
  open.repeat(depth) + inside + close.repeat(depth);

/** Names that look like JSON themselves. */
const awkwardName = fc.oneof(
  fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ':', ',', ' ', 'a', '\n', '/') }),
  fc.constantFrom('__proto__', 'constructor', 'toString', '', '"a":1,', '\\"', '\\\\"', '{"a":', '\u2028'),
  fc.string(),
);
const awkwardValue = fc.letrec<{ value: unknown; object: object }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.jsonValue({ maxDepth: 0 }),
    awkwardName,
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.array(fc.tuple(awkwardName, tie('value')), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
}));

/** A name as JSON may also write it. */
const escaped = (name: string) =>
  `"${name.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

describe('a text is read as JSON.parse reads it', () => {
  test('with any quotes, backslashes, braces, colons and commas in names and strings, and any white space', async () => {
    const space = fc.constantFrom(undefined, 1, '\t', '\n\r');
    await fc.assert(
      fc.property(awkwardValue.value, space, (value, by) => isReadAsJson(JSON.stringify(value, null, by))),
    );
  });

  test.each([
    ...['[{"a":{"a":1}},{"a":2}]', '{"toString":1,"constructor":2,"__proto__":3}', '{"a":1,"A":2}'],
    ...[String.raw`{"a":"{\"a\":1,\"a\":2}","b":"\\","c":",\"a\":"}`, `"${'a'.repeat(60_000)}"`],
    ...[`"${'\\"'.repeat(30_000)}"`, JSON.stringify('['.repeat(60_000))],
  ])('%.60s', (text) => {
    expect(isReadAsJson(text)).toBe(true);
  });
});

describe('a member named twice is refused by its path', () => {
  test.each<[text: string, ...targets: string[]]>([
    ['{"a":1,"a":2,"a":3}', 'a'],
    ['{"a":1,"b":2,"a":3,"b":4}', 'a', 'b'],
    ['{ "a" : 1 ,\n\t"a" : 2 }', 'a'],
    [String.raw`{"\u0061":1,"\u0061":2}`, 'a'],
    [String.raw`{"a\/b":1,"a/b":2}`, 'a/b'],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
    ['{"a":{"b":1,"b":2},"c":{"b":1,"b":2}}', 'a/b', 'c/b'],
    ['{"a":{"b":1,"b":2},"a":3}', 'a/b', 'a'],
    ['{"a":{"b":{"c":1}},"d":{"c":1,"c":2}}', 'd/c'],
    ['{"a":{"x":1},"b":1,"b":2}', 'b'],
    ['{"a":[{"b":1,"b":2}]}', 'a/b'],
    ['{"a":[{"b":1},{"c":1,"c":2}]}', 'a/c'],
    ['{"a":[{"b":[1]},[{"c":1,"c":2}]],"d":{"e":1,"e":2}}', 'a/c', 'd/e'],
    ['[{"b":1},{"c":1,"c":2}]', 'c'],
  ])('%s', (text, ...targets) => {
    expect(faultsOf(() => parseJson(text))).toEqual(targets.map((target) => `DuplicateProperty ${target}`));
  });

  test('for any name, and any members before, between and after', async () => {
    expect(() => parseJson('{"a":1,"a":2}')).toThrow('a appears more than once.');
    const selector = ([name]: [string, unknown]) => name;
    const any = fc.tuple(awkwardName, awkwardValue.value);
    const members = fc.uniqueArray(any, { selector, minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.property(members, fc.nat(), fc.nat(), fc.boolean(), (entries, from, to, asEscapes) => {
        const written = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
        const name = entries[from % entries.length]?.[0] ?? '';
        const again = `${asEscapes ? escaped(name) : JSON.stringify(name)}:0`;
        const text = `{${written.toSpliced(to % (written.length + 1), 0, again).join(',')}}`;
        expect(faultsOf(() => parseJson(text))).toEqual([`DuplicateProperty ${name}`]);
      }),
    );
  });
});

describe('a text nested to the limit is read, and one level more is refused', () => {
  test.each([
    ['[', ']', '', MAX_DEPTH],
    ['{"a":', '}', '0', MAX_DEPTH],
    ['[{"a":', '}]', '0', MAX_DEPTH / 2],
  ])('%s', (open, close, inside, most) => {
    const text = nested(most, open, close, inside);
    expect(isReadAsJson(text)).toBe(true);
    const message = 'The body is nested deeper than 16 levels.';
    const refusal = expect.objectContaining({ reason: 'invalidRequest', message });
    for (const deeper of [`[${text}]`, `{"a":${text}}`]) expect(() => parseJson(deeper)).toThrow(refusal);
  });

  test('though many stand side by side', () => {
    expect(isReadAsJson(`[${Array(60).fill(nested(MAX_DEPTH - 1))}]`)).toBe(true);
  });
});

describe('tokens', () => {
  const most = MAX_BODY_BYTES / BYTES_PER_TOKEN;
  const arrayOf = (member: string, count: number) => `[${Array(count).fill(member).join()}]`;

  test.each<[string, string, number]>([
    ['numbers', '11', 0],
    ['names and colons', '{"aaaa":1}', 4],
    ['texts', '"[,]"', 1],
    ['texts with escapes', String.raw`"\\\",["`, 1],
  ])('are counted, and texts are not looked into: %s', (_title, member, tokens) => {
    // A comma, or a bracket, follows each member.
    const fitting = Math.floor((most - 1) / (tokens + 1));
    expect(parseJson(arrayOf(member, fitting))).toHaveLength(fitting);
    expect(() => parseJson(arrayOf(member, fitting + 1))).toThrow(`The body has more than ${most} JSON tokens.`);
  });

  test('may be more where more bytes are allowed', () => {
    const text = arrayOf('11', most);
    expect(() => parseJson(text)).toThrow(badRequest);
    expect(parseJson(text, 2 * MAX_BODY_BYTES)).toHaveLength(most);
  });

  test('are refused before anything else is, where they are too many', () => {
    for (const text of [nested(30_000), '{"a":'.repeat(10_000), '"'.repeat(60_000), `{${'"a":1,'.repeat(9000)}"a":1}`])
      expect(() => parseJson(text)).toThrow('JSON tokens');
  });

  test('that have no end are one, and not JSON', () => {
    for (const text of ['a,'.repeat(3000), `${'a'.repeat(3000)}\\`, '\\"'.repeat(3000)])
      expect(() => parseJson(`["${text}`)).toThrow('The body is not valid JSON');
  });
});

test.each([
  ...['', ' ', '{', '{}}', '{"a":1,}', '{a:1}', "{'a':1}", '01', 'NaN', '"\u0001"', '{}//', String.raw`"\x41"`],
])('what is not JSON is a 400 that says why: %j', (text) => {
  const message = expect.stringMatching(/^The body is not valid JSON: .+\.$/);
  expect(() => parseJson(text)).toThrow(expect.objectContaining({ reason: 'invalidRequest', message }));
});

const readStream = (body: ReadableStream<Uint8Array> | null, headers: Record<string, string> = {}) =>
  readJsonBody({ headers: new Headers({ 'Content-Type': 'application/json', ...headers }), body });
const read = (content: string | Uint8Array, headers?: Record<string, string>) =>
  readStream(streamOf([Buffer.from(content)]).stream, headers);

/** Expects that a request is refused before any of its body is read. */
async function expectUnread(headers: Record<string, string>, refusal: object) {
  const { stream, asked } = streamOf([Buffer.from('{}')]);
  await expect(readStream(stream, headers)).rejects.toMatchObject(refusal);
  expect(asked.pulls).toBe(0);
}

const unsupported = (message: string) => ({ reason: 'unsupportedMediaType', message });

describe('Content-Type', () => {
  test.each([
    ...[
      'Application/JSON',
      ' application/json ',
      'application/json;CHARSET="UTF-8"',
      'application/json;charset=US-ASCII',
    ],
    'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
    'application/json;note="a; charset=utf-16"',
  ])('%j is taken', async (contentType) => {
    expect(await read('{"a":1}', { 'Content-Type': contentType })).toEqual({ a: 1 });
  });

  test.each([...['', 'text/json', '*/*', 'application/merge-patch+json', 'application/json, application/json']])(
    '%j is a 415',
    (contentType) =>
      expectUnread({ 'Content-Type': contentType }, unsupported('Content-Type must be application/json.')),
  );

  test.each([...['charset="utf-16"', ' CharSet=UTF-16LE', 'charset=xutf-8', 'charset=utf-8x']])(
    'application/json;%s is a 415',
    (charset) =>
      expectUnread(
        { 'Content-Type': `application/json;${charset}` },
        unsupported('The charset of Content-Type must be utf-8.'),
      ),
  );

  test('that is missing is a 415', () =>
    expect(readJsonBody({ headers: new Headers(), body: null })).rejects.toMatchObject(
      unsupported('Content-Type is missing; it must be application/json.'),
    ));
});

test('a Content-Encoding is a 415, but for identity', async () => {
  const refusal = unsupported('Content-Encoding is not supported; send the body without it.');
  for (const coding of ['gzip', 'GZIP', 'br', 'deflate', 'x-gzip', 'identity, gzip'])
    await expectUnread({ 'Content-Encoding': coding }, refusal);
  for (const coding of ['identity', 'Identity']) expect(await read('{}', { 'Content-Encoding': coding })).toEqual({});
});

describe('a body', () => {
  /** A JSON string of so many bytes, which has one character less. */
  const ofLength = (bytes: number) => Buffer.from(`"é${'a'.repeat(bytes - 4)}"`);
  const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
  const tooLarge = { reason: 'contentTooLarge', message: 'The body is larger than 65536 bytes.' };

  test('as long as the limit, 64 KiB, is read; a byte more is a 413, at once if that is declared', async () => {
    expect(MAX_BODY_BYTES).toBe(65_536);
    const most = ofLength(MAX_BODY_BYTES);
    expect(await read(most, { 'Content-Length': `${MAX_BODY_BYTES}` })).toHaveLength(MAX_BODY_BYTES - 3);
    for (const declared of [{}, { 'Content-Length': '2' }, { 'Content-Length': 'many' }])
      await expect(read(ofLength(MAX_BODY_BYTES + 1), declared)).rejects.toMatchObject(tooLarge);
    await expectUnread({ 'Content-Length': `${MAX_BODY_BYTES + 1}` }, tooLarge);
  });

  test('that is not there, empty or white space is a 400', async () => {
    const message = 'The body is empty; it must be a JSON object.';
    for (const body of [null, streamOf([]).stream, streamOf([Buffer.of(), Buffer.of()]).stream])
      await expect(readStream(body)).rejects.toMatchObject({ reason: 'invalidRequest', message });
    for (const blank of [Buffer.from(' \n'), BOM]) await expect(read(blank)).rejects.toThrow(badRequest);
  });

  test('that was lost on the way, since it was sent in chunks, is a 411 that says what to do', async () => {
    const chunked = { 'Transfer-Encoding': 'chunked' };
    const message = expect.stringMatching(/send Content-Length.*LoadIntoBufferAsync/s);
    await expect(readStream(null, chunked)).rejects.toMatchObject({ reason: 'lengthRequired', message });
    expect(await read('{}', chunked)).toEqual({});
  });

  test('may begin with a byte order mark, and be cut anywhere, also inside a character', async () => {
    const bytes = [...BOM, ...Buffer.from('{"a":"€😀"}')];
    expect(await readStream(streamOf(bytes.map((byte) => Buffer.of(byte))).stream)).toEqual({ a: '€😀' });
  });

  test('that is not UTF-8 is a 400, also where it ends within a character', async () => {
    const refusal = { reason: 'invalidRequest', message: 'The body is not valid UTF-8.' };
    for (const after of [[0xe9], [0xed, 0xa0, 0x80, 0x22], [0xe2, 0x82]])
      await expect(read(Buffer.from([0x22, ...after]))).rejects.toMatchObject(refusal);
  });
});
