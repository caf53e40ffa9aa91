// `/subscriptions`: change notifications. Microsoft Graph, "subscription resource type".
import { setTimeout as delay } from 'node:timers/promises';
import type { Authenticate } from '../shared/auth/authentication.ts';
import type { Caller } from '../shared/auth/permission.ts';
import { withDeadline } from '../shared/deadline.ts';
import { checkODataHeaders, negotiateJson } from '../shared/http/contentNegotiation.ts';
import { readPreconditions } from '../shared/http/ifMatch.ts';
import { readJsonBody } from '../shared/http/jsonBody.ts';
import { refuseRepeatability } from '../shared/http/repeatabilityHeaders.ts';
import { KNOWN_AFTER_MS } from '../shared/notifications/activeSubscriptions.ts';
import type { Receivers } from '../shared/notifications/receiver.ts';
import type { ReceiverHosts } from '../shared/notifications/receiverPolicy.ts';
import {
  isLive,
  MAX_SUBSCRIPTIONS,
  type StoredSubscription,
  type Subscription,
  type SubscriptionChanges,
  type SubscriptionRepository,
} from '../shared/notifications/subscription.ts';
import { toSubscriptionBody, toSubscriptionsBody } from '../shared/notifications/subscriptionBody.ts';
import {
  subscriptionSchemas,
  validateSubscription,
  validateSubscriptionUpdate,
} from '../shared/notifications/subscriptionRequest.ts';
import { validateReceiver } from '../shared/notifications/validateReceiver.ts';
import { serviceRoot } from '../shared/odata/entityBody.ts';
import { readKey } from '../shared/odata/key.ts';
import { readQueryOptions } from '../shared/odata/queryOptions.ts';
import { backoff, CONFLICT_BACKOFF, MAX_ATTEMPTS } from '../shared/operation/backoff.ts';
import type { Preconditions } from '../shared/operation/preconditions.ts';
import { isUnavailable, ServiceError } from '../shared/serviceError.ts';
import type { GraphHandler, GraphRequest } from './graphHandler.ts';

/** How long the store may take after a receiver was validated: that alone may take as long as a request otherwise. */
const STORE_DEADLINE_MS = 10_000;

const MAY_EXIST =
  'The store is not available, and the subscription may exist. List the subscriptions before you create it again.';

/** The handlers of `/subscriptions` and `/subscriptions/{id}`. */
export interface SubscriptionHandlers {
  readonly list: GraphHandler;
  readonly create: GraphHandler;
  readonly read: GraphHandler;
  readonly update: GraphHandler;
  readonly remove: GraphHandler;
}

