import { setTimeout as delay } from 'node:timers/promises';

/** How often a change is attempted against concurrent changes of the same operation. */
export const MAX_ATTEMPTS = 20;

/**
 * The first and the longest delay between two attempts, in milliseconds, of which the jitter takes up to half. A conflict
 * passes sooner than a failure.
 */
export const CONFLICT_BACKOFF = { first: 10, longest: 250 };
export const FAILURE_BACKOFF = { first: 200, longest: 2000 };

/** Waits as `setTimeout` of `node:timers/promises` does. */
export type Sleep = (
  milliseconds: number,
  value: undefined,
  options: { readonly signal: AbortSignal },
) => Promise<unknown>;

/** Waits with exponential backoff and jitter; no longer than until the deadline. */
export async function backoff(
  attempt: number,
  { first, longest }: typeof CONFLICT_BACKOFF,
  signal: AbortSignal,
  sleep: Sleep = delay,
) {
  // After the deadline the store refuses the next call, so that nothing is thrown here.
  await sleep(withJitter(Math.min(longest, first * 2 ** attempt)), undefined, { signal }).catch(() => {});
}

/** Between half of a pause and all of it, so that not everybody tries again at the same time. */
export const withJitter = (pause: number) => pause / 2 + (Math.random() * pause) / 2;
