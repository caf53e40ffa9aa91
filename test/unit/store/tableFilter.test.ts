// What the queries find is tested against the store, in tableRepository.test.ts.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Filter, FilterProperty } from '../../../shared/operation/filter.ts';
import { MAX_QUERY_LENGTH, toEndedFilter, toTableFilter } from '../../../shared/store/tableFilter.ts';
import { comparisonsOf, filters } from '../../support/filters.ts';

const RANGE = "PartitionKey ge 't_' and PartitionKey lt 't_g'";
const eq = (property: FilterProperty, value: string | null): Filter => ({ operator: 'eq', property, value });
const not = (operand: Filter): Filter => ({ operator: 'not', operand });
const and = (left: Filter, right: Filter): Filter => ({ operator: 'and', left, right });
const or = (left: Filter, right: Filter): Filter => ({ operator: 'or', left, right });
const among = (property: FilterProperty, ...values: string[]): Filter => ({ operator: 'in', property, values });
const beginning = (value: string): Filter => ({ operator: 'startswith', property: 'clientContext', value });

const running = eq('status', 'Running');
const failed: Filter = { operator: 'ne', property: 'status', value: 'Failed' };
const impossible = eq('clientContext', 'x'.repeat(257));
const certain = not(impossible);
const TIME = '2026-11-23T14:18:02.586';

test('without a filter, a query is of the partitions of the tenant, which are its buckets', () => {
  expect(toTableFilter('t', undefined)).toBe(RANGE);
  const buckets = Array.from({ length: 256 }, (_, n) => `t_${n.toString(16).padStart(2, '0')}`);
  expect(buckets.every((key) => key >= 't_' && key < 't_g')).toBe(true);
});

describe('a filter', () => {
  test('never contains not, and never more comparisons than the store allows', () => {
    void fc.assert(
      fc.property(filters, (filter) => {
        const words = String(toTableFilter('t', filter)).replaceAll(/'(?:[^']|'')*'/g, "''");
        expect(words).not.toMatch(/\bnot\b/);
        const comparisons = words.match(/ (?:eq|ne|lt|le|gt|ge) /g)?.length ?? 0;
        expect(comparisons).toBe(comparisonsOf(filter) + 2);
        expect(comparisons).toBeLessThanOrEqual(15);
      }),
    );
  });

  const statuses = among('status', 'Running', 'Failed');
  test.each<[string, Filter]>([
    ["status eq 'Running'", running],
    ["(status eq 'Running' and status ne 'Failed')", and(running, failed)],
    ["(status eq 'Running' or status ne 'Failed')", or(running, failed)],
    ["(status ne 'Running' or status eq 'Failed')", not(and(running, failed))],
    ["(status ne 'Running' and status eq 'Failed')", not(or(running, failed))],
    ["(status eq 'Running' or status eq 'Failed')", statuses],
    ["(status ne 'Running' and status ne 'Failed')", not(statuses)],
    ["clientContext eq 'null'", eq('clientContext', null)],
    [`clientContext eq '"null"'`, eq('clientContext', 'null')],
    [`clientContext eq '"it''s"'`, eq('clientContext', "it's")],
    [`(clientContext ge '"it''s&' and clientContext lt '"it''s''')`, beginning("it's&")],
    [`(clientContext lt '"\\udbff\\udfff' or clientContext ge '"\\udbff\\udffg')`, not(beginning('\u{10ffff}'))],
    [`createdDateTime gt '${TIME}'`, not({ operator: 'le', property: 'createdDateTime', value: TIME })],
    ["status eq 'Running'", or(impossible, running)],
    ["status eq 'Running'", and(running, certain)],
  ])('becomes %s', (condition, filter) => {
    expect(toTableFilter('t', filter)).toBe(`${RANGE} and ${condition}`);
  });

  test.each<[string, Filter, string | undefined]>([
    ['a value that no operation has matches nothing', impossible, undefined],
    ['a beginning that none has matches nothing', beginning('x'.repeat(257)), undefined],
    ['it among conditions that must all hold matches nothing', and(running, impossible), undefined],
    ['it alone in a list matches nothing', among('clientContext', 'x'.repeat(300)), undefined],
    ['its negation matches all', certain, RANGE],
    ['its negation or another condition matches all', or(running, certain), RANGE],
  ])('with %s', (_title, filter, query) => {
    expect(toTableFilter('t', filter)).toBe(query);
  });

  test('of more text than the store accepts is refused', () => {
    const values = (length: number) =>
      among('clientContext', ...Array(5).fill('\u4e2d'.repeat(256)), 'x'.repeat(length));
    const rest = MAX_QUERY_LENGTH - encodeURIComponent(toTableFilter('t', values(0)) ?? '').length;
    expect(rest).toBeGreaterThan(0);
    expect(rest).toBeLessThan(256);
    expect(encodeURIComponent(toTableFilter('t', values(rest)) ?? '')).toHaveLength(MAX_QUERY_LENGTH);
    expect(() => toTableFilter('t', values(rest + 1))).toThrow('$filter compares to more text than the store accepts');
  });
});

test('what has ended before a time is found by the time of the last write and the final statuses', () => {
  expect(toEndedFilter(new Date(0))).toBe(
    "Timestamp lt datetime'1970-01-01T00:00:00.000Z' and (status eq 'Completed' or status eq 'Failed')",
  );
});
