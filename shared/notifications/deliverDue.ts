// What the timer does: takes over what instances have left in the outbox.
import { metrics } from '@opentelemetry/api';
import pLimit from 'p-limit';
import type { OperationVersion } from '../operation/playPromptOperation.ts';
import type { OperationRepository } from '../operation/repository.ts';
import { isUnavailable } from '../serviceError.ts';
import { SCOPE } from '../tracing.ts';
import { type Delivery, GIVE_UP_AFTER_MS, LEASE_MS, type Notification } from './delivery.ts';
import { toChangeNotification, toLifecycleNotification } from './notification.ts';
import { type ChangeEntry, lifecycleEntry, type OutboxRepository, type StoredEntry } from './outboxRepository.ts';
import { EXPIRATION_GRACE_MS, type Subscription, type SubscriptionRepository } from './subscription.ts';

/** How many entries of one subscription a run works on. */
const ENTRIES_PER_SUBSCRIPTION = 1000;

/** How many notifications of a host are delivered concurrently, and after how many failures in a row the run leaves it. */
const CONCURRENT_PER_HOST = 16;
const FAILURES_PER_RUN = 3;

/** How many entries are prepared concurrently. */
const CONCURRENT_PREPARATIONS = 32;

/** What a run did. */
export interface DeliveryReport {
  readonly sent: number;
  readonly failed: number;
  readonly dropped: number;
  /** Entries of changes that did not take effect, or of subscriptions that have ended. */
  readonly discarded: number;
  /** The age of the oldest entry that the run found, in seconds. */
  readonly oldestSeconds: number;
}

/**
 * Delivers the notifications that are due, and removes subscriptions that have expired, until `signal` is aborted. Several
 * instances may run it at the same time.
 *
 * @throws ServiceError `unavailable` when the store cannot serve
 */
export type DeliverDue = (signal: AbortSignal) => Promise<DeliveryReport>;

/** The notification of an entry that is due. */
interface Due {
  readonly stored: StoredEntry;
  readonly url: string;
  readonly subscription?: Subscription;
}

