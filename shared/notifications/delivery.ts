// One notification: its attempts, and what becomes of it.
import { setTimeout as delay } from 'node:timers/promises';
import { metrics } from '@opentelemetry/api';
import QuickLRU from 'quick-lru';
import { withDeadline } from '../bounds.ts';
import { withJitter } from '../operation/backoff.ts';
import type { OperationVersion } from '../operation/playPromptOperation.ts';
import { isUnavailable } from '../serviceError.ts';
import { SCOPE } from '../tracing.ts';
import { type Backlogs, NOTIFICATIONS, type WaitingChange } from './backlog.ts';
import type { Clock } from './clock.ts';
import { toChangeNotification } from './notification.ts';
import type { OutboxRepository, StoredEntry } from './outboxEntry.ts';
import {
  type OutgoingNotification,
  RESPONSE_DEADLINE_MS,
  ReceiverError,
  type Receivers,
  receiverKey,
} from './receiver.ts';
import { Shares } from './shares.ts';
import { toMessage } from './signature.ts';
import type { LastDelivery, StoredSubscription, Subscription, SubscriptionRepository } from './subscription.ts';

/**
 * How long an instance owns the entry that it works on: longer than the longest request, even if the clock of another instance
 * is a minute ahead.
 */
export const LEASE_MS = 90_000;

/** The pauses before the attempts that follow a change at once; the timer makes one attempt. */
export const FIRST_PAUSES_MS: readonly number[] = [0, 1000, 5000];

/** The first and the longest pause between the attempts of the timer; each is twice the one before. */
const RETRY_PAUSE = { first: 60_000, longest: 30 * 60_000 };

/** The longest `Retry-After` that is honored. */
const LONGEST_RETRY_AFTER_MS = 60 * 60_000;

/** The outcome of a delivery that was accepted. */
const DELIVERED = 'delivered';

/** How often the same outcome of deliveries to a subscription is stored, and a failure after a success. */
const RECORD_INTERVAL_MS = 10_000;
const RECORD_FAILURE_AFTER_MS = 1000;

/**
 * After failing for so long, a subscription gets one attempt a second, which is not repeated; its other changes are added to
 * its backlog at once, so that they neither take memory nor fill the outbox.
 */
const FAILING_AFTER_MS = 10_000;
const FAILING_PAUSE_MS = 1000;

const STORE_DEADLINE_MS = 10_000;

/**
 * How much memory notifications take, in bytes, while they are sent, and while they are added to backlogs: in all, and those of
 * a tenant. Each counts as its operation, and a kibibyte for what surrounds it.
 */
const MEMORY = { all: 8 * 2 ** 20, perTenant: 4 * 2 ** 20 };
const OVERHEAD = 1024;

/** Why a notification was not accepted, and how long the receiver wants to be left alone. */
export interface Failure {
  /** `status 503` or the like, or why there was no response; `busy` when nothing was sent. */
  readonly cause: string;
  readonly retryAfterMs: number;
}

/** A notification, and the subscription whose last delivery it is. */
export interface Notification extends Omit<OutgoingNotification, 'startBy'> {
  readonly subscription?: Subscription;
}

/** A change, and the operation after it; undefined when that is gone or damaged. */
export interface MadeChange extends WaitingChange {
  readonly version: OperationVersion | undefined;
}

/** What became of a change: `left` if there was no memory for it, or the store failed, so that it has to stay in the outbox. */
export type Outcome = 'accepted' | 'waiting' | 'left';

/** The attempts to send something: one after each of the pauses that its lease has time for. */
type Attempts = [leasedUntil: Date, pauses: readonly number[]];

export interface Delivery {
  /** Sends a notification; undefined when it was accepted. */
  send(notification: Notification, ...attempts: Attempts): Promise<Failure | undefined>;

  /** Sends a change to a subscription; undefined when it was accepted, and `busy` also when there is no memory for it now. */
  notify(subscription: Subscription, made: MadeChange, ...attempts: Attempts): Promise<Failure | undefined>;

  /** Sends a change to a subscription, and adds it to its backlog if it is not accepted. */
  deliver(subscription: StoredSubscription, made: MadeChange, ...attempts: Attempts): Promise<Outcome>;

  /** Keeps an entry of the outbox for some of its subscriptions, or removes it if that is none. */
  keepFor(stored: StoredEntry, subscriptions: readonly string[]): Promise<void>;

  /** Makes the entry of a lifecycle notification due again, later with every attempt. */
  postpone(stored: StoredEntry, failure: Failure): Promise<void>;

