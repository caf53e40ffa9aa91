import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  MAX_COMPARISONS,
  MAX_FILTER_DEPTH,
  MAX_FILTER_LENGTH,
  readFilter,
} from '../../../shared/odata/filterOption.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { filters, textOf } from '../../support/filters.ts';

const eq = (value: string | null, property = 'status') => ({ operator: 'eq', property, value });

test('what is written of a filter is read as that filter, and nothing is none', async () => {
  expect(readFilter(undefined)).toBeUndefined();
  await fc.assert(
    fc.property(filters, (filter) => {
      expect(readFilter(textOf(filter))).toEqual(filter);
    }),
  );
});

const ge = (value: string) => ({ operator: 'ge', property: 'createdDateTime', value });

test.each([
  ["STATUS EQ 'running'", eq('Running')],
  ["\t status  eq\t'Running' ", eq('Running')],
  ["status eq microsoft.graph.operationStatus'Running'", eq('Running')],
  ["completionReason eq 'CompletedSuccessfully'", eq('completedSuccessfully', 'completionReason')],
  ["completionReason eq microsoft.graph.playPromptCompletionReason'unknown'", eq('unknown', 'completionReason')],
  ["clientContext eq 'o''clock (or) and not ,'", eq("o'clock (or) and not ,", 'clientContext')],
  ["status IN('running' , null)", { operator: 'in', property: 'status', values: ['Running', null] }],
  ["STARTSWITH ( clientcontext , 'c/''' )", { operator: 'startswith', property: 'clientContext', value: "c/'" }],
  ['createddatetime GE 2026-11-23t14:18z', ge('2026-11-23T14:18:00.000')],
  ['createdDateTime ge 2026-11-23T14:18:02.5Z', ge('2026-11-23T14:18:02.500')],
  ['createdDateTime ge 2026-11-23T14:18:02.5867711Z', ge('2026-11-23T14:18:02.5867711')],
  ['createdDateTime ge 2026-11-23T14:18:02.100000000000Z', ge('2026-11-23T14:18:02.100')],
  ['createdDateTime ge 2026-11-23T14:18:02.0010-01:30', ge('2026-11-23T15:48:02.001')],
  // A plus that arrives as such, or as a space.
  ['createdDateTime ge 2026-01-01T00:00:00+14:00', ge('2025-12-31T10:00:00.000')],
  ['createdDateTime ge 2026-01-01T00:00:00 14:00', ge('2025-12-31T10:00:00.000')],
  ['((status eq null))and(id eq null)', { operator: 'and', left: eq(null), right: eq(null, 'id') }],
  ['NOT not(status eq null)', { operator: 'not', operand: { operator: 'not', operand: eq(null) } }],
])('a filter may be written in other ways: %s', (text, filter) => {
  expect(readFilter(text)).toEqual(filter);
});

const refused = (message: string) => {
  const details = [{ code: 'InvalidQueryOption', message, target: '$filter' }];
  return expect.objectContaining({ reason: 'invalidRequest', message, details });
};

