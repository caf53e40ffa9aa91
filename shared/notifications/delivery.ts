// One notification: its attempts, and what becomes of its entry in the outbox.
import { setTimeout as delay } from 'node:timers/promises';
import { metrics } from '@opentelemetry/api';
import pLimit from 'p-limit';
import QuickLRU from 'quick-lru';
import { withDeadline } from '../bounds.ts';
import { SCOPE } from '../tracing.ts';
import { lifecycleEntry, type OutboxRepository, type StoredEntry } from './outboxEntry.ts';
import { RESPONSE_DEADLINE_MS, ReceiverError, type Receivers } from './receiver.ts';
import type { LastDelivery, Subscription, SubscriptionRepository } from './subscription.ts';

/**
 * How long an instance owns an entry that it works on: longer than the request that made the change may take, also by the clock
 * of an instance that is a minute ahead.
 */
export const LEASE_MS = 90_000;

/** The pauses before the attempts that follow a change at once; the timer makes one attempt. */
export const FIRST_PAUSES_MS: readonly number[] = [0, 1000, 5000];

/** The first and the longest pause between the attempts of the timer; each is twice the one before. */
const RETRY_PAUSE = { first: 60_000, longest: 30 * 60_000 };

/** The longest `Retry-After` that is honored. */
const LONGEST_RETRY_AFTER_MS = 60 * 60_000;

/** How often the same outcome of deliveries to a subscription is stored. */
const RECORD_INTERVAL_MS = 10_000;

const STORE_DEADLINE_MS = 10_000;

/** How many entries a split creates concurrently: updates use the same store. */
const CONCURRENT_CREATES = 8;

/** Why a notification was not accepted, and how long the receiver wants to be left alone. */
export interface Failure {
  /** `status 503` or the like, or why there was no response; `busy` when nothing was sent. */
  readonly cause: string;
  readonly retryAfterMs: number;
}

/** A notification, and who receives it. */
export interface Notification {
  readonly url: string;
  readonly body: string;
  /** The subscription whose last delivery it is. */
  readonly subscription?: Subscription;
}

export interface Delivery {
  /**
   * Sends a notification, and again after each of the pauses that its lease has time for.
   *
   * @returns undefined when it was accepted
   */
  send(notification: Notification, leasedUntil: Date, pauses: readonly number[]): Promise<Failure | undefined>;

  /** Removes the entry of notifications that were accepted, or have become pointless. */
  finish(stored: StoredEntry): Promise<void>;

  /** Makes the entry of a single notification due again, later with every attempt. */
  postpone(stored: StoredEntry, failure: Failure): Promise<void>;

  /** Replaces an entry for several subscriptions by one for each of `parts`. */
  split(stored: StoredEntry, parts: readonly Part[]): Promise<readonly StoredEntry[]>;

  /** Gives a notification up: the subscription gets the lifecycle notification `missed`, if it wants any. */
  drop(stored: StoredEntry, subscription: Subscription | undefined, cause: string): Promise<void>;
}

/** A subscription of an entry, and the failure to deliver to it; undefined before the first attempt. */
export interface Part {
  readonly subscriptionId: string;
  readonly failure?: Failure | undefined;
}

