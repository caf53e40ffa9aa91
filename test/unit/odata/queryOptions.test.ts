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
import type { ServiceError } from '../../../shared/serviceError.ts';

const SUPPORTED = ['$filter', '$select', '$top'] as const;
const read = (query: string) => readQueryOptions(new URL(`https://host/v1.0/playPromptOperation?${query}`), SUPPORTED);

/** The faults for which a function refuses what it reads, as code and target. */
function faultsOf(run: () => unknown): [string, string][] {
  try {
    run();
  } catch (error) {
    const { reason, details } = error as ServiceError;
    expect(reason).toBe('invalidRequest');
    for (const { message, target } of details) expect(message).toContain(target);
    return details.map(({ code, target }) => [code, target]);
  }
  return [];
}

describe('query options', () => {
  test.each([
    ['', {}],
    ['&', {}],
    ['$select=id', { $select: 'id' }],
    ['%24select=id', { $select: 'id' }],
    ['select=id', { $select: 'id' }],
    ['$SELECT=id', { $select: 'id' }],
    ['Top=5&$filter=x', { $top: '5', $filter: 'x' }],
    ['$filter=a%20eq%20%27b%27', { $filter: "a eq 'b'" }],
    ["$filter=a+eq+'b'", { $filter: "a eq 'b'" }],
    ['$filter=a=b', { $filter: 'a=b' }],
    ['$filter=%26%2B%C3%A9', { $filter: '&+é' }],
    ['$filter=', { $filter: '' }],
    ['$filter', { $filter: '' }],
  ])('%s is %j', (query, options) => {
    expect(read(query)).toEqual(options);
  });

  test.each([
    ['$expand=a', [['UnsupportedQueryOption', '$expand']]],
    ['expand=a', [['UnsupportedQueryOption', 'expand']]],
    ['access_token=a', [['UnsupportedQueryOption', 'access_token']]],
    ['@p=1', [['UnsupportedQueryOption', '@p']]],
    ['$$top=1', [['UnsupportedQueryOption', '$$top']]],
    ['to$p=1', [['UnsupportedQueryOption', 'to$p']]],
    ['%ff=1', [['UnsupportedQueryOption', '%ff']]],
    ['=1', [['UnsupportedQueryOption', '']]],
    ['$top=1&$top=1', [['InvalidQueryOption', '$top']]],
    ['$top=1&top=1', [['InvalidQueryOption', '$top']]],
    ['$filter=%ff', [['InvalidQueryOption', '$filter']]],
    ['$filter=%', [['InvalidQueryOption', '$filter']]],
    [
      '$skip=1&$top=%zz&$search=x',
      [
        ['UnsupportedQueryOption', '$skip'],
        ['InvalidQueryOption', '$top'],
        ['UnsupportedQueryOption', '$search'],
      ],
    ],
  ])('%s is a 400 that names every faulty option', (query, faults) => {
    expect(faultsOf(() => read(query))).toEqual(faults);
  });

  test('an address that takes none refuses all of them', () => {
    expect(faultsOf(() => readQueryOptions(new URL('https://host/?$select=id'), []))).toEqual([
      ['UnsupportedQueryOption', '$select'],
    ]);
  });

  test('no name or value is taken for what it is not', async () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    await fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...SUPPORTED), text), (options) => {
        const query = Object.entries(options).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
        expect(read(query.join('&'))).toEqual({ ...options });
      }),
    );
  });
});

test('a value that is encoded is read as it was, and holds no apostrophe', async () => {
  expect(encodeQueryValue("a eq 'b'\ud800")).toBe('a%20eq%20%27b%27%EF%BF%BD');
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom("'", '+', '%', '&', '#', '=', ' '), fc.string({ unit: 'binary' })),
  });
  await fc.assert(
    fc.property(text, (value) => {
      expect(read(`$filter=${encodeQueryValue(value)}`)).toEqual({ $filter: value.toWellFormed() });
      expect(encodeQueryValue(value)).not.toContain("'");
    }),
  );
});

describe('$select', () => {
  test.each([
    [undefined, undefined],
    ['*', undefined],
    ['id,*', undefined],
    ['*,createdDateTime', [...propertyNames].slice(0, -1)],
    ['id', ['id']],
    ['status, ID ,status', ['id', 'status']],
    ['completionReason,RESULTINFO,clientcontext', ['clientContext', 'resultInfo', 'completionReason']],
    [propertyNames.join(), [...propertyNames]],
  ])('%j is %j, in the order of the resource', (value, selected) => {
    expect(readSelect(value)).toEqual(selected);
  });

  test.each(['', ' ', 'id,', ',id', 'name', 'resultInfo/code', 'id;status', '__proto__', 'id status', '**'])(
    '%j is a 400 that names it',
    (value) => {
      expect(faultsOf(() => readSelect(value))).toEqual([['InvalidQueryOption', '$select']]);
    },
  );

  test('each member that is no property is a fault of its own', () => {
    expect(faultsOf(() => readSelect('a,id,b'))).toHaveLength(2);
  });
});

describe('the message of a fault names what exists or is allowed', () => {
  const none = () => readQueryOptions(new URL('https://host/?a=1'), []);
  test.each<[string, () => unknown]>([
    ['x is not a query option of this URL; supported are $filter, $select, $top.', () => read('x=1')],
    ['a is not a query option of this URL.', none],
    ['$top is specified more than once.', () => read('$top=1&$top=1')],
    ['$top is not percent-encoded UTF-8.', () => read('$top=%ff')],
    ['$top must be a whole number from 1 to 999.', () => readTop('0')],
    ['$count must be true or false.', () => readCount('x')],
    [
      '$select has "x"; allowed are id, clientContext, resultInfo, status, completionReason, createdDateTime, lastActionDateTime, and *.',
      () => readSelect('x'),
    ],
  ])('%s', (message, run) => {
    expect(run).toThrow(expect.objectContaining({ message }));
  });
});

describe('$top', () => {
  test.each([
    [undefined, DEFAULT_TOP],
    ['1', 1],
    ['999', 999],
    ['007', 7],
  ])('%j is %i', (value, top) => {
    expect(readTop(value)).toBe(top);
  });

  test.each(['', '0', '000', '1000', '-1', '1.5', '1e2', ' 1', '١', 'all'])('%j is a 400', (value) => {
    expect(faultsOf(() => readTop(value))).toEqual([['InvalidQueryOption', '$top']]);
  });
});

describe('$count', () => {
  test.each([
    [undefined, false],
    ['false', false],
    ['true', true],
    ['TRUE', true],
  ])('%j is %j', (value, isCounted) => {
    expect(readCount(value)).toBe(isCounted);
  });

  test.each(['', '1', 'yes', ' true', 'truest'])('%j is a 400', (value) => {
    expect(faultsOf(() => readCount(value))).toEqual([['InvalidQueryOption', '$count']]);
  });
});
