import type { ChangeType } from '../operation/changeListener.ts';
import type { Subscription } from './subscription.ts';

/** Which change a notification is about. */
export interface NotifiedChange {
  readonly operationId: string;
  /** The id of the write. */
  readonly writeId: string;
  readonly changeType: ChangeType;
  /** The id of the write that the change replaces; undefined when there was no operation. */
  readonly replaces: string | undefined;
}

/** A notification of a change, to one subscription or several. */
export interface ChangeEntry extends NotifiedChange {
  readonly kind: 'change';
  /** The ids of the subscriptions. */
  readonly subscriptions: readonly string[];
}

/** A notification of what happened to a subscription, whose row has the rest: no secret is in the outbox. */
export interface LifecycleEntry {
  readonly kind: 'lifecycle';
  readonly lifecycleEvent: 'missed' | 'subscriptionRemoved';
  readonly subscriptionId: string;
}

/** What has to be delivered. */
export interface OutboxEntry {
  readonly id: string;
  readonly tenant: string;
  readonly createdAt: Date;
  /** How often the delivery of a lifecycle notification was attempted and given up for a while. */
  readonly attempts: number;
  readonly content: ChangeEntry | LifecycleEntry;
}

/** An entry as the store has it. Nobody but its owner works on it before `dueAt`. */
export interface StoredEntry {
  readonly entry: OutboxEntry;
  readonly dueAt: Date;
  readonly etag: string;
}

/** Stores what has to be delivered. Every method throws ServiceError `unavailable` when the store cannot serve. */
export interface OutboxRepository {
  /** Creates an entry; undefined when there is one with its id. */
  create(entry: OutboxEntry, dueAt: Date, signal: AbortSignal): Promise<StoredEntry | undefined>;

  /** Replaces an entry; undefined when another instance did before, or it is gone. */
  replace(
    stored: StoredEntry,
    changes: { readonly dueAt: Date; readonly attempts?: number; readonly content?: ChangeEntry },
    signal: AbortSignal,
  ): Promise<StoredEntry | undefined>;

  /**
   * Removes an entry. That of a lifecycle notification, whose id may be used again, stays if another instance has changed it;
   * that of a change only ever loses subscriptions, so that whoever has none left to notify may remove it.
   */
  remove(stored: StoredEntry, signal: AbortSignal): Promise<void>;

  /**
   * Lists a page of the entries that are due at a time, in any order, and the continuation token of the next one: those in a
   * range of the first two hexadecimal digits of their ids, which are random. Damaged rows are left out.
   */
  listDue(
    at: Date,
    range: { readonly least?: string; readonly below?: string },
    from: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly entries: readonly StoredEntry[]; readonly next: string | undefined }>;
}

/** After how many entries their partition changes. */
const SAME_PARTITION = 500;

/**
 * Makes ids of entries. Many in a row have the same first two digits, which are their partition, so that they can be created
 * and removed together.
 */
export function createEntryIds(): () => string {
  let made = 0;
  let partition = '';
  return () => {
    const id = crypto.randomUUID();
    if (made++ % SAME_PARTITION === 0) partition = id.slice(0, 2);
    return partition + id.slice(2);
  };
}

/**
 * The lifecycle entry of a subscription; undefined when it wants none. It has one `missed` of each hour, unless `reason`
 * asks for one of its own, and one `subscriptionRemoved`.
 */
export function lifecycleEntry(
  { id, tenant, lifecycleNotificationUrl, expiration }: Subscription,
  lifecycleEvent: LifecycleEntry['lifecycleEvent'],
  createdAt: Date,
  reason = '',
): OutboxEntry | undefined {
  if (lifecycleNotificationUrl === null) return undefined;
  const at = lifecycleEvent === 'missed' ? createdAt : expiration;
  return {
    id: `${id}.${lifecycleEvent}.${at.toISOString().slice(0, 13)}${reason}`,
    tenant,
    createdAt,
    attempts: 0,
    content: { kind: 'lifecycle', lifecycleEvent, subscriptionId: id },
  };
}