describe('an invalid filter is a 400 with the position and what was expected there', () => {
  const properties = 'id, status, completionReason, clientContext, createdDateTime, lastActionDateTime';
  const first = `not, ( or one of ${properties}`;
  const time = 'a time such as 2026-11-23T14:18:02Z';
  const statuses = "'NotStarted', 'Running', 'Completed', 'Failed' or null";
  test.each([
    ['', `at its end: expected ${first}`],
    ['  ', 'at character 1'],
    [" 'Running' eq status", `at character 2: expected ${first}`],
    ['status', 'at its end: expected eq, ne or in'],
    ["status gt 'Running'", 'at character 8: expected eq, ne or in'],
    ["status eq 'Exploded'", `at character 11: expected ${statuses}`],
    ['status eq Running', `at character 11: expected ${statuses}`],
    ["status eq microsoft.graph.operationStatuz'Running'", `at character 11: expected ${statuses}`],
    ["clientContext eq Edm.String'a'", 'at character 18: expected text in quotes or null'],
    ["clientContext eq 'a' 'b'", 'at character 22: expected and, or, or the end of the filter'],
    ["clientContext eq 'a", 'at character 18'],
    ['startswith clientContext', "at character 12: expected startswith(clientContext,'...')"],
    ["startswith(status,'R')", "at character 12: expected startswith(clientContext,'...')"],
    ['startswith(clientContext,null)', 'at character 26: expected text in quotes'],
    ["startswith(clientContext,'a'", 'at its end: expected )'],
    ...['null', '2026-11-23', '2026-02-30T00:00:00Z', '9999-12-31T23:59:59-01:00', '0000-01-01T00:00:00+01:00'].map(
      (value) => [`createdDateTime gt ${value}`, `at character 20: expected ${time}`],
    ),
    ['createdDateTime like 2026-11-23T14:18:02Z', 'at character 17: expected eq, ne, lt, le, gt, ge or in'],
    ["not status eq 'Running'", 'at character 5: expected ( after not'],
    ["(status eq 'Running'", 'at its end: expected and, or, or )'],
    ["status eq 'Running')", 'at character 20: expected and, or, or the end of the filter'],
    ['status in ()', `at character 12: expected ${statuses}`],
    ["status in 'Running'", 'at character 11: expected ( after in'],
    ["status in ('Running' 'Failed')", 'at character 22: expected , or )'],
  ])('%j', (text, where) => {
    expect(() => readFilter(text)).toThrow(refused(`$filter is not valid ${where}.`));
  });

  test.each([
    ["contains(clientContext,'a')", 'contains'],
    ['resultInfo/code eq 200', 'resultInfo/code'],
    ["status eq 'Running' and __proto__ eq null", '__proto__'],
  ])('%j: what cannot be compared is named, with what can', (text, name) => {
    expect(() => readFilter(text)).toThrow(refused(`$filter cannot compare ${name}, but only ${properties}.`));
  });
});

test('what is too deep, too much or too long is a 400', () => {
  const nested = (depth: number, open = '(') => `${open.repeat(depth)}status eq null${')'.repeat(depth)}`;
  const deep = refused('$filter is nested deeper than 16 levels.');
  expect(readFilter(nested(MAX_FILTER_DEPTH))).toEqual(eq(null));
  const deeper = [nested(3000), nested(500, 'not ('), `${'not '.repeat(500)}(status eq null)`];
  for (const text of [nested(MAX_FILTER_DEPTH + 1), ...deeper]) expect(() => readFilter(text)).toThrow(deep);

  const compared = (count: number) => Array(count).fill('status eq null').join(' or ');
  const much = refused('$filter compares to more than 13 values.');
  expect(readFilter(compared(MAX_COMPARISONS))).toBeDefined();
  for (const text of [compared(MAX_COMPARISONS + 1), `status in (${Array(MAX_COMPARISONS + 1).fill('null')})`])
    expect(() => readFilter(text)).toThrow(much);

  const padded = (length: number) => `clientContext eq '${"''".repeat(256)}' or status eq '${'x'.repeat(length)}'`;
  const spare = MAX_FILTER_LENGTH - encodeURIComponent(padded(0)).replaceAll("'", '%27').length;
  expect(() => readFilter(padded(spare))).toThrow('is not valid');
  const long = refused('$filter must be at most 6144 characters long, percent-encoded.');
  expect(() => readFilter(padded(spare + 1))).toThrow(long);
});

test('any other text is taken or refused, and nothing else', async () => {
  const known = ["'", "''", '(', ')', ',', ' ', 'not ', ' and ', ' or ', 'status', ' eq ', ' in ', 'null', "'a'"];
  const part = fc.oneof(fc.constantFrom(...known), fc.string({ unit: 'binary', maxLength: 3 }));
  await fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      try {
        readFilter(parts.join(''));
      } catch (error) {
        expect(error).toBeInstanceOf(ServiceError);
      }
    }),
    { numRuns: 500 },
  );
});
