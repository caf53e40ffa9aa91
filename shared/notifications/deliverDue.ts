// What the timer does: takes over what instances have left in the outbox.
import { setTimeout as delay } from 'node:timers/promises';
import { metrics } from '@opentelemetry/api';
import pLimit, { type LimitFunction } from 'p-limit';
import type { OperationVersion } from '../operation/playPromptOperation.ts';
import type { OperationRepository } from '../operation/repository.ts';
import { isUnavailable } from '../serviceError.ts';
import { SCOPE } from '../tracing.ts';
import { type Delivery, LEASE_MS, type Notification } from './delivery.ts';
import { toChangeNotification, toLifecycleNotification } from './notification.ts';
import { type ChangeEntry, lifecycleEntry, type OutboxRepository, type StoredEntry } from './outboxEntry.ts';
import { adaptConcurrency, RESPONSE_DEADLINE_MS, receiverKey } from './receiver.ts';
import { EXPIRATION_GRACE_MS, isLive, type Subscription, type SubscriptionRepository } from './subscription.ts';

/** How long a run may begin to send: the next run begins after a minute, and a response may take 10 seconds. */
export const RUN_MS = 45_000;

/** For how long after a change its notification is attempted. */
export const GIVE_UP_AFTER_MS = 4 * 60 * 60_000;

/** How many notifications of a receiver wait in this process. */
const WAITING_PER_RECEIVER = 64;

/** After how many failures in a row a run leaves a receiver to the next one. */
const FAILURES_PER_RUN = 3;

/** How many entries are prepared concurrently. */
const CONCURRENT_PREPARATIONS = 32;

/** How often a run looks whether a receiver has room again: every pass reads the whole outbox. */
const PASS_PAUSE_MS = 100;

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
 * Delivers the notifications that are due, and removes subscriptions that have expired, until `signal` is aborted; what
 * remains is for the next run. Several instances may run it at the same time.
 *
 * @throws ServiceError `unavailable` when the store cannot serve, after everything else is done
 */
export type DeliverDue = (signal: AbortSignal) => Promise<DeliveryReport>;

/** The subscriptions of a tenant, and when they were listed. */
interface Listed {
  readonly at: number;
  readonly subscriptions: Promise<readonly Subscription[]>;
}

/** The notification of an entry that is due. */
interface Due {
  readonly stored: StoredEntry;
  readonly url: string;
  readonly subscription?: Subscription;
}

/**
 * Where notifications are sent, and what a run knows of it. They are sent one at a time at first and after a failure, and one
 * more at a time after each that was accepted: an attempt that fails costs four requests to the store.
 */
interface Receiver {
  readonly limit: LimitFunction;
  /** How many failed in a row. */
  failures: number;
  /** Whether this run leaves it to the next one, whatever becomes of requests that are under way. */
  isLeft: boolean;
}

