import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  DEFAULT_TOP,
  encodeQueryValue,
  readCount,
  readQueryOptions,
  readSelect,
  readTop,
} from '../../../shared/odata/queryOptions.ts';
import { propertyNames } from '../../../shared/operation/playPromptOperation.ts';
import { faultsOf } from '../../support/faults.ts';

const SUPPORTED = ['$filter', '$select', '$top'] as const;
const read = (query: string, supported: readonly string[] = SUPPORTED) =>
  readQueryOptions(new URL(`https://host/v1.0/playPromptOperation?${query}`), supported);

describe('query options', () => {
  test.each([
    ['&', {}],
    ['%24select=id', { $select: 'id' }],
    ['$SELECT=id', { $select: 'id' }],
    ['Top=5&$filter=x', { $top: '5', $filter: 'x' }],
    ["$filter=a+eq+'b=c'", { $filter: "a eq 'b=c'" }],
    ['$filter', { $filter: '' }],
  ])('%s is %j', (query, options) => {
    expect(read(query)).toEqual(options);
  });

  test.each([
    ...['$expand', 'expand', 'access_token', '@p', '$$top', 'to$p', '%ff', ''].map((name) => [
      ...[`${name}=1`, `UnsupportedQueryOption ${name}`],
    ]),
    ['$top=1&top=1', 'InvalidQueryOption $top'],
    [
      '$skip=1&$filter=%ff&$top=%zz',
      'UnsupportedQueryOption $skip',
      ...['$filter', '$top'].map((name) => `InvalidQueryOption ${name}`),
    ],
  ])('%s is a 400 that names every faulty option', (query = '', ...faults) => {
    expect(faultsOf(() => read(query))).toEqual(faults);
  });

  test('have values that are read as they were before they were encoded, which leaves no apostrophe', async () => {
    expect(encodeQueryValue("a eq 'b'\ud800")).toBe('a%20eq%20%27b%27%EF%BF%BD');
    const unit = fc.oneof(fc.constantFrom("'", '+', '%', '&', '#', '=', ' '), fc.string({ unit: 'binary' }));
    await fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...SUPPORTED), fc.string({ unit })), (options) => {
        const encoded = Object.entries(options).map(([name, value]) => `${name}=${encodeQueryValue(value)}`);
        const wellFormed = Object.entries(options).map(([name, value]) => [name, value.toWellFormed()]);
        expect(read(encoded.join('&'))).toEqual(Object.fromEntries(wellFormed));
        expect(encoded.join()).not.toContain("'");
      }),
    );
  });
});

test.each([
  [undefined, undefined],
  ['id,*', undefined],
  ['*,createdDateTime', [...propertyNames].slice(0, -1)],
  ['status, ID ,status', ['id', 'status']],
  ['completionReason,RESULTINFO,clientcontext', ['clientContext', 'resultInfo', 'completionReason']],
  [propertyNames.join(), [...propertyNames]],
])('$select of %j is %j, in the order of the resource', (value, selected) => {
  expect(readSelect(value)).toEqual(selected);
});

test('$select is a 400 with each member that is no property', () => {
  for (const value of ['', ' ', 'id,', ',id', 'name', 'resultInfo/code', 'id;status', '__proto__', 'id status', '**'])
    expect(faultsOf(() => readSelect(value))).toEqual(['InvalidQueryOption $select']);
  expect(faultsOf(() => readSelect('a,id,b'))).toHaveLength(2);
});

test('$top is a whole number from 1 to 999', () => {
  expect([undefined, '1', '999', '007'].map(readTop)).toEqual([DEFAULT_TOP, 1, 999, 7]);
  for (const value of ['', '0', '000', '1000', '-1', '1.5', '1e2', ' 1', '١', 'all'])
    expect(faultsOf(() => readTop(value))).toEqual(['InvalidQueryOption $top']);
});

test('$count is true or false', () => {
  expect([undefined, 'false', 'true', 'TRUE'].map(readCount)).toEqual([false, false, true, true]);
  for (const value of ['', '1', 'yes', ' true', 'truest'])
    expect(faultsOf(() => readCount(value))).toEqual(['InvalidQueryOption $count']);
});

const names = 'id, clientContext, resultInfo, status, completionReason, createdDateTime, lastActionDateTime, and *';
test.each<[string, () => unknown]>([
  ['x is not a query option of this URL; supported are $filter, $select, $top.', () => read('x=1')],
  ['a is not a query option of this URL.', () => read('a=1', [])],
  ['$top is specified more than once.', () => read('$top=1&$top=1')],
  ['$top is not percent-encoded UTF-8.', () => read('$top=%ff')],
  ['$top must be a whole number from 1 to 999.', () => readTop('0')],
  ['$count must be true or false.', () => readCount('x')],
  [`$select has "x"; allowed are ${names}.`, () => readSelect('x')],
])('the message of a fault names what exists or is allowed: %s', (message, run) => {
  expect(run).toThrow(expect.objectContaining({ message }));
});
