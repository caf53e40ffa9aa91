import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  createCountOperations,
  createListOperations,
  LAST_QUERY_MS,
  MAX_QUERIES,
} from '../../../shared/operation/list.ts';
import type { OperationVersion } from '../../../shared/operation/playPromptOperation.ts';
import type { OperationRepository } from '../../../shared/operation/repository.ts';
import { anOperation, TENANT } from '../../support/operations.ts';

const { signal } = new AbortController();
const unbounded = { maxBytes: Number.POSITIVE_INFINITY, sizeOf: () => 1 };

type Store = Pick<OperationRepository, 'list' | 'count'>;
const listOperations = (
  operations: Pick<Store, 'list'>,
  request: Parameters<ReturnType<typeof createListOperations>>[1],
  now?: () => number,
) => createListOperations({ operations, now })(TENANT, request, signal);
const countOperations = (operations: Store, now?: () => number) =>
  createCountOperations({ operations, now })(TENANT, undefined, signal);

/** A store that answers each step with as many of its operations as `steps` lists in turn, which may be none. */
function storeOf(count: number, steps: readonly number[]) {
  const all = Array.from({ length: count }, (_, n) => ({ operation: anOperation({ id: `op-${n}` }), etag: `"${n}"` }));
  let calls = 0;
  const take = (from: string | undefined, top: number) => {
    const begin = Number(from ?? 0);
    const end = Math.min(begin + Math.min(top, steps[calls % steps.length] ?? 1), count);
    calls += 1;
    return { found: all.slice(begin, end), next: end < count ? String(end) : undefined };
  };
  const store: Store = {
    async list(_tenant, { from, top }) {
      const { found, next } = take(from, top);
      return { operations: found, next, damaged: 0 };
    },
    async count(_tenant, { from }) {
      const { found, next } = take(from, 1000);
      return { count: found.length, next };
    },
  };
  return { all, store, calls: () => calls };
}

describe('a page', () => {
  test('is filled by as many calls as that takes', async () => {
    const { all, store, calls } = storeOf(20, [3, 0, 2]);
    expect(await listOperations(store, { ...unbounded, top: 6 })).toEqual({
      operations: all.slice(0, 6),
      next: '6',
      damaged: 0,
    });
    expect(calls()).toBe(4);
  });

  test('ends with the operations', async () => {
    const { all, store, calls } = storeOf(5, [2]);
    expect(await listOperations(store, { ...unbounded, top: 10 })).toEqual({
      operations: all,
      next: undefined,
      damaged: 0,
    });
    expect(calls()).toBe(3);
  });

  test('is short, or empty, rather than that it takes more calls than are allowed', async () => {
    const short = storeOf(100, [1]);
    const page = await listOperations(short.store, { ...unbounded, top: 50 });
    expect([page.operations.length, page.next, short.calls()]).toEqual([MAX_QUERIES, '10', MAX_QUERIES]);
    const empty = storeOf(100, [0]);
    expect(await listOperations(empty.store, { ...unbounded, top: 50 })).toEqual({
      operations: [],
      next: '0',
      damaged: 0,
    });
    expect(empty.calls()).toBe(MAX_QUERIES);
  });

  test('is short rather than that it takes more time than is allowed', async () => {
    const clock = (step: number) => {
      let time = 1000;
      return () => {
        time += step;
        return time - step;
      };
    };
    const slow = storeOf(100, [1]);
    const page = await listOperations(slow.store, { ...unbounded, top: 50 }, clock(LAST_QUERY_MS / 4));
    expect([page.operations.length, page.next, slow.calls()]).toEqual([3, '3', 3]);
    expect(await countOperations(slow.store, clock(LAST_QUERY_MS / 4))).toBeUndefined();
    expect(slow.calls()).toBe(6);
  });

  test('together with all that follow it has every operation once, however the store answers', async () => {
    // At least one step has operations, so that the walk ends.
    const steps = fc.array(fc.nat(5), { maxLength: 12 }).map((some) => [...some, 3]);
    await fc.assert(
      fc.asyncProperty(fc.nat(60), steps, fc.integer({ min: 1, max: 20 }), async (count, answers, top) => {
        const { all, store } = storeOf(count, answers);
        const found = [];
        for (let from: string | undefined, page = 0; page === 0 || from !== undefined; page++) {
          const { operations, next } = await listOperations(store, { ...unbounded, from, top });
          expect(operations.length).toBeLessThanOrEqual(top);
          found.push(...operations);
          from = next;
        }
        expect(found).toEqual(all);
      }),
    );
  });

  test('counts the damaged rows of all its queries', async () => {
    const { store } = storeOf(3, [1]);
    const list: OperationRepository['list'] = async (...query) => ({ ...(await store.list(...query)), damaged: 2 });
    const { damaged } = await listOperations({ list }, { ...unbounded, top: 3 });
    expect(damaged).toBe(6);
  });
});

