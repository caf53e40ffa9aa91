import type { StoredSubscription } from './subscription.ts';

type Readable = Omit<StoredSubscription, 'etag'>;

/** The body of a subscription. `clientState` is a secret of its creator and its receiver, so that it is null. */
export function toSubscriptionBody(root: string, subscription: Readable) {
  return { '@odata.context': `${root}/$metadata#subscriptions/$entity`, ...toSubscription(subscription) };
}

/** The body of a list of subscriptions. */
export function toSubscriptionsBody(root: string, subscriptions: readonly Readable[]) {
  return { '@odata.context': `${root}/$metadata#subscriptions`, value: subscriptions.map(toSubscription) };
}

function toSubscription({ expiration, changeTypes, resource, lastDelivery, ...subscription }: Readable) {
  const { id, applicationId, creatorId, notificationUrl, lifecycleNotificationUrl } = subscription;
  return {
    '@odata.type': '#microsoft.graph.subscription',
    ...(lastDelivery && {
      '@playPromptOperation.lastDelivery': { dateTime: lastDelivery.at.toISOString(), outcome: lastDelivery.outcome },
    }),
    id,
    resource: resource.text,
    applicationId,
    changeType: changeTypes.join(),
    clientState: null,
    notificationUrl,
    lifecycleNotificationUrl,
    expirationDateTime: expiration.toISOString(),
    creatorId,
  };
}
