// `/subscriptions`: change notifications. Microsoft Graph, "subscription resource type".
import type { Authenticate } from '../shared/auth/authentication.ts';
import { checkODataHeaders, negotiateJson } from '../shared/http/contentNegotiation.ts';
import { readPreconditions } from '../shared/http/ifMatch.ts';
import { readJsonBody } from '../shared/http/jsonBody.ts';
import { refuseRepeatability } from '../shared/http/repeatabilityHeaders.ts';
import type { OwnedSubscriptions, Owner } from '../shared/notifications/ownedSubscriptions.ts';
import { toSubscriptionBody, toSubscriptionsBody } from '../shared/notifications/subscriptionBody.ts';
import {
  type SubscriptionSchemas,
  validateSubscription,
  validateSubscriptionUpdate,
} from '../shared/notifications/subscriptionRequest.ts';
import { serviceRoot } from '../shared/odata/entityBody.ts';
import { readKey } from '../shared/odata/key.ts';
import { readQueryOptions } from '../shared/odata/queryOptions.ts';
import { ServiceError } from '../shared/serviceError.ts';
import type { GraphHandler, GraphRequest } from './graphHandler.ts';

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
  schemas,
  now = Date.now,
}: {
  readonly authenticate: Authenticate;
  readonly subscriptions: OwnedSubscriptions;
  readonly schemas: SubscriptionSchemas;
  readonly now?: (() => number) | undefined;
}): SubscriptionHandlers {
  return {
    list: async (request, deadline) => {
      const owner = await authorizeOwner(request);
      const root = serviceRoot(request.url);
      negotiateJson(request.headers);
      const owned = await subscriptions.list(owner, deadline);
      return { status: 200, headers: {}, body: toSubscriptionsBody(root, owned) };
    },

    create: async (request, deadline) => {
      const owner = await authorizeOwner(request);
      const root = serviceRoot(request.url);
      const version = negotiateJson(request.headers);
      refuseRepeatability(request.headers, now());
      const requested = validateSubscription(schemas, await readJsonBody(request), version);
      const subscription = await subscriptions.create(owner, requested, deadline);
      const headers = { Location: `${root}/subscriptions/${subscription.id}` };
      return { status: 201, headers, body: toSubscriptionBody(root, subscription) };
    },

    read: async (request, deadline) => {
      const owner = await authorizeOwner(request);
      const root = serviceRoot(request.url);
      negotiateJson(request.headers);
      const subscription = await subscriptions.get(owner, keyOf(request), deadline);
      return { status: 200, headers: {}, body: toSubscriptionBody(root, subscription) };
    },

    update: async (request, deadline) => {
      const owner = await authorizeOwner(request);
      const root = serviceRoot(request.url);
      const version = negotiateJson(request.headers);
      refuseRepeatability(request.headers, now());
      const preconditions = readPreconditions(request.headers);
      const changes = validateSubscriptionUpdate(schemas, await readJsonBody(request), version);
      const id = keyOf(request);
      const updated = await subscriptions.update(owner, id, changes, preconditions, deadline);
      return { status: 200, headers: {}, body: toSubscriptionBody(root, updated) };
    },

    remove: async (request, deadline) => {
      const owner = await authorizeOwner(request);
      checkODataHeaders(request.headers);
      refuseRepeatability(request.headers, now());
      const preconditions = readPreconditions(request.headers);
      await subscriptions.remove(owner, keyOf(request), preconditions, deadline);
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
}

/** The id in the URL; that of no subscription where there is none. */
const keyOf = ({ params }: GraphRequest) => readKey(params) ?? '';
