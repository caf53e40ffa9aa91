// `/subscriptions`: change notifications. Microsoft Graph, "subscription resource type".
import type { Authenticate } from '../shared/auth/authentication.ts';
import { MAX_BODY_BYTES } from '../shared/http/jsonBody.ts';
import type { OwnedSubscriptions } from '../shared/notifications/ownedSubscriptions.ts';
import type { Owner } from '../shared/notifications/subscription.ts';
import { toSubscriptionBody, toSubscriptionsBody } from '../shared/notifications/subscriptionBody.ts';
import {
  checkUnchanged,
  type SubscriptionSchemas,
  unchangeableOf,
  validateSubscription,
  validateSubscriptionUpdate,
} from '../shared/notifications/subscriptionRequest.ts';
import { type KeyParameters, readKey } from '../shared/odata/key.ts';
import { ServiceError } from '../shared/serviceError.ts';
import { byMethod, type Route } from './httpHandler.ts';
import { createHandler, noKey } from './request.ts';

/** The routes of `/subscriptions` and `/subscriptions/{id}`, which has two. */
export function createSubscriptionRoutes({
  authenticate,
  subscriptions,
  schemas,
}: {
  readonly authenticate: Authenticate;
  readonly subscriptions: OwnedSubscriptions;
  readonly schemas: SubscriptionSchemas;
}): readonly Route[] {
  const all = { authenticate: authenticateOwner, key: noKey };
  const one = { authenticate: authenticateOwner, key: keyOf };
  const maxBodyBytes = MAX_BODY_BYTES;

  const list = createHandler(all, async ({ caller, root }, deadline) => {
    const owned = await subscriptions.list(caller, deadline);
    return { status: 200, headers: {}, body: toSubscriptionsBody(root, owned) };
  });

  const create = createHandler({ ...all, maxBodyBytes }, async ({ caller, root, body, version }, deadline) => {
    const requested = validateSubscription(schemas, body, version);
    const subscription = await subscriptions.create(caller, requested, deadline);
    const headers = { Location: `${root}/subscriptions/${subscription.id}` };
    return { status: 201, headers, body: toSubscriptionBody(root, subscription) };
  });

  const read = createHandler(one, async ({ caller, root, key }, deadline) => {
    const subscription = await subscriptions.get(caller, key, deadline);
    return { status: 200, headers: {}, body: toSubscriptionBody(root, subscription) };
  });

  const update = createHandler({ ...one, maxBodyBytes }, async (request, deadline) => {
    const { caller, root, key, body, version, preconditions } = request;
    const changes = validateSubscriptionUpdate(schemas, body, version);
    const unchanged = unchangeableOf(body);
    if (Object.keys(unchanged).length > 0) {
      checkUnchanged(unchanged, toSubscriptionBody(root, await subscriptions.get(caller, key, deadline)));
    }
    const updated = await subscriptions.update(caller, key, changes, preconditions, deadline);
    return { status: 200, headers: {}, body: toSubscriptionBody(root, updated) };
  });

  const remove = createHandler({ ...one, produces: [] }, async ({ caller, key, preconditions }, deadline) => {
    await subscriptions.remove(caller, key, preconditions, deadline);
    return { status: 204, headers: {} };
  });
  const collection = byMethod({ GET: () => list, POST: () => create });
  const subscription = byMethod({ GET: () => read, PATCH: () => update, DELETE: () => remove });
  return [
    { name: 'subscriptions', template: 'v1.0/subscriptions', find: collection },
    { name: 'subscription', template: 'v1.0/subscriptions/{id}', find: subscription },
    { name: 'subscriptionByKey', template: 'v1.0/subscriptions({key})', find: subscription },
  ];

  /** The application whose token it is: subscriptions belong to it, within its tenant. */
  async function authenticateOwner(authorization: string | null): Promise<Owner> {
    const { tenant, id: creatorId, applicationId } = await authenticate(authorization);
    if (!applicationId) {
      throw new ServiceError('forbidden', 'A subscription belongs to an application, and the access token names none.');
    }
    return { tenant, applicationId, creatorId };
  }
}

/** The id in the URL; that of no subscription where there is none. */
const keyOf = (parameters: KeyParameters) => readKey(parameters) ?? '';
