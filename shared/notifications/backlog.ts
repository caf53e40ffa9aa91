// What a receiver has not accepted waits in the backlog of its subscription, until a run of the timer delivers it
// (deliverDue.ts). A run asks each receiver that failed one backlog, however much waits in it.
import { setTimeout as delay } from 'node:timers/promises';
import { metrics } from '@opentelemetry/api';
import pLimit, { type LimitFunction } from 'p-limit';
import QuickLRU from 'quick-lru';
import { withDeadline } from '../bounds.ts';
import { SCOPE } from '../tracing.ts';
import type { Clock } from './clock.ts';
import { lifecycleEntry, type NotifiedChange, type OutboxRepository } from './outboxEntry.ts';
import type { Backlog, BacklogKey, Subscription } from './subscription.ts';

/** How many changes wait for a subscription before it is saturated. */
export const MOST_WAITING = 1000;

/**
 * What receivers do not accept must not slow the store down: the changes of a subscription are collected for a second and
 * added together, as many as one request of the store may write, and those of two subscriptions of a tenant concurrently.
 */
const COLLECT_MS = 1000;
const MOST_TOGETHER = 100;
const CONCURRENT_ADDITIONS = 2;

const ADDITION_DEADLINE_MS = 10_000;

/** After how many changes that this instance has added it counts all of them again, and after how long those of a full one. */
const COUNT_AFTER = 100;
const COUNT_AFTER_MS = 10_000;

/** How long an instance adds changes to a backlog before it makes known again that it does. */
const TOUCH_AFTER_MS = 60_000;

/**
 * How long nobody must have touched an empty backlog before it is removed: longer than TOUCH_AFTER_MS and the time that an
 * addition takes, also by clocks that are two minutes apart.
 */
export const REMOVE_AFTER_MS = 5 * 60_000;

/** How long after a subscription has caught up it gets `missed`: by then every instance knows, and leaves nothing out. */
export const CAUGHT_UP_AFTER_MS = 90_000;

/** The counter of notifications. */
export const NOTIFICATIONS = {
  name: 'playpromptoperation.notifications',
  description: 'Notifications, by result (sent, retried: due again later, dropped) and the cause of a failure.',
};

/** A change that waits for one subscription. */
export interface WaitingChange {
  readonly id: string;
  readonly createdAt: Date;
  readonly change: NotifiedChange;
}

type BacklogColumns = Omit<Backlog, 'tenant' | 'subscriptionId' | 'etag'>;

/** Stores backlogs. Every method throws ServiceError `unavailable` when the store cannot serve. */
export interface BacklogRepository {
  /** Lists the backlogs of all tenants, without what waits in them. */
  list(signal: AbortSignal): Promise<readonly Backlog[]>;

  /** Changes or creates a backlog, unconditionally. */
  touch(
    backlog: BacklogKey,
    changes: Partial<BacklogColumns> & Pick<BacklogColumns, 'touchedAt'>,
    signal: AbortSignal,
  ): Promise<void>;

  /** Changes a backlog; undefined when it has changed since it was listed, or is gone. */
  update(backlog: Backlog, changes: Partial<BacklogColumns>, signal: AbortSignal): Promise<Backlog | undefined>;

  /** Removes a backlog, in which nothing waits; false when it has changed since it was listed, or is gone. */
  remove(backlog: Backlog, signal: AbortSignal): Promise<boolean>;

  /** Adds up to 100 changes, all or none of them. Those that are there already remain. */
  add(subscriptionId: string, waiting: readonly WaitingChange[], signal: AbortSignal): Promise<void>;

  /** Counts what waits, up to MOST_WAITING. */
  count(subscriptionId: string, signal: AbortSignal): Promise<number>;

  /** Lists a page of the changes that wait: all, or those made before a time. */
  listWaiting(
    subscriptionId: string,
    range: { readonly before?: Date | undefined; readonly from: string | undefined },
    signal: AbortSignal,
  ): Promise<{ readonly changes: readonly WaitingChange[]; readonly next: string | undefined }>;

  removeWaiting(subscriptionId: string, waiting: WaitingChange, signal: AbortSignal): Promise<void>;
}

export interface Backlogs {
  /**
   * Adds a change to the backlog of a subscription, for a run to deliver not before `retryAfterMs`. If it is full, the
   * subscription is saturated: the change is left out, and the subscription gets `missed`.
   */
  add(subscription: Subscription, waiting: WaitingChange, retryAfterMs: number): Promise<void>;

  /** Makes a subscription get `missed`, for changes that are given up afterwards. */
  giveUp(subscription: Subscription, changes: number, cause: string, signal: AbortSignal): Promise<void>;

  /** Counts changes that a saturated subscription is not notified of. */
  leaveOut(changes: number): void;
}

/** What this instance knows of a backlog that it adds to. */
interface Known {
  count: Promise<number>;
  readonly countedAt: number;
  added: number;
  touchedAt: number;
  quietUntil: number;
  saturatedAt: number;
}

