import { untilAborted, withDeadline } from '../bounds.ts';
import { ServiceError } from '../serviceError.ts';
import type { Clock } from './clock.ts';
import type { StoredSubscription, SubscriptionRepository } from './subscription.ts';

/**
 * How long a cached list of subscriptions serves, counted from the request for it. Every instance notifies a change that
 * starts this long after its subscription was written.
 */
export const KNOWN_AFTER_MS = 3000;

/** After this long a list is read again in the background, so that no request waits for it under steady load. */
const REFRESH_AFTER_MS = 1500;

/** How long a list may take to be read: it serves many requests, so that it has a deadline of its own. */
const READ_DEADLINE_MS = 4000;

/**
 * Finds the subscriptions of a tenant, those included that have expired and are not removed yet.
 *
 * @throws ServiceError `unavailable` when the store cannot serve before `signal` is aborted
 */
export type FindSubscriptions = (tenant: string, signal?: AbortSignal) => Promise<readonly StoredSubscription[]>;

/** The subscriptions of a tenant as they were at a time or later. */
interface CachedList {
  /** The time by each clock. */
  readonly at: readonly number[];
  readonly subscriptions: Promise<readonly StoredSubscription[]>;
}

/**
 * Makes a cache of the subscriptions of each tenant. The age of a list is the greater one of two clocks: the monotonic clock
 * stops while the machine is suspended, and the wall clock can be set back.
 */
export function createFindSubscriptions({
  subscriptions,
  monotonicNow = () => performance.now(),
  now = Date.now,
}: Clock & {
  readonly subscriptions: Pick<SubscriptionRepository, 'list'>;
  readonly monotonicNow?: (() => number) | undefined;
}): FindSubscriptions {
  const clocks = [monotonicNow, now];
  const current = new Map<string, CachedList>();
  const pending = new Map<string, CachedList>();

  return (tenant, signal) => (signal ? waitFor(find(tenant), signal) : find(tenant));

  async function find(tenant: string) {
    const known = current.get(tenant);
    const age = known ? ageOf(known) : Number.POSITIVE_INFINITY;
    if (known && age < REFRESH_AFTER_MS) return known.subscriptions;
    const next = read(tenant);
    return known && age < KNOWN_AFTER_MS ? known.subscriptions : next.subscriptions;
  }

  function ageOf({ at }: CachedList) {
    return Math.max(...clocks.map((clock, n) => clock() - (at[n] ?? 0)));
  }

  /** One read serves all who wait for it, unless it began too long ago. */
  function read(tenant: string): CachedList {
    const under = pending.get(tenant);
    if (under && ageOf(under) < KNOWN_AFTER_MS) return under;
    const listed = {
      at: clocks.map((clock) => clock()),
      subscriptions: withDeadline(READ_DEADLINE_MS, (signal) => subscriptions.list(tenant, signal)),
    };
    pending.set(tenant, listed);
    void listed.subscriptions
      .then(
        () => current.set(tenant, listed),
        () => {},
      )
      .finally(() => {
        if (pending.get(tenant) === listed) pending.delete(tenant);
      });
    return listed;
  }
}

/** Waits for what serves others too, and goes on when this one stops waiting. */
async function waitFor<Result>(shared: Promise<Result>, signal: AbortSignal): Promise<Result> {
  try {
    return await untilAborted(signal, shared);
  } catch (cause) {
    if (cause instanceof ServiceError) throw cause;
    throw new ServiceError('unavailable', 'The subscriptions cannot be read now. Try again.', { cause });
  }
}
