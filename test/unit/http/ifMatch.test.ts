import { describe, expect, test } from '@jest/globals';
import { readPreconditions } from '../../../shared/http/ifMatch.ts';
import { failedPrecondition, isNotModified } from '../../../shared/operation/preconditions.ts';

const failed = expect.objectContaining({ reason: expect.stringMatching(/^version/) });
const ETAG = 'W/"current"';

/** Whether a request with these headers may change an entity of this tag. */
const check = (headers: Record<string, string>, etag: string | undefined) => () => {
  const failure = failedPrecondition(readPreconditions(new Headers(headers)), etag);
  if (failure) throw failure;
};

test('no header demands nothing', () => {
  expect(readPreconditions(new Headers())).toEqual({});
  expect(check({}, ETAG)).not.toThrow();
  expect(check({}, undefined)).not.toThrow();
});

describe.each(['If-Match', 'If-None-Match'])('%s is *, an entity tag or a list of them', (name) => {
  test.each([
    ...['', ' ', ',', ' , ,', 'current', '"current', 'current"', "'current'", '"a" "b"', '"a";"b"', '"a", b'],
    ...['"a", *', '*, "a"', '**', '"*"*', 'W/', 'W/*', 'W/current', 'W/ "current"', 'w/"current"', 'W"current"'],
    ...['"cur rent"', '"a\tb"', '"a""b"', '"a\x7fb"'],
  ])('%j is none of these: 400, by the name of the header', (value) => {
    expect(() => readPreconditions(new Headers({ [name]: value }))).toThrow(
      expect.objectContaining({
        reason: 'invalidRequest',
        details: [expect.objectContaining({ code: 'InvalidHeader', target: name })],
      }),
    );
  });
});

describe('If-Match', () => {
  test.each([
    ...['*', ' * ', 'W/"current"', '"current"', '"other", "current"', '"current", "other"'],
    ...['"other",W/"current",W/"third"', '"other"\t,\t"current"', ',, "other", , "current" ,', '"",W/"current"'],
  ])('%j admits the current tag, weakly compared', (value) => {
    expect(check({ 'If-Match': value }, ETAG)).not.toThrow();
    expect(check({ 'If-Match': value }, '"current"')).not.toThrow();
  });

  test.each(['"other"', 'W/"other"', '"Current"', '"current!"', '""', '"*"', '"W/current"', '"a", "b"'])(
    '%j does not admit the current tag',
    (value) => {
      expect(check({ 'If-Match': value }, ETAG)).toThrow(failed);
    },
  );

  test.each(['*', '"current"', 'W/"current"', '""'])('%j never creates', (value) => {
    expect(check({ 'If-Match': value }, undefined)).toThrow(failed);
  });
});

describe('If-None-Match', () => {
  test.each(['*', '"current"', 'W/"current"', '"other", "current"'])('%j excludes the current tag', (value) => {
    expect(check({ 'If-None-Match': value }, ETAG)).toThrow(failed);
  });

  test.each(['"other"', 'W/"other"', '"Current"', '"*"', '"a", "b"'])(
    '%j does not exclude the current tag',
    (value) => {
      expect(check({ 'If-None-Match': value }, ETAG)).not.toThrow();
    },
  );

  test.each(['*', '"current"', '"a", W/"b"'])('%j admits what does not exist', (value) => {
    expect(check({ 'If-None-Match': value }, undefined)).not.toThrow();
  });
});

describe('a comma inside a tag is a part of it', () => {
  const etag = 'W/"a,b"';

  test.each(['"a,b"', 'W/"a,b"', '"x", "a,b"', '"a,b","x"'])('%j has the tag', (value) => {
    expect(check({ 'If-Match': value }, etag)).not.toThrow();
    expect(check({ 'If-None-Match': value }, etag)).toThrow(failed);
  });

  test.each(['"a", "b"', '"a,", ",b"', '"a,b,"', '"a", "a,b,c"'])('%j has not', (value) => {
    expect(check({ 'If-Match': value }, etag)).toThrow(failed);
    expect(check({ 'If-None-Match': value }, etag)).not.toThrow();
  });
});

test.each([`W/"datetime'2024-02-29T23%3A59%3A58.9999999Z'"`, '"!#$%&\'()*+-./:;<=>?@[\\]^_`{|}~"', '"\x80\xe9\xff"'])(
  'each character that RFC 9110 allows may be in a tag: %j',
  (etag) => {
    expect(check({ 'If-Match': etag }, etag)).not.toThrow();
    expect(check({ 'If-None-Match': etag }, etag)).toThrow(failed);
  },
);

describe('both headers must hold', () => {
  test.each([
    ['both hold', { 'If-Match': '"current"', 'If-None-Match': '"other"' }, ETAG, true],
    ['If-Match fails', { 'If-Match': '"other"', 'If-None-Match': '"other"' }, ETAG, false],
    ['If-None-Match fails', { 'If-Match': '"current"', 'If-None-Match': '"current"' }, ETAG, false],
    ['no entity can be both', { 'If-Match': '*', 'If-None-Match': '*' }, ETAG, false],
    ['nor can one that does not exist', { 'If-Match': '*', 'If-None-Match': '*' }, undefined, false],
  ])('%s', (_title, headers, etag, held) => {
    if (held) expect(check(headers, etag)).not.toThrow();
    else expect(check(headers, etag)).toThrow(failed);
  });
});

describe('the error names the condition that failed', () => {
  test.each([
    [{ 'if-match': '*' }, undefined, 'versionMissing'],
    [{ 'if-match': '"a"' }, '"b"', 'versionChanged'],
    [{ 'if-none-match': '*' }, '"b"', 'versionExcluded'],
  ])('%j against %s: %s', (headers, etag, reason) => {
    expect(check(headers, etag)).toThrow(expect.objectContaining({ reason }));
  });

  test('the message of a malformed header shows a correct one', () => {
    const message = 'If-Match must be *, an ETag such as W/"1", or a list of ETags.';
    expect(check({ 'if-match': 'a' }, '"b"')).toThrow(message);
  });
});

describe('a reader has what is stored', () => {
  test.each([
    [{}, false],
    [{ 'if-match': '*' }, false],
    [{ 'if-none-match': '*' }, true],
    [{ 'if-none-match': 'W/"current"' }, true],
    [{ 'if-none-match': '"current"' }, true],
    [{ 'if-none-match': '"other", W/"current"' }, true],
    [{ 'if-none-match': '"other"' }, false],
  ])('%j: %s', (headers, expected) => {
    expect(isNotModified(readPreconditions(new Headers(headers)), ETAG)).toBe(expected);
  });
});