/** Changes that are added together. */
interface Addition {
  readonly subscription: Subscription;
  readonly changes: WaitingChange[];
  retryAfterMs: number;
  readonly done: Promise<void>;
}

export function createBacklogs({
  repository,
  entries,
  now = Date.now,
  sleep = delay,
}: Clock & {
  readonly repository: BacklogRepository;
  readonly entries: Pick<OutboxRepository, 'create'>;
}): Backlogs {
  const collected = new Map<string, Addition>();
  const limits = new Map<string, LimitFunction>();
  const known = new QuickLRU<string, Known>({ maxSize: 1000 });
  const counter = metrics.getMeter(SCOPE).createCounter(NOTIFICATIONS.name, NOTIFICATIONS);

  return {
    add(subscription, waiting, retryAfterMs) {
      const last = collected.get(subscription.id);
      const addition = last && last.changes.length < MOST_TOGETHER ? last : collect(subscription);
      addition.changes.push(waiting);
      addition.retryAfterMs = Math.max(addition.retryAfterMs, retryAfterMs);
      return addition.done;
    },

    giveUp,

    leaveOut: (changes) => counter.add(changes, { result: 'dropped', cause: 'saturated' }),
  };

  function collect(subscription: Subscription): Addition {
    const { id, tenant } = subscription;
    const limit = limits.get(tenant) ?? pLimit(CONCURRENT_ADDITIONS);
    limits.set(tenant, limit);
    const start = () => {
      if (collected.get(id) === addition) collected.delete(id);
      return withDeadline(ADDITION_DEADLINE_MS, (signal) => addAll(addition, signal));
    };
    const done = sleep(COLLECT_MS).then((): Promise<void> => limit(start));
    const addition: Addition = { subscription, changes: [], retryAfterMs: 0, done };
    collected.set(id, addition);
    return addition;
  }

  async function addAll({ subscription, changes, retryAfterMs }: Addition, signal: AbortSignal) {
    const { id } = subscription;
    const state = await counted(id, changes.length, signal);
    if (await isFull(state)) return saturate(subscription, state, changes.length, signal);
    state.added += changes.length;
    await touch(subscription, state, retryAfterMs, signal);
    await repository.add(id, changes, signal);
  }

  /** Records that changes wait, before the first is added: a run looks only into recorded backlogs. */
  async function touch({ tenant, id }: Subscription, state: Known, retryAfterMs: number, signal: AbortSignal) {
    const at = now();
    const quietUntil = retryAfterMs > 0 ? at + retryAfterMs : 0;
    // A little longer is not worth a request of the store.
    const isQuiet = quietUntil <= state.quietUntil + Math.min(retryAfterMs / 10, TOUCH_AFTER_MS);
    if (at - state.touchedAt < TOUCH_AFTER_MS && isQuiet) return;
    const until = new Date(quietUntil);
    const changes = { touchedAt: new Date(at), ...(quietUntil > 0 && { quietUntil: until, retryAt: until }) };
    await repository.touch({ tenant, subscriptionId: id }, changes, signal);
    Object.assign(state, { touchedAt: at, quietUntil: Math.max(quietUntil, state.quietUntil) });
  }

  async function counted(id: string, more: number, signal: AbortSignal): Promise<Known> {
    const last = known.get(id);
    const isOld = last && now() - last.countedAt > COUNT_AFTER_MS && (await isFull(last).catch(() => true));
    if (last && last.added + more <= COUNT_AFTER && !isOld) return last;
    const { touchedAt = 0, quietUntil = 0, saturatedAt = 0 } = last ?? {};
    const count = repository.count(id, signal);
    const next = { count, countedAt: now(), added: 0, touchedAt, quietUntil, saturatedAt };
    known.set(id, next);
    // What could not be counted is counted by the next one.
    count.catch(() => known.delete(id));
    return next;
  }

  async function isFull({ count, added }: Known) {
    return (await count) + added >= MOST_WAITING;
  }

  async function saturate(subscription: Subscription, state: Known, changes: number, signal: AbortSignal) {
    const { tenant, id } = subscription;
    if (now() - state.saturatedAt > COUNT_AFTER_MS) {
      const touchedAt = new Date(now());
      // First: whoever removes this mark makes the subscription get `missed` for what was left out until then.
      await repository.touch({ tenant, subscriptionId: id }, { touchedAt, isSaturated: true }, signal);
      await giveUp(subscription, 0, 'saturated', signal);
      state.saturatedAt = now();
    }
    counter.add(changes, { result: 'dropped', cause: 'saturated' });
  }

  async function giveUp(subscription: Subscription, changes: number, cause: string, signal: AbortSignal) {
    const missed = lifecycleEntry(subscription, 'missed', new Date(now()));
    if (missed) await entries.create(missed, missed.createdAt, signal);
    if (changes > 0) counter.add(changes, { result: 'dropped', cause });
  }
}
