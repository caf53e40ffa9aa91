import { expect, test } from '@jest/globals';
import { readPreconditions } from '../../../shared/http/ifMatch.ts';
import { failedPrecondition, isNotModified } from '../../../shared/operation/preconditions.ts';
import { faultsOf } from '../../support/faults.ts';

const ETAG = 'W/"current"';
const read = (headers: Record<string, string>) => readPreconditions(new Headers(headers));

/** Why a request with these headers may not change an entity of this tag; undefined if it may. */
const failure = (headers: Record<string, string>, etag: string | undefined) =>
  failedPrecondition(read(headers), etag)?.reason;
/** The same for one value of either header. */
const failures = (value: string, etag: string | undefined) =>
  ['If-Match', 'If-None-Match'].map((name) => failure({ [name]: value }, etag));

test('no header demands nothing; a reader has what is stored only by If-None-Match', () => {
  expect(read({})).toEqual({});
  expect([failure({}, ETAG), failure({}, undefined)]).toEqual([undefined, undefined]);
  for (const headers of [{}, { 'if-match': '*' }]) expect(isNotModified(read(headers), ETAG)).toBe(false);
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
  for (const etag of [ETAG, '"current"']) expect(failures(value, etag)).toEqual([undefined, 'versionExcluded']);
  expect(failures(value, undefined)).toEqual(['versionMissing', undefined]);
  expect(isNotModified(read({ 'If-None-Match': value }), ETAG)).toBe(true);
});

test.each(['"other"', 'W/"other"', '"Current"', '"current!"', '""', '"*"', '"W/current"', '"a", "b"'])(
  '%j does not have it',
  (value) => {
    expect(failures(value, ETAG)).toEqual(['versionChanged', undefined]);
    expect(failures(value, undefined)).toEqual(['versionMissing', undefined]);
    expect(isNotModified(read({ 'If-None-Match': value }), ETAG)).toBe(false);
  },
);

test('a comma inside a tag is a part of it', () => {
  for (const value of ['"x", "a,b"', '"a,b","x"']) expect(failure({ 'If-Match': value }, '"a,b"')).toBeUndefined();
  for (const value of ['"a", "b"', '"a,", ",b"'])
    expect(failure({ 'If-Match': value }, '"a,b"')).toBe('versionChanged');
});

test.each([`W/"datetime'2024-02-29T23%3A59%3A58.9999999Z'"`, '"!#$%&\'()*+-./:;<=>?@[\\]^_`{|}~"', '"\x80\xe9\xff"'])(
  'each character that RFC 9110 allows may be in a tag: %j',
  (etag) => expect(failures(etag, etag)).toEqual([undefined, 'versionExcluded']),
);

test.each([
  ['"current"', '"other"', undefined],
  ['"other"', '"other"', 'versionChanged'],
  ['"current"', '"current"', 'versionExcluded'],
  ['*', '*', 'versionExcluded'],
])('both headers must hold: If-Match %s, If-None-Match %s: %s', (ifMatch, ifNoneMatch, reason) => {
  const both = { 'If-Match': ifMatch, 'If-None-Match': ifNoneMatch };
  expect([failure(both, ETAG), failure(both, undefined)]).toEqual([reason, 'versionMissing']);
});
