import type { Collaborators, EndedOperation } from './repository.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** How many removals run concurrently. */
const CONCURRENT_REMOVALS = 10;

/**
 * Makes the removal of operations that ended, and were last changed, more than `days` days ago, until there are no more or
 * `signal` is aborted. The next run continues where this one stopped. An operation that changes in the meantime is kept.
 * Several instances may run it at the same time. It throws ServiceError `unavailable` when the store cannot serve.
 */
export function createDeleteEnded({
  operations,
  days,
  now = Date.now,
}: Collaborators<'listEnded' | 'remove'> & { readonly days: number }) {
  /** Where the last run stopped. */
  let unfinished: { readonly before: Date; readonly from: string | undefined } | undefined;

  /** How many were removed, and whether none are left. */
  return async (signal: AbortSignal): Promise<{ readonly deleted: number; readonly isDone: boolean }> => {
    let deleted = 0;
    try {
      do {
        const { before, from } = unfinished ?? { before: new Date(now() - days * DAY_MS), from: undefined };
        unfinished = { before, from };
        const { ended, next } = await operations.listEnded(before, from, signal);
        for (let n = 0; n < ended.length; n += CONCURRENT_REMOVALS)
          deleted += await removeAll(ended.slice(n, n + CONCURRENT_REMOVALS), signal);
        unfinished = next === undefined ? undefined : { before, from: next };
      } while (unfinished && !signal.aborted);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return { deleted, isDone: unfinished === undefined };
  };

  async function removeAll(ended: readonly EndedOperation[], signal: AbortSignal) {
    const removals = ended.map(({ tenant, id, etag }) => operations.remove(tenant, id, etag, signal));
    return (await Promise.all(removals)).filter(Boolean).length;
  }
}
