import type { Collaborators, FoundOperation, FoundPage } from './repository.ts';

/** How many operations are changed concurrently. */
const CONCURRENT = 10;

/** What a run did. */
export interface SweepReport {
  /** How many operations it changed. */
  readonly count: number;
  /** Whether none are left. */
  readonly isDone: boolean;
}

/**
 * Makes a change of all operations that `list` finds for a time `ageMs` ago, page by page, until there are no more, `most` were
 * changed, or `signal` is aborted. The next run continues where this one stopped. Several instances may run it at the same
 * time. It throws ServiceError `unavailable` when the store cannot serve.
 */
export function createSweep({
  ageMs,
  most = Number.POSITIVE_INFINITY,
  list,
  change,
  now = Date.now,
}: Pick<Collaborators<never>, 'now'> & {
  readonly ageMs: number;
  readonly most?: number;
  readonly list: (before: Date, from: string | undefined, signal: AbortSignal) => Promise<FoundPage>;
  /** Changes an operation; false if it has changed since it was found. */
  readonly change: (found: FoundOperation, signal: AbortSignal) => Promise<boolean>;
}) {
  /** Where the last run stopped. */
  let unfinished: { readonly before: Date; readonly from: string | undefined } | undefined;

  return async (signal: AbortSignal): Promise<SweepReport> => {
    let count = 0;
    try {
      do {
        const { before, from } = unfinished ?? { before: new Date(now() - ageMs), from: undefined };
        unfinished = { before, from };
        const { found, next } = await list(before, from, signal);
        for (let n = 0; n < found.length; n += CONCURRENT)
          count += await changeAll(found.slice(n, n + CONCURRENT), signal);
        unfinished = next === undefined ? undefined : { before, from: next };
      } while (unfinished && count < most && !signal.aborted);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return { count, isDone: unfinished === undefined };
  };

  async function changeAll(found: readonly FoundOperation[], signal: AbortSignal) {
    return (await Promise.all(found.map((each) => change(each, signal)))).filter(Boolean).length;
  }
}
