import { describe, expect, test } from '@jest/globals';
import { listMembers, MAX_HEADER_LENGTH, parseMediaType, readHeader } from '../../../shared/http/headers.ts';
import { faultsOf } from '../../support/faults.ts';

test('the value of a header has at most 2,048 characters, and is null where it was not sent', () => {
  const read = (length: number) => () => readHeader(new Headers({ prefer: 'x'.repeat(length) }), 'Prefer');
  expect(readHeader(new Headers(), 'prefer')).toBeNull();
  expect(read(MAX_HEADER_LENGTH)()).toHaveLength(2048);
  expect(faultsOf(read(MAX_HEADER_LENGTH + 1))).toEqual(['InvalidHeader Prefer']);
  expect(read(MAX_HEADER_LENGTH + 1)).toThrow('Prefer must be at most 2048 characters long.');
});

describe('a media type', () => {
  test.each([
    ['application/json', 'application/json', {}],
    [' Application/JSON ; Charset=UTF-8 ', 'application/json', { charset: 'UTF-8' }],
    ['a/b;c="d\\";e";f=g', 'a/b', { c: 'd";e', f: 'g' }],
    ['a/b;c="open', 'a/b', { c: 'open' }],
    ['a/b;c=d;C=e', 'a/b', { c: 'd' }],
    ['a/b;;c=d;', 'a/b', { c: 'd' }],
    ['a/b;=c;charset8;e f=g', 'a/b', {}],
    ['a/b;c=', 'a/b', { c: '' }],
    ['a/b;c=d=e', 'a/b', { c: 'd=e' }],
  ])('%s', (text, essence, parameters) => {
    const parsed = parseMediaType(text);
    expect([parsed?.essence, Object.fromEntries(parsed?.parameters ?? [])]).toEqual([essence, parameters]);
  });

  test.each(['', 'json', 'a/', '/b', 'a/b/c', 'a b/c', 'a/b c', 'a,b/c', '"a"/b', 'é/b'])('%j is none', (text) => {
    expect(parseMediaType(text)).toBeUndefined();
  });
});

test.each([
  [' , ,', []],
  ['a,b , c', ['a', 'b', 'c']],
  ['"a\\",b",c', ['"a\\",b"', 'c']],
  ['"a,b', ['"a,b']],
  ['a\\,b', ['a\\', 'b']],
])('the members of the list %j are %j', (value, members) => {
  expect(listMembers(value)).toEqual(members);
});
