import type { Collaborators } from './repository.ts';
import { createSweep } from './sweep.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Makes the removal of operations that ended, and were last changed, more than `days` days ago. An operation that changes in
 * the meantime is kept.
 */
export const createDeleteEnded = ({
  operations,
  days,
  now,
}: Collaborators<'listEnded' | 'remove'> & { readonly days: number }) =>
  createSweep({
    ageMs: days * DAY_MS,
    list: operations.listEnded,
    change: ({ tenant, id, etag }, signal) => operations.remove(tenant, id, etag, signal),
    now,
  });
