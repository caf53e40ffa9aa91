import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  createCountOperations,
  createListOperations,
  LAST_QUERY_MS,
  MAX_QUERIES,
} from '../../../shared/operation/list.ts';
import type { OperationVersion } from '../../../shared/operation/playPromptOperation.ts';
import { anOperation, TENANT } from '../../support/operations.ts';

const { signal } = new AbortController();
const sizeOf = ({ operation }: OperationVersion) => operation.clientContext?.length ?? 0;

/**
 * Operations of these sizes in a store that answers each query with as many of them as `steps` lists in turn, which may be none;
 * a page of them, and their count. Its clock goes on by `stepMs` each time that it is read.
 */
function storeOf(sizes: readonly number[], steps: readonly number[] = [1000], stepMs = 0) {
  const all = sizes.map((size, n) => ({
    operation: anOperation({ id: `op-${n}`, clientContext: 'x'.repeat(size) }),
    etag: `"${n}"`,
  }));
  const asked: number[] = [];
  const foundAt = new Set<number>();
  const take = (from: string | undefined, top: number) => {
    const begin = Number(from ?? 0);
    // What was found once is found again, by a query for fewer too.
    const step = Math.max(steps[asked.length % steps.length] ?? 1, Number(foundAt.has(begin)));
    const end = Math.min(begin + Math.min(top, step), all.length);
    if (end > begin) foundAt.add(begin);
    asked.push(top);
    return { found: all.slice(begin, end), next: end < all.length ? String(end) : undefined };
  };
  const operations = {
    async list(_tenant: string, { from, top }: { readonly from?: string | undefined; readonly top: number }) {
      const { found, next } = take(from, top);
      return { operations: found, next, damaged: 2 };
    },
    async count(_tenant: string, { from }: { readonly from?: string | undefined }) {
      const { found, next } = take(from, 1000);
      return { count: found.length, next };
    },
  };
  let time = 0;
  const now = () => (time += stepMs);
  return {
    ...{ all, asked },
    list: (top: number, maxBytes = Number.POSITIVE_INFINITY, from?: string) =>
      createListOperations({ operations, now })(TENANT, { top, maxBytes, sizeOf, from }, signal),
    count: () => createCountOperations({ operations, now })(TENANT, undefined, signal),
  };
}
const many = (count: number, size = 1) => Array<number>(count).fill(size);

describe('a page', () => {
  test.each([
    ['is filled by as many queries as that takes', 20, [3, 0, 2], 6, 6, '6', 4],
    ['ends with the operations', 5, [2], 10, 5, undefined, 3],
    ['is short rather than that it takes more queries than are allowed', 100, [1], 50, MAX_QUERIES, '10', MAX_QUERIES],
  ])('%s; damaged rows of all queries are counted', async (_, count, steps, top, found, next, queries) => {
    const { all, asked, list } = storeOf(many(count), steps);
    expect(await list(top)).toEqual({ operations: all.slice(0, found), next, damaged: 2 * queries });
    expect(asked).toHaveLength(queries);
  });

  test('is short rather than that it takes more time than is allowed, and so is a count', async () => {
    const { asked, list, count } = storeOf(many(100), [1], LAST_QUERY_MS / 4);
    const { operations, next } = await list(50);
    expect([operations.length, next, asked.length]).toEqual([3, '3', 3]);
    expect([await count(), asked.length]).toEqual([undefined, 6]);
  });

  test('is followed by others, so that together they have every operation once, and none but a single one is too large', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 256 }), { maxLength: 40 });
    // At least one step has operations, so that the walk ends.
    const steps = fc.array(fc.nat(5), { maxLength: 12 }).map((some) => [...some, 3]);
    const maxBytes = fc.oneof(fc.integer({ min: 1, max: 9000 }), fc.constant(Number.POSITIVE_INFINITY));
    return fc.assert(
      fc.asyncProperty(sizes, steps, fc.integer({ min: 1, max: 50 }), maxBytes, async (of, answers, top, most) => {
        const { all, list } = storeOf(of, answers);
        const found: OperationVersion[] = [];
        let from: string | undefined;
        do {
          const page = await list(top, most, from);
          const bytes = page.operations.reduce((sum, each) => sum + sizeOf(each), 0);
          expect(page.operations.length).toBeLessThanOrEqual(top);
          expect(bytes <= most || page.operations.length === 1).toBe(true);
          found.push(...page.operations);
          from = page.next;
        } while (from !== undefined);
        expect(found).toEqual(all);
      }),
    );
  });
});

test.each<[string, sizes: number[], top: number, maxBytes: number, found: number, next: string, asked: number[]]>([
  ['ends where it is full', [40, 40, 40], 3, 100, 2, '2', [1, 1, 1]],
  ['is full with what fits exactly', [50, 50, 50], 3, 100, 2, '2', [1, 1]],
  ['asks for 100 rows at a time at most', many(2000, 10), 999, 4_000_000, 999, '999', [...many(9, 100), 99]],
  ['asks for fewer rows if it is small', [...many(30, 10), ...many(30, 200)], 999, 40_960, 60, '', many(6, 10)],
  ['asks for one row at least', many(30, 200), 999, 2288, 10, '10', many(10, 1)],
  ['asks for as many rows as are likely to fit', many(30, 3000), 999, 40_960, 13, '13', [10, 3, 1]],
])('a page that is bounded in bytes %s', async (_, sizes, top, maxBytes, found, next, expected) => {
  const { all, asked, list } = storeOf(sizes);
  const page = await list(top, maxBytes);
  expect([page.operations, page.next ?? '', asked]).toEqual([all.slice(0, found), next, expected]);
});

test.each([
  [25, [3, 0, 20], 25],
  [0, [1], 0],
  [MAX_QUERIES, [1], MAX_QUERIES],
  [MAX_QUERIES + 1, [1], undefined],
])('the count of %i operations, by pages of %j, is %s', async (operations, steps, expected) => {
  const { asked, count } = storeOf(many(operations), steps);
  expect(await count()).toBe(expected);
  expect(asked.length).toBeLessThanOrEqual(MAX_QUERIES);
});
