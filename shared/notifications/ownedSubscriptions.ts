// The subscriptions of applications: whose they are, how many there may be, and when a change of them is acknowledged.
import { withDeadline } from '../bounds.ts';
import { backoff, CONFLICT_BACKOFF, MAX_ATTEMPTS } from '../operation/backoff.ts';
import type { Preconditions } from '../operation/preconditions.ts';
import { isUnavailable, ServiceError } from '../serviceError.ts';
import type { Clock } from './clock.ts';
import {
  isLive,
  type Owner,
  type StoredSubscription,
  type Subscription,
  type SubscriptionChanges,
  type SubscriptionRepository,
} from './subscription.ts';
import type { RequestedSubscription } from './subscriptionRequest.ts';
import type { ValidateReceiver } from './validateReceiver.ts';

/** How many subscriptions a tenant may have, and how many of them an application. */
export const MAX_SUBSCRIPTIONS = 100;
export const MAX_SUBSCRIPTIONS_OF_APPLICATION = 50;

/** How long the store may take after a receiver was validated: that alone may take as long as a request otherwise. */
const STORE_DEADLINE_MS = 10_000;

const MAY_EXIST =
  'The store is not available, and the subscription may exist. List the subscriptions before you create it again.';

/**
 * The live subscriptions of an owner. For every other application they do not exist.
 *
 * Each method throws ServiceError `unavailable` when the store cannot serve, and those with an id `subscriptionNotFound` when
 * the owner has no such subscription, and `preconditionFailed` when the preconditions do not hold.
 */
export interface OwnedSubscriptions {
  list(owner: Owner, signal: AbortSignal): Promise<readonly StoredSubscription[]>;

  get(owner: Owner, id: string, signal: AbortSignal): Promise<StoredSubscription>;

  /**
   * Validates the receivers of a subscription and stores it. It resolves when every change that starts from then on is
   * notified.
   *
   * @throws ServiceError `validationFailed`, `tooManyRequests` when too many receivers are validated now, or `forbidden` when there
   * are as many subscriptions as there may be
   */
  create(owner: Owner, requested: RequestedSubscription, signal: AbortSignal): Promise<Subscription>;

  /**
   * Validates the new receiver of a subscription, then changes the subscription. Resolves when the new subscription applies to
   * every change that starts afterwards.
   *
   * @throws ServiceError `validationFailed`, or `tooManyRequests` when too many receivers are validated now
   */
  update(
    owner: Owner,
    id: string,
    changes: SubscriptionChanges,
    preconditions: Preconditions,
    signal: AbortSignal,
  ): Promise<Subscription>;

  remove(owner: Owner, id: string, preconditions: Preconditions, signal: AbortSignal): Promise<void>;
}

export function createOwnedSubscriptions({
  subscriptions,
  validateReceiver,
  knownAfter,
  now = Date.now,
  sleep,
}: Clock & {
  readonly subscriptions: Pick<SubscriptionRepository, 'list' | 'create' | 'update' | 'remove'>;
  readonly validateReceiver: ValidateReceiver;
  /** Resolves when every instance knows what was written before. */
  readonly knownAfter: () => Promise<unknown>;
}): OwnedSubscriptions {
  return {
    list,

    get,

    async create(owner, requested, signal) {
      await checkLimits(owner, 1, signal);
      await validateReceiver(owner, requested.notificationUrl);
      const { lifecycleNotificationUrl } = requested;
      if (lifecycleNotificationUrl !== null) await validateReceiver(owner, lifecycleNotificationUrl);
      const subscription = { ...requested, ...owner, id: crypto.randomUUID() };
      await withDeadline(STORE_DEADLINE_MS, (until) => createWithinLimit(subscription, until));
      await knownAfter();
      return subscription;
    },

    async update(owner, id, changes, preconditions, signal) {
      const subscription = await get(owner, id, signal);
      checkPreconditions(preconditions);
      if (changes.notificationUrl !== undefined) await validateReceiver(owner, changes.notificationUrl);
      const updated = await withDeadline(STORE_DEADLINE_MS, (until) =>
        updateAnyVersion(owner, subscription, changes, until),
      );
      await knownAfter();
      return updated;
    },

    async remove(owner, id, preconditions, signal) {
      const subscription = await get(owner, id, signal);
      checkPreconditions(preconditions);
      await subscriptions.remove(subscription, signal);
    },
  };

  async function list({ tenant, applicationId }: Owner, signal: AbortSignal) {
    const all = await subscriptions.list(tenant, signal);
    return all.filter((each) => isLive(each, now()) && each.applicationId === applicationId);
  }

  async function get(owner: Owner, id: string, signal: AbortSignal) {
    const found = (await list(owner, signal)).find((each) => each.id === id);
    if (!found) throw new ServiceError('subscriptionNotFound');
    return found;
  }

  /** Updates a subscription only if nobody changed it since it was read, so that a delayed update has no effect. */
  async function updateAnyVersion(
    owner: Owner,
    first: StoredSubscription,
    changes: SubscriptionChanges,
    signal: AbortSignal,
  ): Promise<StoredSubscription> {
    let known = first;
    for (let attempt = 0; !(await subscriptions.update(known, changes, signal)); attempt++) {
      if (attempt === MAX_ATTEMPTS)
        throw new ServiceError('unavailable', 'The subscription changes too often. Try again.');
      await backoff(attempt, CONFLICT_BACKOFF, signal, sleep);
      known = await get(owner, first.id, signal);
    }
    return { ...known, ...changes };
  }

  /** Checks that an owner may have some more subscriptions. */
  async function checkLimits({ tenant, applicationId }: Owner, more: number, signal: AbortSignal) {
    const all = await subscriptions.list(tenant, signal);
    // Those that have expired do not count, but remain until their receiver knows: there is a bound on all of them too.
    const live = all.filter((each) => isLive(each, now()));
    const ownOf = (some: typeof all) => some.filter((each) => each.applicationId === applicationId).length + more;
    if (ownOf(live) > MAX_SUBSCRIPTIONS_OF_APPLICATION || ownOf(all) > 2 * MAX_SUBSCRIPTIONS_OF_APPLICATION)
      throw tooMany('application', MAX_SUBSCRIPTIONS_OF_APPLICATION);
    if (live.length + more > MAX_SUBSCRIPTIONS || all.length + more > 2 * MAX_SUBSCRIPTIONS) {
      throw tooMany('tenant', MAX_SUBSCRIPTIONS);
    }
  }

  /** Of several that are created at once beyond the limit, none remains. */
  async function createWithinLimit(subscription: Subscription, signal: AbortSignal) {
    try {
      await subscriptions.create(subscription, signal);
      await checkLimits(subscription, 0, signal);
    } catch (error) {
      const isRemoved = await subscriptions.remove(subscription, signal).then(
        () => true,
        () => false,
      );
      // A write whose response was lost can arrive after the removal.
      if (isRemoved && !isUnavailable(error)) throw error;
      throw new ServiceError('unavailable', MAY_EXIST, { cause: error });
    }
  }
}

const tooMany = (owner: 'tenant' | 'application', most: number) =>
  new ServiceError('forbidden', `The ${owner} has ${most} subscriptions, which is the most.`);

/** Checks the preconditions on an existing subscription. Subscriptions have no ETag, so no entity tag matches. */
function checkPreconditions({ ifMatch, ifNoneMatch }: Preconditions) {
  if ((ifMatch === undefined || ifMatch === '*') && ifNoneMatch !== '*') return;
  throw new ServiceError('preconditionFailed', 'The subscription exists, and has no ETag: leave the precondition out.');
}
