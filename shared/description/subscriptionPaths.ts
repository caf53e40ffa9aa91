// `/subscriptions` in OpenAPI, and the requests that receivers of notifications get.
import { MAX_SUBSCRIPTIONS, MAX_SUBSCRIPTIONS_OF_APPLICATION } from '../notifications/ownedSubscriptions.ts';
import type { Subscription } from '../notifications/subscription.ts';
import { toSubscriptionBody, toSubscriptionsBody } from '../notifications/subscriptionBody.ts';
import { changeTypes } from '../operation/changeListener.ts';
import { isLoopback } from '../settings.ts';
import { EXAMPLE_ID, EXAMPLE_TENANT } from './parameters.ts';
import { authorized, common, json, parametersOf, schemaOf, withBody } from './parts.ts';
import { refusedFor, response } from './responses.ts';

const tags = ['subscriptions'];

const existing: Omit<Subscription, 'expiration'> = {
  id: '0c6d9b3e-6b5a-4b8f-9d0e-2f1a7c3e5b44',
  tenant: EXAMPLE_TENANT,
  applicationId: 'd8f7c1a2-3b4c-4d5e-8f60-718293a4b5c6',
  creatorId: '5e1f0a9b-8c7d-4e6f-a5b4-c3d2e1f00918',
  changeTypes: [...changeTypes],
  resource: {
    text: "playPromptOperation?$filter=status in ('Completed','Failed')",
    operationId: undefined,
    filter: undefined,
  },
  notificationUrl: 'https://bot.example.com/notifications',
  lifecycleNotificationUrl: null,
  clientState: null,
};

/** The receiver of `npm run listen`, for a service on the same machine. */
const LOCAL_RECEIVER = 'http://127.0.0.1:7073/';

/** How long the subscription of an example lasts. */
const EXAMPLE_LIFETIME_MS = 12 * 60 * 60_000;

/** The requests for subscriptions to a service whose root is `root`, such as `https://host/v1.0`. */
export function subscriptionPaths(root: string, operation: object, now: Date) {
  const isLocal = isLoopback(URL.parse(root)?.hostname ?? '');
  const subscription = {
    ...existing,
    ...(isLocal && { notificationUrl: LOCAL_RECEIVER }),
    expiration: new Date(now.getTime() + EXAMPLE_LIFETIME_MS),
  };
  const expirationDateTime = subscription.expiration.toISOString();
  const body = toSubscriptionBody(root, subscription);
  const one = json(schemaOf('subscription'), body);
  const all = json(schemaOf('subscriptionCollection'), toSubscriptionsBody(root, [subscription]));
  const { changeType, resource, notificationUrl } = body;
  const asked = { changeType, resource, notificationUrl, expirationDateTime, clientState: 'a secret' };

  return {
    '/v1.0/subscriptions': {
      parameters: common,
      get: {
        operationId: 'listSubscriptions',
        summary: 'List the subscriptions of the calling application',
        tags,
        parameters: parametersOf('format'),
        responses: {
          200: response('The subscriptions that have not expired.', [], all),
          ...refusedFor(authorized),
        },
      },
      post: {
        operationId: 'createSubscription',
        summary: 'Subscribe to changes of operations',
        tags,
        description:
          (isLocal ? 'Run `npm run listen` first: it is the receiver of the example. ' : '') +
          'The receivers are validated first. Every change that starts after the response is notified. A tenant has at ' +
          `most ${MAX_SUBSCRIPTIONS} subscriptions, and an application ${MAX_SUBSCRIPTIONS_OF_APPLICATION}; one more is a 403. A request that is sent twice ` +
          'creates two. After a 503 or a lost response, list the subscriptions before you send it again.',
        requestBody: { required: true, content: json(schemaOf('newSubscription'), asked) },
        responses: {
          201: { ...response('The subscription.', ['Location'], one), links },
          ...refusedFor([...withBody, 'validationFailed', 'tooManyRequests', 'notImplemented']),
        },
        callbacks: {
          validation: { '{$request.body#/notificationUrl}': { post: validation } },
          notification: { '{$request.body#/notificationUrl}': { post: notification(operation, expirationDateTime) } },
        },
      },
    },
    '/v1.0/subscriptions/{id}': {
      parameters: [
        {
          name: 'id',
          in: 'path',
          required: true,
          description: 'The id of a subscription of the calling application, from the response to its creation.',
          schema: { type: 'string' },
        },
        ...common,
      ],
      get: {
        operationId: 'readSubscription',
        summary: 'Read a subscription',
        tags,
        parameters: parametersOf('format'),
        responses: { 200: response('The subscription.', [], one), ...refusedFor([...authorized, 'notFound']) },
      },
      patch: {
        operationId: 'updateSubscription',
        summary: 'Renew a subscription, or move it to another receiver',
        tags,
        description: 'It can expire at most 1 day ahead. Another notificationUrl is validated first.',
        requestBody: { required: true, content: json(schemaOf('subscriptionUpdate'), { expirationDateTime }) },
        responses: {
          200: response('The updated subscription.', [], one),
          ...refusedFor([...withBody, 'validationFailed', 'notFound', 'tooManyRequests', 'notImplemented']),
        },
      },
      delete: {
        operationId: 'deleteSubscription',
        summary: 'Unsubscribe',
        tags,
        responses: {
          204: response('The subscription is deleted.', []),
          ...refusedFor([...authorized, 'notFound', 'preconditionFailed', 'notImplemented']),
        },
      },
    },
  };
}

/** What can be done with a new subscription, whose id no example can know. OpenAPI 3.1, "Link Object". */
const links = Object.fromEntries(
  ['readSubscription', 'updateSubscription', 'deleteSubscription'].map((operationId) => [
    operationId,
    { operationId, parameters: { id: '$response.body#/id' } },
  ]),
);

const validation = {
  operationId: 'validateReceiver',
  summary: 'Asks whether the receiver expects notifications',
  security: [],
  parameters: [
    {
      name: 'validationToken',
      in: 'query',
      required: true,
      description: 'Random text.',
      schema: { type: 'string' },
      example: 'Validation of a subscription 7',
    },
  ],
  responses: {
    200: { description: 'The decoded validationToken.', content: { 'text/plain': { schema: { type: 'string' } } } },
  },
};

const signatureHeader = (name: string, description: string) => ({
  name,
  in: 'header',
  description,
  schema: { type: 'string' },
});

const notification = (operation: object, expirationDateTime: string) => ({
  operationId: 'notify',
  summary: 'Notifies of a change, or of what happened to the subscription',
  description: 'Signed as in Standard Webhooks, if the clientState of the subscription is a signing secret.',
  security: [],
  parameters: [
    signatureHeader('webhook-id', 'The notification: the same in every attempt.'),
    signatureHeader('webhook-timestamp', 'When the attempt was made, in seconds since 1970.'),
    signatureHeader('webhook-signature', 'v1, and the base64 of the HMAC-SHA256 of `{id}.{timestamp}.{body}`.'),
  ],
  requestBody: {
    required: true,
    content: json(schemaOf('changeNotificationCollection'), {
      value: [
        {
          subscriptionId: existing.id,
          subscriptionExpirationDateTime: expirationDateTime,
          changeType: 'updated',
          clientState: 'a secret',
          tenantId: existing.tenant,
          resource: `playPromptOperation/${EXAMPLE_ID}`,
          resourceData: operation,
        },
      ],
    }),
  },
  responses: { '2XX': { description: 'Accepted. Any other status is a failure, and the request is repeated.' } },
});