export function createDeliverDue({
  entries,
  subscriptions,
  operations,
  delivery,
  now = Date.now,
  sleep = delay,
}: {
  readonly entries: OutboxRepository;
  readonly subscriptions: SubscriptionRepository;
  readonly operations: Pick<OperationRepository, 'get'>;
  readonly delivery: Delivery;
  readonly now?: (() => number) | undefined;
  readonly sleep?: ((milliseconds: number) => Promise<unknown>) | undefined;
}): DeliverDue {
  const oldestEntry = metrics.getMeter(SCOPE).createGauge('playpromptoperation.outbox.oldest', {
    unit: 's',
    description: 'The age of the oldest notification that was not delivered yet.',
  });

  return async (signal) => {
    const report = { sent: 0, failed: 0, dropped: 0, discarded: 0, oldestSeconds: 0 };
    const errors: unknown[] = [];
    const endsAt = now() + RUN_MS;
    const listed = new Map<string, Listed>();
    const receivers = new Map<string, Receiver>();
    const deliveries: Promise<unknown>[] = [];
    const taken = new Set<string>();
    let isListed = false;
    const prepare = pLimit(CONCURRENT_PREPARATIONS);

    // What fails for one tenant or one receiver does not keep the others from their notifications.
    const removed = attempt(removeExpired(signal));
    while (!signal.aborted) {
      let full = [...((await attempt(takeDue())) ?? [])];
      while (full.length > 0 && !signal.aborted) {
        await sleep(PASS_PAUSE_MS);
        full = full.filter(({ isLeft }) => !isLeft);
        if (full.some(({ limit }) => limit.pendingCount <= WAITING_PER_RECEIVER / 2)) break;
      }
      if (full.length === 0) break;
    }
    await removed;
    await Promise.all(deliveries);
    // A run that read no part of the outbox knows nothing of it.
    if (isListed) oldestEntry.record(report.oldestSeconds);
    if (errors.length > 0) throw errors[0];
    return report;

    async function attempt<Result>(work: Promise<Result>): Promise<Result | undefined> {
      try {
        return await work;
      } catch (error) {
        // What was not done before the end of the run is no failure.
        if (!signal.aborted) errors.push(error);
        return undefined;
      }
    }

    /** Takes what is due and has room, and returns the receivers without. It begins anywhere, so that nothing is always last. */
    async function takeDue(): Promise<Set<Receiver>> {
      const full = new Set<Receiver>();
      const middle = crypto.randomUUID().slice(0, 2);
      for (const range of [{ least: middle }, { below: middle }]) {
        let from: string | undefined;
        do {
          const page = await entries.list(range, from, signal);
          isListed = true;
          // What was listed earlier may lack a subscription of this page, or its renewal.
          listed.clear();
          const due = page.entries.filter(isDue);
          const prepared = due.map((each) => prepare(() => attempt(toDue(each))));
          for (const each of (await Promise.all(prepared)).flatMap((one) => one ?? [])) {
            const receiver = receiverOf(each);
            if (!take(each, receiver)) full.add(receiver);
          }
          from = page.next;
        } while (from !== undefined && !signal.aborted);
      }
      return full;
    }

    function isDue({ entry, dueAt }: StoredEntry) {
      report.oldestSeconds = Math.max(report.oldestSeconds, (now() - entry.createdAt.getTime()) / 1000);
      return dueAt.getTime() <= now() && !taken.has(entry.id);
    }

    /** Delivers a notification in the background, or leaves it to the next run if its receiver fails; false if too many wait. */
    function take(due: Due, receiver: Receiver): boolean {
      if (receiver.isLeft) return true;
      if (receiver.limit.pendingCount >= WAITING_PER_RECEIVER) return false;
      taken.add(due.stored.entry.id);
      deliveries.push(receiver.limit(() => attempt(deliver(due, receiver))));
      return true;
    }

    function receiverOf({ url }: Due): Receiver {
      const key = receiverKey(url);
      const receiver = receivers.get(key) ?? { limit: pLimit(1), failures: 0, isLeft: false };
      receivers.set(key, receiver);
      return receiver;
    }

    async function deliver({ stored: each, url, subscription }: Due, receiver: Receiver) {
      if (receiver.isLeft || signal.aborted) return;
      const owned = await lease(each);
      if (!owned) return;
      const body = await bodyOf(owned, subscription);
      if (body === undefined) {
        adaptConcurrency(receiver.limit, true);
        return discard(owned);
      }
      const notification: Notification = { url, body, ...(subscription && { subscription }) };
      const leasedUntil = new Date(Math.min(owned.dueAt.getTime(), endsAt + RESPONSE_DEADLINE_MS));
      const failure = await delivery.send(notification, leasedUntil, [0]);
      receiver.failures = failure ? receiver.failures + 1 : 0;
      receiver.isLeft ||= receiver.failures >= FAILURES_PER_RUN;
      adaptConcurrency(receiver.limit, !failure);
      report[failure ? 'failed' : 'sent'] += 1;
      await (failure ? delivery.postpone(owned, failure) : delivery.finish(owned));
    }

    /** The notifications of an entry: none if it is to be given up or belongs to nobody, and one for each subscription. */
    async function toDue(each: StoredEntry): Promise<Due[]> {
      if (signal.aborted) return [];
      const { content, tenant, createdAt } = each.entry;
      const isTooOld = now() - createdAt.getTime() > GIVE_UP_AFTER_MS;
      if (content.kind === 'lifecycle') {
        if (isTooOld) await drop(each, undefined);
        else if (!(await isStillRemoved(each))) await discard(each);
        else return [{ stored: each, url: content.url }];
        return [];
      }
      const [id, ...others] = content.subscriptions;
      if (others.length > 0) {
        const owned = await lease(each);
        const parts = content.subscriptions.map((subscriptionId) => ({ subscriptionId }));
        const singles = owned ? await delivery.split(owned, parts) : [];
        return (await Promise.all(singles.map(toDue))).flat();
      }
      const { at, subscriptions: all } = subscriptionsOf(tenant);
      const subscription = (await all).find((one) => one.id === id && isLive(one, at));
      if (subscription && !isTooOld) return [{ stored: each, url: subscription.notificationUrl, subscription }];
      if (subscription) await drop(each, subscription);
      else await discard(each);
      return [];
    }

    function subscriptionsOf(tenant: string): Listed {
      const known = listed.get(tenant) ?? { at: now(), subscriptions: subscriptions.list(tenant, signal) };
      listed.set(tenant, known);
      return known;
    }

    /** Whether the subscription of a `subscriptionRemoved` is gone: a run that found it renewed may have died there. */
    async function isStillRemoved({ entry: { tenant, content } }: StoredEntry) {
      if (content.kind !== 'lifecycle' || content.lifecycleEvent !== 'subscriptionRemoved') return true;
      const { at, subscriptions: all } = subscriptionsOf(tenant);
      return !(await all).some((one) => one.id === content.subscriptionId && isLive(one, at));
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
      if (isRemoved || !stored) continue;
      // It was renewed in the meantime, unless it is gone: then the run that removed it relies on this entry.
      const remaining = await subscriptions.list(each.tenant, signal);
      if (remaining.some(({ id }) => id === each.id)) await entries.remove(stored, signal);
    }
  }
}