  /** Removes the entry of notifications that were accepted, or have become pointless. */
  finish(stored: StoredEntry): Promise<void>;
}

/** Since when all attempts for a subscription have failed, if so for long, until when there is none, and what was stored last. */
interface Known {
  readonly failingSince: number | undefined;
  readonly isFailing: boolean;
  readonly quietUntil: number;
  readonly stored: LastDelivery;
}

export function createDelivery({
  entries,
  subscriptions,
  backlogs,
  receivers,
  now = Date.now,
  sleep = delay,
}: Clock & {
  readonly entries: OutboxRepository;
  readonly subscriptions: Pick<SubscriptionRepository, 'recordDelivery'>;
  readonly backlogs: Pick<Backlogs, 'add'>;
  readonly receivers: Pick<Receivers, 'notify'>;
}): Delivery {
  const recorded = new QuickLRU<string, Known>({ maxSize: 1000 });
  const memory = createMemory();
  const counter = metrics.getMeter(SCOPE).createCounter(NOTIFICATIONS.name, NOTIFICATIONS);

  return {
    send,

    async notify(subscription, made, ...attempts) {
      const release = memory.hold(subscription, made.version);
      if (!release) return BUSY;
      try {
        return await sendChange(subscription, made, ...attempts);
      } finally {
        release();
      }
    },

    async deliver(subscription, made, leasedUntil, pauses) {
      const known = recorded.get(subscription.id);
      const isQuiet = Math.max(subscription.backlog?.quietUntil.getTime() ?? 0, known?.quietUntil ?? 0) > now();
      const release = isQuiet ? undefined : memory.hold(subscription, made.version);
      // The outbox keeps it until its lease ends: by then, there is memory again, or its receivers are too slow.
      const isLate = now() - made.createdAt.getTime() >= LEASE_MS;
      if (!release && !isQuiet && !isLate) return 'left';
      try {
        const attempts = known?.isFailing ? [0] : pauses;
        const sending = release && sendChange(subscription, made, leasedUntil, attempts).finally(release);
        const failure = sending ? await sending : BUSY;
        if (!failure) return 'accepted';
        const added = memory.holdAddition(subscription.tenant, made.version);
        if (!added) return 'left';
        await backlogs.add(subscription, made, failure.retryAfterMs).finally(added);
        return 'waiting';
      } catch (error) {
        if (isUnavailable(error)) return 'left';
        throw error;
      }
    },

    async keepFor(stored, left) {
      const { content } = stored.entry;
      if (left.length === 0) return remove(stored);
      if (content.kind !== 'change' || left.length === content.subscriptions.length) return;
      const changes = { dueAt: stored.dueAt, content: { ...content, subscriptions: left } };
      await store((signal) => entries.replace(stored, changes, signal));
    },

    async postpone(stored, failure) {
      counter.add(1, { result: 'retried', cause: failure.cause });
      // What was not sent was not attempted.
      const attempts = stored.entry.attempts + (failure === BUSY ? 0 : 1);
      const dueAt = new Date(now() + Math.max(failure.retryAfterMs, retryPause(attempts)));
      await store((signal) => entries.replace(stored, { dueAt, attempts }, signal));
    },

    finish: remove,
  };

  async function sendChange(subscription: Subscription, { change, version }: MadeChange, ...attempts: Attempts) {
    const { id, tenant, notificationUrl: url, clientState } = subscription;
    const { changeType, operationId, writeId } = change;
    const made = () => toChangeNotification(subscription, changeType, operationId, version);
    const message = () => toMessage(clientState, `${id}_${writeId}`, made(), now());
    const failure = await send({ tenant, url, toMessage: message, subscription }, ...attempts);
    if (failure) counter.add(1, { result: 'retried', cause: failure.cause });
    return failure;
  }

  async function send(
    { subscription, ...notification }: Notification,
    ...[leasedUntil, pauses]: Attempts
  ): Promise<Failure | undefined> {
    const startBy = leasedUntil.getTime() - RESPONSE_DEADLINE_MS;
    // Nothing was accepted before something was sent: the instance may have been frozen since it took the lease.
    let failure: Failure | undefined = BUSY;
    for (const pause of pauses) {
      if (pause > 0) await sleep(withJitter(pause));
      if (now() > startBy) break;
      failure = await attempt({ ...notification, startBy });
      if (failure === undefined || failure === BUSY || failure.retryAfterMs > 0) break;
    }
    if (failure === undefined) counter.add(1, { result: 'sent' });
    if (subscription && failure !== BUSY) record(subscription, failure);
    return failure;
  }

  async function attempt(notification: OutgoingNotification): Promise<Failure | undefined> {
    try {
      const { status, headers } = await receivers.notify(notification);
      if (status >= 200 && status < 300) return undefined;
      return { cause: `status ${status}`, retryAfterMs: retryAfter(headers['retry-after']) };
    } catch (error) {
      if (!(error instanceof ReceiverError)) throw error;
      return error.failure === 'busy' ? BUSY : { cause: error.failure, retryAfterMs: 0 };
    }
  }

  /** RFC 9110, section 10.2.3: seconds, or a date. */
  function retryAfter(value = ''): number {
    const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now();
    return Number.isNaN(milliseconds) ? 0 : Math.min(Math.max(milliseconds, 0), LONGEST_RETRY_AFTER_MS);
  }

  function remove(stored: StoredEntry): Promise<void> {
    return store((signal) => entries.remove(stored, signal));
  }

  /** Remembers how a delivery went, and stores it for people to see. */
  function record({ tenant, id }: Subscription, failure: Failure | undefined) {
    const last = recorded.get(id);
    const at = now();
    const outcome = failure?.cause ?? DELIVERED;
    const failingSince = failure && (last?.failingSince ?? at);
    const isFailing = failingSince !== undefined && at - failingSince >= FAILING_AFTER_MS;
    // What the receiver asks for beyond that, every instance learns from the backlog.
    const asked = Math.min(failure?.retryAfterMs ?? 0, FAILING_AFTER_MS);
    const quietUntil = at + Math.max(asked, isFailing ? FAILING_PAUSE_MS : 0);
    const delivery = { at: new Date(at), outcome };
    const isStored = last !== undefined && at - last.stored.at.getTime() < storedFor(last.stored, outcome);
    recorded.set(id, { failingSince, isFailing, quietUntil, stored: isStored ? last.stored : delivery });
    if (isStored) return;
    void store((signal) => subscriptions.recordDelivery({ tenant, id }, delivery, signal)).catch(() => {});
  }
}