export function createDeliverDue({
  entries,
  subscriptions,
  operations,
  delivery,
  now = Date.now,
}: {
  readonly entries: OutboxRepository;
  readonly subscriptions: SubscriptionRepository;
  readonly operations: Pick<OperationRepository, 'get'>;
  readonly delivery: Delivery;
  readonly now?: (() => number) | undefined;
}): DeliverDue {
  const oldestEntry = metrics.getMeter(SCOPE).createGauge('playpromptoperation.outbox.oldest', {
    unit: 's',
    description: 'The age of the oldest notification that was not delivered yet.',
  });

  return async (signal) => {
    const report = { sent: 0, failed: 0, dropped: 0, discarded: 0, oldestSeconds: 0 };
    await removeExpired(signal);
    const stored = await readDue();
    oldestEntry.record(report.oldestSeconds);

    const listed = new Map<string, Promise<readonly Subscription[]>>();
    const prepare = pLimit(CONCURRENT_PREPARATIONS);
    // What fails for one tenant or one host does not keep the others from their notifications.
    const prepared = await Promise.allSettled(stored.map((each) => prepare(() => toDue(each))));
    const due = prepared.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
    const byHost = Map.groupBy(due, ({ url }) => URL.parse(url)?.host);
    const delivered = await Promise.allSettled([...byHost.values()].map(deliverToHost));
    for (const each of [...prepared, ...delivered]) if (each.status === 'rejected') throw each.reason;
    return report;

    async function readDue(): Promise<readonly StoredEntry[]> {
      const due: StoredEntry[] = [];
      const counts = new Map<string, number>();
      let from: string | undefined;
      do {
        const page = await entries.list(from, signal);
        for (const each of page.entries) {
          const age = (now() - each.entry.createdAt.getTime()) / 1000;
          report.oldestSeconds = Math.max(report.oldestSeconds, age);
          const { content } = each.entry;
          const subscription = content.kind === 'change' ? content.subscriptions[0] : content.subscriptionId;
          const count = counts.get(subscription ?? '') ?? 0;
          if (each.dueAt.getTime() > now() || count >= ENTRIES_PER_SUBSCRIPTION) continue;
          counts.set(subscription ?? '', count + 1);
          due.push(each);
        }
        from = page.next;
      } while (from !== undefined);
      return due.sort((a, b) => a.entry.createdAt.getTime() - b.entry.createdAt.getTime());
    }

    /** The notifications of an entry: none if it is to be given up or belongs to nobody, and one for each subscription. */
    async function toDue(each: StoredEntry): Promise<Due[]> {
      const { content, tenant, createdAt } = each.entry;
      const isTooOld = now() - createdAt.getTime() > GIVE_UP_AFTER_MS;
      if (content.kind === 'lifecycle') {
        if (!isTooOld) return [{ stored: each, url: content.url }];
        await drop(each, undefined);
        return [];
      }
      const [id, ...others] = content.subscriptions;
      if (others.length > 0) {
        const owned = await lease(each);
        const parts = content.subscriptions.map((subscriptionId) => ({ subscriptionId }));
        const singles = owned ? await delivery.split(owned, parts) : [];
        return (await Promise.all(singles.map(toDue))).flat();
      }
      const all = await subscriptionsOf(tenant);
      const subscription = all.find((one) => one.id === id && one.expiration.getTime() > now());
      if (subscription && !isTooOld) return [{ stored: each, url: subscription.notificationUrl, subscription }];
      if (subscription) await drop(each, subscription);
      else await discard(each);
      return [];
    }

    function subscriptionsOf(tenant: string) {
      const known = listed.get(tenant) ?? subscriptions.list(tenant, signal);
      listed.set(tenant, known);
      return known;
    }

    async function deliverToHost(due: readonly Due[]) {
      let failures = 0;
      const limit = pLimit(CONCURRENT_PER_HOST);
      const deliver = async ({ stored: each, url, subscription }: Due) => {
        if (failures >= FAILURES_PER_RUN || signal.aborted) return;
        const owned = await lease(each);
        const body = owned && (await bodyOf(owned, subscription));
        if (!owned) return;
        if (body === undefined) return discard(owned);
        const notification: Notification = { url, body, ...(subscription && { subscription }) };
        const failure = await delivery.send(notification, owned.dueAt, [0]);
        failures = failure ? failures + 1 : 0;
        report[failure ? 'failed' : 'sent'] += 1;
        await (failure ? delivery.postpone(owned, failure) : delivery.finish(owned));
      };
      await Promise.all(due.map((each) => limit(deliver, each)));
    }

    async function bodyOf({ entry: { tenant, content } }: StoredEntry, subscription: Subscription | undefined) {
      if (content.kind === 'lifecycle') return toLifecycleNotification(content, tenant);
      if (!subscription) return undefined;
      const { isRefused, version } = await findChange(tenant, content, signal);
      const { changeType, operationId } = content;
      return isRefused ? undefined : toChangeNotification(subscription, changeType, operationId, version);
    }

    function lease(each: StoredEntry) {
      return entries.replace(each, { dueAt: new Date(now() + LEASE_MS) }, signal);
    }

    async function drop(each: StoredEntry, subscription: Subscription | undefined) {
      report.dropped += 1;
      await delivery.drop(each, subscription, 'too old');
    }

    async function discard(each: StoredEntry) {
      report.discarded += 1;
      await delivery.finish(each);
    }
  };

  /** Whether a change certainly did not take effect, and otherwise the operation as it is now. */
  async function findChange(
    tenant: string,
    { operationId, writeId, changeType, replaces }: ChangeEntry,
    signal: AbortSignal,
  ): Promise<{ readonly isRefused: boolean; readonly version: OperationVersion | undefined }> {
    const current = await operations.get(tenant, operationId, signal).catch((error: unknown) => {
      if (isUnavailable(error)) throw error;
      // The row is damaged: the receiver learns the id.
      return undefined;
    });
    const isDescendant = current !== undefined && replaces !== undefined && current.writes.includes(replaces);
    const isRefused = isDescendant && !current.writes.includes(writeId);
    return { isRefused, version: changeType === 'deleted' ? undefined : current };
  }

  /** Removes subscriptions that have expired. Each gets the lifecycle notification, which is in the outbox first. */
  async function removeExpired(signal: AbortSignal) {
    const expired = await subscriptions.listExpired(new Date(now() - EXPIRATION_GRACE_MS), signal);
    for (const each of expired) {
      const entry = lifecycleEntry(each, 'subscriptionRemoved', new Date(now()));
      const stored = entry && (await entries.create(entry, new Date(now() + LEASE_MS), signal));
      const isRemoved = await subscriptions.removeExpired(each, signal);
      // It was renewed in the meantime.
      if (!isRemoved && stored) await entries.remove(stored, signal);
    }
  }
}
