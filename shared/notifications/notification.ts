// The bodies of notifications. Microsoft Graph, "changeNotificationCollection" and "Lifecycle notifications".
import { toEntity } from '../odata/entityBody.ts';
import type { ChangeType } from '../operation/changeListener.ts';
import { type OperationVersion, propertyNames } from '../operation/playPromptOperation.ts';
import type { LifecycleEntry } from './outboxEntry.ts';
import { keyOf } from './signature.ts';
import type { Subscription } from './subscription.ts';

/** The body of a notification of a change. Without a `version`, its resource data is the id of the operation alone. */
export function toChangeNotification(
  subscription: Subscription,
  changeType: ChangeType,
  operationId: string,
  version: OperationVersion | undefined,
): string {
  const deleted = { '@odata.type': '#microsoft.graph.playPromptOperation', id: operationId };
  return collection({
    ...membersOf(subscription),
    changeType,
    resource: `playPromptOperation/${operationId}`,
    resourceData: version ? toEntity(version, propertyNames) : deleted,
  });
}

/** The body of a notification of what happened to a subscription. */
export function toLifecycleNotification(
  subscription: Subscription,
  lifecycleEvent: LifecycleEntry['lifecycleEvent'],
): string {
  return collection({ ...membersOf(subscription), lifecycleEvent });
}

/** What a signing secret signs does not contain it. */
const membersOf = ({ id, tenant, expiration, clientState }: Subscription) => ({
  subscriptionId: id,
  subscriptionExpirationDateTime: expiration.toISOString(),
  clientState: keyOf(clientState) ? null : clientState,
  tenantId: tenant,
});

const collection = (notification: object) => JSON.stringify({ value: [notification] });