/** How long a stored outcome remains although there is another: a success after a failure is stored at once. */
function storedFor(stored: LastDelivery, outcome: string): number {
  if (stored.outcome === outcome) return RECORD_INTERVAL_MS;
  return outcome === DELIVERED ? 0 : RECORD_FAILURE_AFTER_MS;
}

/** What was not sent, since there was no place for it in time. */
export const BUSY: Failure = { cause: 'busy', retryAfterMs: 0 };

/** How long the timer waits after so many failures. */
export function retryPause(failures: number): number {
  return withJitter(Math.min(RETRY_PAUSE.longest, RETRY_PAUSE.first * 2 ** (failures - 1)));
}

/** Reserves memory; each method returns the release, or undefined if no memory is left. */
function createMemory() {
  const all = new Shares(MEMORY.all);
  const tenants = new Map<string, Shares>();
  const additions = new Shares(MEMORY.all);
  const holders = new Map<OperationVersion | undefined, number>();

  return {
    /** For a notification, as if it had an operation of its own: another one may be accepted much earlier. */
    hold({ tenant, notificationUrl }: Subscription, version: OperationVersion | undefined) {
      const bytes = OVERHEAD + sizeOf(version);
      const receiver = receiverKey(notificationUrl);
      const ofTenant = tenants.get(tenant) ?? new Shares(MEMORY.perTenant);
      if (!all.hasRoom(tenant, bytes) || !ofTenant.take(receiver, bytes)) return undefined;
      all.take(tenant, bytes);
      tenants.set(tenant, ofTenant);
      return () => {
        all.release(tenant, bytes);
        ofTenant.release(receiver, bytes);
      };
    },

    /** For an addition to a backlog: those of one change end at about the same time, and share its operation. */
    holdAddition(tenant: string, version: OperationVersion | undefined) {
      const others = holders.get(version) ?? 0;
      if (!additions.take(tenant, OVERHEAD + (others === 0 ? sizeOf(version) : 0))) return undefined;
      holders.set(version, others + 1);
      return () => {
        const left = (holders.get(version) ?? 0) - 1;
        if (left > 0) holders.set(version, left);
        else holders.delete(version);
        additions.release(tenant, OVERHEAD + (left > 0 ? 0 : sizeOf(version)));
      };
    },
  };
}

function sizeOf(version: OperationVersion | undefined): number {
  const { clientContext, resultInfo } = version?.operation ?? {};
  return 2 * ((clientContext?.length ?? 0) + (resultInfo?.message?.length ?? 0));
}

const store = <Result>(work: (signal: AbortSignal) => Promise<Result>) => withDeadline(STORE_DEADLINE_MS, work);
