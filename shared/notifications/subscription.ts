import type { Change, ChangeType } from '../operation/changeListener.ts';
import { type Filter, matches } from '../operation/filter.ts';

/** How far ahead a subscription may expire: a day, and 5 minutes for clocks that differ. */
export const MAX_LIFETIME_MS = (24 * 60 + 5) * 60_000;

/** For how long a cached list may still have the expiration that a subscription had before it was renewed. */
export const EXPIRATION_GRACE_MS = 10_000;

/** A subscription to changes of a tenant's operations. Microsoft Graph, "subscription resource type". */
export interface Subscription {
  readonly id: string;
  readonly tenant: string;
  /** The application, and the service principal or user, whose token created it. */
  readonly applicationId: string;
  readonly creatorId: string;
  readonly changeTypes: readonly ChangeType[];
  readonly resource: Resource;
  readonly notificationUrl: string;
  readonly lifecycleNotificationUrl: string | null;
  readonly expiration: Date;
  readonly clientState: string | null;
}

/** The application that subscriptions belong to, within its tenant, and the service principal or user that uses it. */
export type Owner = Pick<Subscription, 'tenant' | 'applicationId' | 'creatorId'>;

/** Which operations a subscription is about, and how its creator wrote that. */
export interface Resource {
  readonly text: string;
  /** One operation; undefined for all of the tenant. */
  readonly operationId: string | undefined;
  readonly filter: Filter | undefined;
}

/** Whether a change is one that a subscription asks for. A damaged operation matches no filter. */
export function isAbout(
  { changeTypes, resource }: Subscription,
  id: string,
  { changeType, operation }: Change,
): boolean {
  if (!changeTypes.includes(changeType)) return false;
  if (resource.operationId !== undefined && resource.operationId !== id) return false;
  return resource.filter === undefined || (operation !== undefined && matches(operation, resource.filter));
}

/** Whether a subscription has not expired. */
export function isLive({ expiration }: Subscription, now: number): boolean {
  return expiration.getTime() > now;
}

/** Whether a subscription in a cached list may still be live: it may have been renewed just before it expired. */
export function mayBeLive({ expiration }: Subscription, now: number): boolean {
  return expiration.getTime() + EXPIRATION_GRACE_MS > now;
}

/** How the last delivery to a subscription went. */
export interface LastDelivery {
  readonly at: Date;
  /** `delivered`, or why it failed. */
  readonly outcome: string;
}

/** Which subscription a backlog is of. */
export interface BacklogKey {
  readonly tenant: string;
  readonly subscriptionId: string;
}

/** What is known of the changes that wait for a subscription, since its receiver did not accept something. */
export interface Backlog extends BacklogKey {
  /** When its oldest change was made, or earlier. */
  readonly since: Date;
  /** When an instance last said that it adds changes. */
  readonly touchedAt: Date;
  /** When the next run delivers what waits. */
  readonly retryAt: Date;
  /** In how many runs in a row the receiver accepted nothing. */
  readonly failures: number;
  /** Whether so much waits that changes are left out, and `missed` is sent instead. */
  readonly isSaturated: boolean;
  /** Until when the receiver has asked for nothing to be sent. */
  readonly quietUntil: Date;
  readonly etag: string;
}

/** A subscription as the store has it, and how its last delivery went, if there was one. */
export interface StoredSubscription extends Subscription {
  readonly etag: string;
  readonly lastDelivery?: LastDelivery | undefined;
  /** What waits for its receiver, if it lately did not accept something. */
  readonly backlog?: Backlog;
}

/** Stores the subscriptions of all tenants. Every method throws ServiceError `unavailable` when the store cannot serve. */
export interface SubscriptionRepository {
  /** Lists the subscriptions of a tenant, those that have expired included. */
  list(tenant: string, signal: AbortSignal): Promise<readonly StoredSubscription[]>;

  /** Lists a page of the subscriptions of all tenants that expired before a time. */
  listExpired(
    before: Date,
    from: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly expired: readonly StoredSubscription[]; readonly next: string | undefined }>;

  create(subscription: Subscription, signal: AbortSignal): Promise<void>;

  /** Changes a subscription; false if it has changed since it was listed, or is gone. A new receiver starts afresh. */
  update(listed: StoredSubscription, changes: SubscriptionChanges, signal: AbortSignal): Promise<boolean>;

  /** Stores how the last delivery went, if the subscription exists. */
  recordDelivery(subscription: SubscriptionKey, delivery: LastDelivery, signal: AbortSignal): Promise<void>;

  /** Removes a subscription; false when there is none. */
  remove(subscription: SubscriptionKey, signal: AbortSignal): Promise<boolean>;

  /** Removes a subscription unless it has changed since it was listed. */
  removeExpired(listed: StoredSubscription, signal: AbortSignal): Promise<boolean>;
}

type SubscriptionKey = Pick<Subscription, 'tenant' | 'id'>;

export type SubscriptionChanges = Partial<Pick<Subscription, 'expiration' | 'notificationUrl'>>;
