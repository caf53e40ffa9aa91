import type { OperationVersion } from './playPromptOperation.ts';
import type { PlayPromptOperations, Selection } from './playPromptOperations.ts';

/** How many calls of the store a page or a count may take. Each may answer with few operations, or none, for a rare filter. */
export const MAX_CALLS = 10;

/** No further call is made after this long: what was found until then is answered. */
export const LATEST_CALL_MS = 4000;

/** A part of the operations of a tenant that fulfil a filter, and the place of what follows, if anything may. */
export interface Page {
  readonly operations: readonly OperationVersion[];
  readonly next: string | undefined;
}

/**
 * Finds the first operations of a selection, at most `top`. It may be fewer, or none, though there are more: however
 * many operations the tenant has, a page takes no more than so many calls of the store, and no more time.
 */
export async function listOperations(
  operations: Pick<PlayPromptOperations, 'list'>,
  tenant: string,
  { filter, from, top }: Selection & { readonly top: number },
  signal: AbortSignal,
  now: () => number = Date.now,
): Promise<Page> {
  const found: OperationVersion[] = [];
  const next = await walk(from, now, async (place) => {
    const step = await operations.list(tenant, { filter, from: place, top: top - found.length }, signal);
    found.push(...step.operations);
    return found.length < top ? step : { ...step, isEnough: true };
  });
  return { operations: found, next };
}

/** Counts the operations of a tenant that fulfil a filter; undefined when they are too many to be counted. */
export async function countOperations(
  operations: Pick<PlayPromptOperations, 'count'>,
  tenant: string,
  filter: Selection['filter'],
  signal: AbortSignal,
  now: () => number = Date.now,
): Promise<number | undefined> {
  let count = 0;
  const next = await walk(undefined, now, async (from) => {
    const step = await operations.count(tenant, { filter, from }, signal);
    count += step.count;
    return step;
  });
  return next === undefined ? count : undefined;
}

/** Steps on until the end, until it is enough, or until it has taken too much. */
async function walk(
  from: string | undefined,
  now: () => number,
  step: (from: string | undefined) => Promise<{ readonly next: string | undefined; readonly isEnough?: boolean }>,
): Promise<string | undefined> {
  const start = now();
  let place = from;
  for (let calls = 0; calls < MAX_CALLS && now() - start < LATEST_CALL_MS; calls++) {
    const { next, isEnough = false } = await step(place);
    place = next;
    if (next === undefined || isEnough) break;
  }
  return place;
}
