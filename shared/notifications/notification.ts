// The bodies of notifications. Microsoft Graph, "changeNotificationCollection" and "Lifecycle notifications".
import { toEntity } from '../odata/entityBody.ts';
import type { ChangeType } from '../operation/changeListener.ts';
import { type OperationVersion, propertyNames } from '../operation/playPromptOperation.ts';
import type { LifecycleEntry } from './outboxEntry.ts';
import type { Subscription } from './subscription.ts';

/** The body of a notification of a change. Without a `version`, its resource data is the id of the operation alone. */
export function toChangeNotification(
  { id, tenant, expiration, clientState }: Subscription,
  changeType: ChangeType,
  operationId: string,
  version: OperationVersion | undefined,
): string {
  const deleted = { '@odata.type': '#microsoft.graph.playPromptOperation', id: operationId };
  return collection({
    subscriptionId: id,
    subscriptionExpirationDateTime: expiration.toISOString(),
    changeType,
    clientState,
    tenantId: tenant,
    resource: `playPromptOperation/${operationId}`,
    resourceData: version ? toEntity(version, propertyNames) : deleted,
  });
}

/** The body of a notification of what happened to a subscription. */
export function toLifecycleNotification(
  { lifecycleEvent, subscriptionId, expiration, clientState }: LifecycleEntry,
  tenant: string,
): string {
  return collection({
    lifecycleEvent,
    subscriptionId,
    subscriptionExpirationDateTime: expiration.toISOString(),
    clientState,
    tenantId: tenant,
  });
}

const collection = (notification: object) => JSON.stringify({ value: [notification] });
