import type { EndedOperation, PlayPromptOperations } from './playPromptOperations.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** How many operations are removed at the same time. */
const AT_ONCE = 10;

/**
 * Removes operations that ended longer ago than they are kept, until there are no more or `signal` is aborted, and says
 * how many. What one run does not come to, the next one goes on with.
 *
 * @throws GraphError 503 when the store cannot serve
 */
export type DeleteEnded = (signal: AbortSignal) => Promise<{ readonly deleted: number; readonly isDone: boolean }>;

/**
 * Makes the removal of operations that ended more than so many days ago, since when nothing was changed. Each is removed
 * as it was found, so that it stays when it was changed meanwhile; any number of instances may do it at the same time.
 */
export function createDeleteEnded(
  operations: Pick<PlayPromptOperations, 'listEnded' | 'remove'>,
  days: number,
  now: () => number = Date.now,
): DeleteEnded {
  /** The walk through the store that the last run left unfinished. */
  let unfinished: { readonly before: Date; readonly from: string | undefined } | undefined;

  return async (signal) => {
    let deleted = 0;
    try {
      do {
        const { before, from } = unfinished ?? { before: new Date(now() - days * DAY_MS), from: undefined };
        unfinished = { before, from };
        const { ended, next } = await operations.listEnded(before, from, signal);
        for (let n = 0; n < ended.length; n += AT_ONCE) deleted += await removeAll(ended.slice(n, n + AT_ONCE), signal);
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
