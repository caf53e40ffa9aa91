// What the queries find is tested against the store, in tableRepository.test.ts.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Filter } from '../../../shared/operation/filter.ts';
import { MAX_QUERY_LENGTH, toEndedFilter, toTableFilter } from '../../../shared/store/tableFilter.ts';
import { comparisonsOf, filters } from '../../support/filters.ts';

const RANGE = "PartitionKey ge 't_' and PartitionKey lt 't_g'";
const running: Filter = { operator: 'eq', property: 'status', value: 'Running' };
const failed: Filter = { operator: 'ne', property: 'status', value: 'Failed' };
const impossible: Filter = { operator: 'eq', property: 'clientContext', value: 'x'.repeat(257) };
const certain: Filter = { operator: 'not', operand: impossible };

test('without a filter, a query is of the partitions of the tenant', () => {
  expect(toTableFilter('t', undefined)).toBe(RANGE);
});

test('of a partition that is a bucket of the tenant, whichever', () => {
  for (let n = 0; n < 256; n++) {
    const key = `t_${n.toString(16).padStart(2, '0')}`;
    expect(key >= 't_' && key < 't_g').toBe(true);
  }
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

  const statuses: Filter = { operator: 'in', property: 'status', values: ['Running', 'Failed'] };
  test.each<[string, Filter]>([
    ["status eq 'Running'", running],
    ["status ne 'Running'", { operator: 'not', operand: running }],
    ["status eq 'Failed'", { operator: 'not', operand: failed }],
    ["(status eq 'Running' and status ne 'Failed')", { operator: 'and', left: running, right: failed }],
    ["(status eq 'Running' or status ne 'Failed')", { operator: 'or', left: running, right: failed }],
    [
      "(status ne 'Running' or status eq 'Failed')",
      { operator: 'not', operand: { operator: 'and', left: running, right: failed } },
    ],
    [
      "(status ne 'Running' and status eq 'Failed')",
      { operator: 'not', operand: { operator: 'or', left: running, right: failed } },
    ],
    ["(status eq 'Running' or status eq 'Failed')", statuses],
    ["(status ne 'Running' and status ne 'Failed')", { operator: 'not', operand: statuses }],
    ["clientContext eq 'null'", { operator: 'eq', property: 'clientContext', value: null }],
    [`clientContext eq '"null"'`, { operator: 'eq', property: 'clientContext', value: 'null' }],
    [`clientContext eq '"it''s"'`, { operator: 'eq', property: 'clientContext', value: "it's" }],
    [
      `(clientContext ge '"it''s&' and clientContext lt '"it''s''')`,
      { operator: 'startswith', property: 'clientContext', value: "it's&" },
    ],
    [
      `(clientContext lt '"\\udbff\\udfff' or clientContext ge '"\\udbff\\udffg')`,
      { operator: 'not', operand: { operator: 'startswith', property: 'clientContext', value: '\u{10ffff}' } },
    ],
    [
      "createdDateTime gt '2026-11-23T14:18:02.586'",
      { operator: 'not', operand: { operator: 'le', property: 'createdDateTime', value: '2026-11-23T14:18:02.586' } },
    ],
    ["status eq 'Running'", { operator: 'or', left: impossible, right: running }],
    ["status eq 'Running'", { operator: 'and', left: running, right: certain }],
  ])('becomes %s', (condition, filter) => {
    const query = toTableFilter('t', filter) ?? '';
    expect(query.startsWith(`${RANGE} and `)).toBe(true);
    expect(query.slice(RANGE.length + 5)).toBe(condition);
  });

  test.each<[string, Filter]>([
    ['a value that no operation has', impossible],
    ['a beginning that none has', { operator: 'startswith', property: 'clientContext', value: 'x'.repeat(257) }],
    ['it among conditions that must all hold', { operator: 'and', left: running, right: impossible }],
    ['it alone in a list', { operator: 'in', property: 'clientContext', values: ['x'.repeat(300)] }],
  ])('with %s matches nothing', (_title, filter) => {
    expect(toTableFilter('t', filter)).toBeUndefined();
  });

  test.each<[string, Filter]>([
    ['its negation', certain],
    ['its negation or another condition', { operator: 'or', left: running, right: certain }],
  ])('with %s matches all', (_title, filter) => {
    expect(toTableFilter('t', filter)).toBe(RANGE);
  });

  test('of more text than the store accepts is refused', () => {
    const values = (length: number): Filter => ({
      operator: 'in',
      property: 'clientContext',
      values: [...Array(5).fill('\u4e2d'.repeat(256)), 'x'.repeat(length)],
    });
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