export function createDelivery({
  entries,
  subscriptions,
  receivers,
  now = Date.now,
  sleep = delay,
}: {
  readonly entries: OutboxRepository;
  readonly subscriptions: Pick<SubscriptionRepository, 'recordDelivery'>;
  readonly receivers: Pick<Receivers, 'post'>;
  readonly now?: (() => number) | undefined;
  readonly sleep?: ((milliseconds: number) => Promise<unknown>) | undefined;
}): Delivery {
  const recorded = new QuickLRU<string, LastDelivery>({ maxSize: 1000 });
  const counter = metrics.getMeter(SCOPE).createCounter('playpromptoperation.notifications', {
    description: 'Notifications, by result (sent, retried: due again later, dropped) and the cause of a failure.',
  });

  return {
    async send({ url, body, subscription }, leasedUntil, pauses) {
      const startBy = leasedUntil.getTime() - RESPONSE_DEADLINE_MS;
      // Nothing was accepted before something was sent: the instance may have been frozen since it took the lease.
      let failure: Failure | undefined = { cause: 'busy', retryAfterMs: 0 };
      for (const pause of pauses) {
        if (pause > 0) await sleep(withJitter(pause));
        if (now() > startBy) break;
        failure = await attempt(url, body, startBy);
        if (failure === undefined || failure.cause === 'busy' || failure.retryAfterMs > 0) break;
      }
      if (failure === undefined) counter.add(1, { result: 'sent' });
      if (subscription && failure?.cause !== 'busy') record(subscription, failure?.cause ?? 'delivered');
      return failure;
    },

    finish: (stored) => store((signal) => entries.remove(stored, signal)),

    async postpone(stored, failure) {
      counter.add(1, { result: 'retried', cause: failure.cause });
      const attempts = attemptsAfter(stored, failure);
      await store((signal) => entries.replace(stored, { dueAt: dueAt(attempts, failure), attempts }, signal));
    },

    async split(stored, parts) {
      const { entry } = stored;
      if (entry.content.kind !== 'change') throw new TypeError('A lifecycle notification has one receiver.');
      const { content } = entry;
      const limit = pLimit(CONCURRENT_CREATES);
      const made = parts.map(({ subscriptionId, failure }) => {
        if (failure) counter.add(1, { result: 'retried', cause: failure.cause });
        const attempts = failure ? attemptsAfter(stored, failure) : entry.attempts;
        const id = `${entry.id}.${subscriptionId}`;
        const part = { ...entry, id, attempts, content: { ...content, subscriptions: [subscriptionId] } };
        const due = failure ? dueAt(attempts, failure) : new Date(now());
        // One that exists was made by an instance that died before it removed the whole.
        return limit(() => store((signal) => entries.create(part, due, signal)));
      });
      const created = await Promise.all(made);
      await store((signal) => entries.remove(stored, signal));
      return created.filter((part) => part !== undefined);
    },

    async drop(stored, subscription, cause) {
      counter.add(1, { result: 'dropped', cause });
      const missed = subscription && lifecycleEntry(subscription, 'missed', new Date(now()));
      if (missed && stored.entry.content.kind === 'change') {
        await store((signal) => entries.create(missed, missed.createdAt, signal));
      }
      await store((signal) => entries.remove(stored, signal));
    },
  };

  async function attempt(url: string, body: string, startBy: number): Promise<Failure | undefined> {
    try {
      const { status, headers } = await receivers.post(url, body, { startBy });
      if (status >= 200 && status < 300) return undefined;
      return { cause: `status ${status}`, retryAfterMs: retryAfter(headers['retry-after']) };
    } catch (error) {
      if (error instanceof ReceiverError) return { cause: error.failure, retryAfterMs: 0 };
      throw error;
    }
  }

  /** RFC 9110, section 10.2.3: seconds, or a date. */
  function retryAfter(value = ''): number {
    const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now();
    return Number.isNaN(milliseconds) ? 0 : Math.min(Math.max(milliseconds, 0), LONGEST_RETRY_AFTER_MS);
  }

  /** What was not sent was not attempted. */
  function attemptsAfter({ entry: { attempts } }: StoredEntry, { cause }: Failure): number {
    return cause === 'busy' ? attempts : attempts + 1;
  }

  function dueAt(attempts: number, { retryAfterMs }: Failure): Date {
    const pause = Math.min(RETRY_PAUSE.longest, RETRY_PAUSE.first * 2 ** (attempts - 1));
    return new Date(now() + Math.max(retryAfterMs, withJitter(pause)));
  }

  /** Stores how a delivery went, for people to see; nothing depends on it. */
  function record({ tenant, id }: Subscription, outcome: string) {
    const last = recorded.get(id);
    const at = new Date(now());
    if (last?.outcome === outcome && at.getTime() - last.at.getTime() < RECORD_INTERVAL_MS) return;
    const delivery = { at, outcome };
    recorded.set(id, delivery);
    void store((signal) => subscriptions.recordDelivery({ tenant, id }, delivery, signal)).catch(() => {});
  }
}

/** Between half of a pause and all of it, so that not everybody tries again at the same time. */
const withJitter = (pause: number) => pause / 2 + (Math.random() * pause) / 2;

const store = <Result>(work: (signal: AbortSignal) => Promise<Result>) => withDeadline(STORE_DEADLINE_MS, work);
