import type { Filter } from './filter.ts';
import type { OperationVersion } from './playPromptOperation.ts';
import type { Collaborators, OperationPage, Selection } from './repository.ts';

/** How many store queries a page or a count may take. For a rare filter each may return few operations, or none. */
export const MAX_QUERIES = 10;

/** How many store queries several pages and counts may take together, besides the first one of each. */
export interface QueryBudget {
  left: number;
}

/** After this long no further query is made, and the page ends with what was found. */
export const LAST_QUERY_MS = 4000;

/**
 * How many rows a query asks for at most, and how large they are expected to be on average. However small the operations
 * before were, the next may all be as large as they can be, which is 50 KB as JSON.
 */
const QUERY_ROWS = 100;
const EXPECTED_BYTES = 4096;

/** A selection, and how large a page of it may be: in operations, and in bytes as `sizeOf` measures them. */
export interface PageRequest extends Selection {
  readonly top: number;
  readonly maxBytes: number;
  readonly sizeOf: (version: OperationVersion) => number;
  /** What it shares with other pages and counts, if it does. */
  readonly queries?: QueryBudget | undefined;
}

/**
 * Makes the list of operations, a page of a selection. It has at least one operation if there is one, and may have fewer than `top`, or none,
 * although more follow: its size, its queries and its time are bounded, however many operations the tenant has.
 */
export function createListOperations({ operations, now = Date.now }: Collaborators<'list'>) {
  return async (
    tenant: string,
    { filter, from, top, maxBytes, sizeOf, queries }: PageRequest,
    signal: AbortSignal,
  ): Promise<OperationPage> => {
    const found: OperationVersion[] = [];
    let bytes = 0;
    let damaged = 0;

    const most = Math.min(QUERY_ROWS, maxBytes / EXPECTED_BYTES);
    const next = await queryPages(from, queries, now, async (token) => {
      const fittingRows = found.length === 0 ? most : (maxBytes - bytes) / (bytes / found.length);
      const rows = Math.floor(Math.min(most, fittingRows, top - found.length));
      const query = { filter, from: token, top: Math.max(1, rows) };
      let page = await operations.list(tenant, query, signal);
      let sizes = page.operations.map(sizeOf);
      const fitting = countFitting(sizes, maxBytes - bytes);
      if (fitting < page.operations.length) {
        if (found.length > 0) return { next: token, isEnough: true };
        // The store cannot continue in the middle of its page, so that a shorter one is needed.
        page = await operations.list(tenant, { ...query, top: Math.max(1, fitting) }, signal);
        sizes = page.operations.map(sizeOf);
      }
      found.push(...page.operations);
      damaged += page.damaged;
      for (const size of sizes) bytes += size;
      return { next: page.next, isEnough: found.length >= top || bytes >= maxBytes };
    });
    return { operations: found, next, damaged };
  };
}

/** How many of the first sizes fit into a limit together. */
function countFitting(sizes: readonly number[], limit: number): number {
  let sum = 0;
  const overflow = sizes.findIndex((size) => {
    sum += size;
    return sum > limit;
  });
  return overflow === -1 ? sizes.length : overflow;
}

/** Makes the count of operations that match a filter; undefined when there are too many to count in time. */
export function createCountOperations({ operations, now = Date.now }: Collaborators<'count'>) {
  return async (
    tenant: string,
    filter: Filter | undefined,
    signal: AbortSignal,
    queries?: QueryBudget,
  ): Promise<number | undefined> => {
    let count = 0;
    const next = await queryPages(undefined, queries, now, async (from) => {
      const step = await operations.count(tenant, { filter, from }, signal);
      count += step.count;
      return step;
    });
    return next === undefined ? count : undefined;
  };
}

/** Queries page by page: to the end, until a page is enough, or until a bound is reached. */
async function queryPages(
  from: string | undefined,
  budget: QueryBudget = { left: MAX_QUERIES },
  now: () => number,
  step: (from: string | undefined) => Promise<{ readonly next: string | undefined; readonly isEnough?: boolean }>,
): Promise<string | undefined> {
  const start = now();
  let token = from;
  for (let isFirst = true; now() - start < LAST_QUERY_MS && (isFirst || budget.left > 0); isFirst = false) {
    budget.left -= 1;
    const { next, isEnough = false } = await step(token);
    token = next;
    if (next === undefined || isEnough) break;
  }
  return token;
}
