import { describe, expect, test } from '@jest/globals';
import { readPreconditions } from '../../../shared/http/ifMatch.ts';
import { failedPrecondition, isNotModified } from '../../../shared/operation/preconditions.ts';
import { faultsOf } from '../../support/faults.ts';

const ETAG = 'W/"current"';
const read = (headers: Record<string, string>) => readPreconditions(new Headers(headers));

/** Why a request with these headers may not change an entity of this tag; undefined if it may. */
const failure = (headers: Record<string, string>, etag: string | undefined = ETAG) =>
  failedPrecondition(read(headers), etag)?.reason;
const missing = (headers: Record<string, string>) => failedPrecondition(read(headers), undefined)?.reason;

test('no header demands nothing', () => {
  expect(read({})).toEqual({});
  expect([failure({}), missing({})]).toEqual([undefined, undefined]);
});

test.each(['If-Match', 'If-None-Match'])('%s is *, an entity tag or a list of them', (name) => {
  for (const value of [
    ...['', ' ', ',', ' , ,', 'current', '"current', 'current"', "'current'", '"a" "b"', '"a";"b"', '"a", b'],
    ...['"a", *', '*, "a"', '**', '"*"*', 'W/', 'W/*', 'W/current', 'W/ "current"', 'w/"current"', 'W"current"'],
    ...['"cur rent"', '"a\tb"', '"a""b"', '"a\x7fb"'],
  ]) {
    expect([value, faultsOf(() => read({ [name]: value }))]).toEqual([value, [`InvalidHeader ${name}`]]);
    expect(() => read({ [name]: value })).toThrow(`${name} must be *, an ETag such as W/"1", or a list of ETags.`);
  }
});

test.each([
  ...['*', ' * ', 'W/"current"', '"current"', '"other", "current"', '"current", "other"'],
  ...['"other",W/"current",W/"third"', '"other"\t,\t"current"', ',, "other", , "current" ,', '"",W/"current"'],
])('%j has the current tag, weakly compared', (value) => {
  expect([failure({ 'If-Match': value }), failure({ 'If-Match': value }, '"current"')]).toEqual([undefined, undefined]);
  expect(failure({ 'If-None-Match': value })).toBe('versionExcluded');
  expect(isNotModified(read({ 'If-None-Match': value }), ETAG)).toBe(true);
  expect([missing({ 'If-Match': value }), missing({ 'If-None-Match': value })]).toEqual(['versionMissing', undefined]);
});

test.each(['"other"', 'W/"other"', '"Current"', '"current!"', '""', '"*"', '"W/current"', '"a", "b"'])(
  '%j does not have it',
  (value) => {
    expect([failure({ 'If-Match': value }), failure({ 'If-None-Match': value })]).toEqual([
      'versionChanged',
      undefined,
    ]);
    expect(isNotModified(read({ 'If-None-Match': value }), ETAG)).toBe(false);
    expect([missing({ 'If-Match': value }), missing({ 'If-None-Match': value })]).toEqual([
      'versionMissing',
      undefined,
    ]);
  },
);

test('a reader has what is stored only by If-None-Match', () => {
  for (const headers of [{}, { 'if-match': '*' }]) expect(isNotModified(read(headers), ETAG)).toBe(false);
});

describe('a comma inside a tag is a part of it', () => {
  test.each(['"a,b"', 'W/"a,b"', '"x", "a,b"', '"a,b","x"'])('%j has the tag', (value) => {
    expect(failure({ 'If-Match': value }, 'W/"a,b"')).toBeUndefined();
  });

  test.each(['"a", "b"', '"a,", ",b"', '"a,b,"', '"a", "a,b,c"'])('%j has not', (value) => {
    expect(failure({ 'If-Match': value }, 'W/"a,b"')).toBe('versionChanged');
  });
});

test.each([`W/"datetime'2024-02-29T23%3A59%3A58.9999999Z'"`, '"!#$%&\'()*+-./:;<=>?@[\\]^_`{|}~"', '"\x80\xe9\xff"'])(
  'each character that RFC 9110 allows may be in a tag: %j',
  (etag) => {
    expect(failure({ 'If-Match': etag }, etag)).toBeUndefined();
    expect(failure({ 'If-None-Match': etag }, etag)).toBe('versionExcluded');
  },
);

test.each([
  ['"current"', '"other"', undefined],
  ['"other"', '"other"', 'versionChanged'],
  ['"current"', '"current"', 'versionExcluded'],
  ['*', '*', 'versionExcluded'],
])('both headers must hold: If-Match %s, If-None-Match %s: %s', (ifMatch, ifNoneMatch, reason) => {
  expect(failure({ 'If-Match': ifMatch, 'If-None-Match': ifNoneMatch })).toBe(reason);
  expect(missing({ 'If-Match': ifMatch, 'If-None-Match': ifNoneMatch })).toBe('versionMissing');
});
