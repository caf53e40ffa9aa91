import type { OperationVersion } from './playPromptOperation.ts';
import type { OperationRepository, Selection } from './repository.ts';

/** How many store queries a page or a count may take. For a rare filter each may return few operations, or none. */
export const MAX_QUERIES = 10;

/** After this long no further query is made, and the page ends with what was found. */
export const LAST_QUERY_MS = 4000;

/** Some of the operations that match a filter, and the continuation token of the next page if there may be one. */
export interface Page {
  readonly operations: readonly OperationVersion[];
  readonly next: string | undefined;
}

/**
 * Lists at most `top` operations of a selection. A page may have fewer, or none, although more follow: its queries and
 * its time are bounded however many operations the tenant has.
 */
export async function listOperations(
  operations: Pick<OperationRepository, 'list'>,
  tenant: string,
  { filter, from, top }: Selection & { readonly top: number },
  signal: AbortSignal,
  now: () => number = Date.now,
): Promise<Page> {
  const found: OperationVersion[] = [];
  const next = await queryPages(from, now, async (token) => {
    const step = await operations.list(tenant, { filter, from: token, top: top - found.length }, signal);
    found.push(...step.operations);
    return found.length < top ? step : { ...step, isEnough: true };
  });
  return { operations: found, next };
}

/** Counts the operations of a tenant that match a filter; undefined when there are too many to count in time. */
export async function countOperations(
  operations: Pick<OperationRepository, 'count'>,
  tenant: string,
  filter: Selection['filter'],
  signal: AbortSignal,
  now: () => number = Date.now,
): Promise<number | undefined> {
  let count = 0;
  const next = await queryPages(undefined, now, async (from) => {
    const step = await operations.count(tenant, { filter, from }, signal);
    count += step.count;
    return step;
  });
  return next === undefined ? count : undefined;
}

/** Queries page by page: to the end, until a page says that it is enough, or until a bound is reached. */
async function queryPages(
  from: string | undefined,
  now: () => number,
  step: (from: string | undefined) => Promise<{ readonly next: string | undefined; readonly isEnough?: boolean }>,
): Promise<string | undefined> {
  const start = now();
  let token = from;
  for (let queries = 0; queries < MAX_QUERIES && now() - start < LAST_QUERY_MS; queries++) {
    const { next, isEnough = false } = await step(token);
    token = next;
    if (next === undefined || isEnough) break;
  }
  return token;
}