export function createSubscriptionHandlers({
  authenticate,
  subscriptions,
  receivers,
  hosts,
  knownAfter = () => delay(KNOWN_AFTER_MS),
}: {
  readonly authenticate: Authenticate;
  readonly subscriptions: Pick<SubscriptionRepository, 'list' | 'create' | 'update' | 'remove'>;
  readonly receivers: Pick<Receivers, 'post'>;
  readonly hosts: ReceiverHosts;
  /** Resolves when every instance knows what was written before. */
  readonly knownAfter?: () => Promise<void>;
}): SubscriptionHandlers {
  const schemas = subscriptionSchemas(hosts);

  return {
    list: async (request, deadline) => {
      const owner = await authorizeOwner(request);
      const root = serviceRoot(request.url);
      negotiateJson(request.headers);
      const owned = await ownedBy(owner, deadline);
      return { status: 200, headers: {}, body: toSubscriptionsBody(root, owned) };
    },

    create: async (request, deadline) => {
      const owner = await authorizeOwner(request);
      const root = serviceRoot(request.url);
      const version = negotiateJson(request.headers);
      refuseRepeatability(request.headers, Date.now());
      const requested = validateSubscription(schemas, await readJsonBody(request), version);
      await checkLimit(owner, MAX_SUBSCRIPTIONS - 1, deadline);
      await validateReceiver(receivers, requested.notificationUrl);
      if (requested.lifecycleNotificationUrl !== null) {
        await validateReceiver(receivers, requested.lifecycleNotificationUrl);
      }
      const subscription = { ...requested, ...owner, id: crypto.randomUUID() };
      await withDeadline(STORE_DEADLINE_MS, (signal) => createWithinLimit(subscription, signal));
      await knownAfter();
      const headers = { Location: `${root}/subscriptions/${subscription.id}` };
      return { status: 201, headers, body: toSubscriptionBody(root, subscription) };
    },

    read: async (request, deadline) => {
      const owner = await authorizeOwner(request);
      const root = serviceRoot(request.url);
      negotiateJson(request.headers);
      const subscription = await find(owner, request, deadline);
      return { status: 200, headers: {}, body: toSubscriptionBody(root, subscription) };
    },

    update: async (request, deadline) => {
      const owner = await authorizeOwner(request);
      const root = serviceRoot(request.url);
      const version = negotiateJson(request.headers);
      refuseRepeatability(request.headers, Date.now());
      const preconditions = readPreconditions(request.headers);
      const changes = validateSubscriptionUpdate(schemas, await readJsonBody(request), version);
      const subscription = await find(owner, request, deadline);
      checkPreconditions(preconditions);
      if (changes.notificationUrl !== undefined) await validateReceiver(receivers, changes.notificationUrl);
      const updated = await withDeadline(STORE_DEADLINE_MS, (signal) =>
        updateAnyVersion(subscription, changes, () => find(owner, request, signal), signal),
      );
      await knownAfter();
      return { status: 200, headers: {}, body: toSubscriptionBody(root, updated) };
    },

    remove: async (request, deadline) => {
      const owner = await authorizeOwner(request);
      checkODataHeaders(request.headers);
      refuseRepeatability(request.headers, Date.now());
      const preconditions = readPreconditions(request.headers);
      const subscription = await find(owner, request, deadline);
      checkPreconditions(preconditions);
      await subscriptions.remove(subscription, deadline);
      return { status: 204, headers: {} };
    },
  };

  /** The application whose token it is: subscriptions belong to it, within its tenant. */
  async function authorizeOwner({ headers, url }: GraphRequest): Promise<Owner> {
    const { tenant, id: creatorId, applicationId } = await authenticate(headers.get('authorization'));
    if (applicationId === undefined) {
      throw new ServiceError('forbidden', 'A subscription belongs to an application, and the access token names none.');
    }
    readQueryOptions(url, []);
    return { tenant, applicationId, creatorId };
  }

  /** The live subscriptions of an application. */
  async function ownedBy({ tenant, applicationId }: Owner, signal: AbortSignal) {
    const all = await subscriptions.list(tenant, signal);
    return all.filter((each) => isLive(each, Date.now()) && each.applicationId === applicationId);
  }

  async function find(owner: Owner, { params }: GraphRequest, signal: AbortSignal): Promise<StoredSubscription> {
    const key = readKey(params);
    const found = (await ownedBy(owner, signal)).find(({ id }) => id === key);
    if (!found) throw new ServiceError('subscriptionNotFound');
    return found;
  }

  /** Updates a subscription on the condition that it is as it was read, so that an update that the store gets late is void. */
  async function updateAnyVersion(
    first: StoredSubscription,
    changes: SubscriptionChanges,
    read: () => Promise<StoredSubscription>,
    signal: AbortSignal,
  ): Promise<StoredSubscription> {
    let known = first;
    for (let attempt = 0; !(await subscriptions.update(known, changes, signal)); attempt++) {
      if (attempt === MAX_ATTEMPTS)
        throw new ServiceError('unavailable', 'The subscription changes too often. Try again.');
      await backoff(attempt, CONFLICT_BACKOFF, signal);
      known = await read();
    }
    return { ...known, ...changes };
  }

  async function checkLimit({ tenant }: Pick<Owner, 'tenant'>, most: number, signal: AbortSignal) {
    const all = await subscriptions.list(tenant, signal);
    // Those that have expired do not count, but remain for a while: there is a bound on all of them too.
    const live = all.filter((each) => isLive(each, Date.now()));
    if (live.length > most || all.length > most + MAX_SUBSCRIPTIONS) {
      throw new ServiceError('forbidden', `The tenant has ${MAX_SUBSCRIPTIONS} subscriptions, which is the most.`);
    }
  }

  /** Of several that are created at once beyond the limit, none remains. */
  async function createWithinLimit(subscription: Subscription, signal: AbortSignal) {
    try {
      await subscriptions.create(subscription, signal);
      await checkLimit(subscription, MAX_SUBSCRIPTIONS, signal);
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

/**
 * Checks the preconditions on a subscription that exists. It has no ETag, so that no entity tag is that of it.
 *
 * @throws ServiceError `preconditionFailed` unless the preconditions hold
 */
function checkPreconditions({ ifMatch, ifNoneMatch }: Preconditions) {
  if ((ifMatch === undefined || ifMatch === '*') && ifNoneMatch !== '*') return;
  throw new ServiceError('preconditionFailed', 'The subscription exists, and has no ETag: leave the precondition out.');
}

type Owner = Required<Pick<Caller, 'tenant' | 'applicationId'>> & Pick<Subscription, 'creatorId' | 'applicationId'>;