describe('a count', () => {
  test('is exact, however many calls it takes', async () => {
    expect(await countOperations(storeOf(25, [3, 0, 20]).store)).toBe(25);
    expect(await countOperations(storeOf(0, [1]).store)).toBe(0);
  });

  test('is none rather than that it takes more calls than are allowed', async () => {
    const { store, calls } = storeOf(MAX_QUERIES + 1, [1]);
    expect(await countOperations(store)).toBeUndefined();
    expect(calls()).toBe(MAX_QUERIES);
    expect(await countOperations(storeOf(MAX_QUERIES, [1]).store)).toBe(MAX_QUERIES);
  });
});

describe('a page that is full in bytes', () => {
  const sizeOf = ({ operation }: OperationVersion) => operation.clientContext?.length ?? 0;
  /** A store with operations of these sizes. */
  const storeOfSizes = (sizes: readonly number[]) => {
    const all = sizes.map((size, n) => ({
      operation: anOperation({ id: `op-${n}`, clientContext: 'x'.repeat(size) }),
      etag: `"${n}"`,
    }));
    const asked: number[] = [];
    const list: OperationRepository['list'] = async (_tenant, { from, top }) => {
      asked.push(top);
      const begin = Number(from ?? 0);
      const next = begin + top < all.length ? String(begin + top) : undefined;
      return { operations: all.slice(begin, begin + top), next, damaged: 0 };
    };
    return { all, store: { list }, asked };
  };

  test('ends there, and the next one continues', async () => {
    const { store } = storeOfSizes([40, 40, 40]);
    const request = { top: 3, maxBytes: 100, sizeOf };
    const first = await listOperations(store, request);
    expect([first.operations.length, first.next]).toEqual([2, '2']);
    const rest = await listOperations(store, { ...request, from: first.next });
    expect([rest.operations.length, rest.next]).toEqual([1, undefined]);
  });

  test('asks for 100 rows at a time, since the next may be large however small the others were', async () => {
    const { store, asked } = storeOfSizes(Array.from({ length: 2000 }, () => 10));
    const { operations } = await listOperations(store, { top: 999, maxBytes: 4_000_000, sizeOf });
    expect([operations.length, asked]).toEqual([999, [...Array(9).fill(100), 99]]);
  });

  test('asks for fewer rows where the page is small, and for as many as are likely to fit', async () => {
    const { store, asked } = storeOfSizes([...Array(30).fill(10), ...Array(30).fill(200)]);
    await listOperations(store, { top: 999, maxBytes: 40_960, sizeOf });
    expect(asked).toEqual(Array(6).fill(10));
    asked.length = 0;
    const large = storeOfSizes(Array(30).fill(200));
    await listOperations(large.store, { top: 999, maxBytes: 4096 * 3 - 10_000, sizeOf });
    expect(large.asked[0]).toBe(1);
  });

  test('asks for as many more rows as fit if they are as large as those before, and ends when one does not', async () => {
    const { store, asked } = storeOfSizes(Array(30).fill(3000));
    const { operations, next } = await listOperations(store, { top: 999, maxBytes: 40_960, sizeOf });
    expect([operations.length, next, asked]).toEqual([13, '13', [10, 3, 1]]);
  });

  test('is full with what fits exactly, without another query', async () => {
    const { store, asked } = storeOfSizes([50, 50, 50]);
    const { operations, next } = await listOperations(store, { top: 3, maxBytes: 100, sizeOf });
    expect([operations.length, next, asked]).toEqual([2, '2', [1, 1]]);
  });

  test('has at least one operation, however large', async () => {
    const { all, store } = storeOfSizes([256, 256]);
    const { operations, next } = await listOperations(store, { top: 2, maxBytes: 100, sizeOf });
    expect([operations, next]).toEqual([[all[0]], '1']);
  });

  test('together with all that follow it has every operation once, and none but a single one exceeds the bound', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 256 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 9000 }),
        async (of, top, maxBytes) => {
          const { all, store } = storeOfSizes(of);
          const found: OperationVersion[] = [];
          let from: string | undefined;
          do {
            const page = await listOperations(store, { from, top, maxBytes, sizeOf });
            const bytes = page.operations.reduce((sum, each) => sum + sizeOf(each), 0);
            expect(bytes <= maxBytes || page.operations.length === 1).toBe(true);
            found.push(...page.operations);
            from = page.next;
          } while (from !== undefined);
          expect(found).toEqual(all);
        },
      ),
    );
  });
});
