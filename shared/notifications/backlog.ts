// What a receiver has not accepted waits in the backlog of its subscription, until a run of the timer delivers it
// (deliverDue.ts). A run asks each receiver that failed one backlog, however much waits in it.
import { metrics } from '@opentelemetry/api';
import pLimit, { type LimitFunction } from 'p-limit';
import QuickLRU from 'quick-lru';
import { withDeadline } from '../bounds.ts';
import { SCOPE } from '../tracing.ts';
import { lifecycleEntry, type NotifiedChange, type OutboxRepository } from './outboxEntry.ts';
import type { Backlog, BacklogKey, Subscription } from './subscription.ts';

/** How many changes wait for a subscription before it is saturated. */
export const MOST_WAITING = 1000;

/** How many changes of a tenant are added concurrently: what its receivers do not accept must not slow the store down. */
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

  /** Adds a change unless it is there already. */
  add(subscriptionId: string, waiting: WaitingChange, signal: AbortSignal): Promise<void>;

  /** Counts what waits, up to MOST_WAITING. */
  count(subscriptionId: string, signal: AbortSignal): Promise<number>;

  /** Lists a page of the changes that wait: all, or those made before a time. */
  listWaiting(
    subscriptionId: string,
    range: { readonly before?: Date; readonly from: string | undefined },
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

export function createBacklogs({
  repository,
  entries,
  now = Date.now,
}: {
  readonly repository: BacklogRepository;
  readonly entries: Pick<OutboxRepository, 'create'>;
  readonly now?: (() => number) | undefined;
}): Backlogs {
  const limits = new Map<string, LimitFunction>();
  const known = new QuickLRU<string, Known>({ maxSize: 1000 });
  const counter = metrics.getMeter(SCOPE).createCounter(NOTIFICATIONS.name, NOTIFICATIONS);

  return {
    add(subscription, waiting, retryAfterMs) {
      const limit = limits.get(subscription.tenant) ?? pLimit(CONCURRENT_ADDITIONS);
      limits.set(subscription.tenant, limit);
      return limit(() =>
        withDeadline(ADDITION_DEADLINE_MS, (signal) => add(subscription, waiting, retryAfterMs, signal)),
      );
    },

    giveUp,

    leaveOut: (changes) => counter.add(changes, { result: 'dropped', cause: 'saturated' }),
  };

  async function add(subscription: Subscription, waiting: WaitingChange, retryAfterMs: number, signal: AbortSignal) {
    const { id } = subscription;
    const state = await counted(id, signal);
    if (await isFull(state)) return saturate(subscription, state, signal);
    state.added += 1;
    await touch(subscription, state, retryAfterMs, signal);
    await repository.add(id, waiting, signal);
  }

  /** Records that changes wait, before the first is added: a run looks only into recorded backlogs. */
  async function touch({ tenant, id }: Subscription, state: Known, retryAfterMs: number, signal: AbortSignal) {
    const at = now();
    const quietUntil = retryAfterMs > 0 ? at + retryAfterMs : 0;
    if (at - state.touchedAt < TOUCH_AFTER_MS && quietUntil <= state.quietUntil) return;
    const until = new Date(quietUntil);
    const changes = { touchedAt: new Date(at), ...(quietUntil > 0 && { quietUntil: until, retryAt: until }) };
    await repository.touch({ tenant, subscriptionId: id }, changes, signal);
    Object.assign(state, { touchedAt: at, quietUntil: Math.max(quietUntil, state.quietUntil) });
  }

  async function counted(id: string, signal: AbortSignal): Promise<Known> {
    const last = known.get(id);
    const isOld = last && now() - last.countedAt > COUNT_AFTER_MS && (await isFull(last).catch(() => true));
    if (last && last.added < COUNT_AFTER && !isOld) return last;
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

  async function saturate(subscription: Subscription, state: Known, signal: AbortSignal) {
    const { tenant, id } = subscription;
    if (now() - state.saturatedAt > COUNT_AFTER_MS) {
      const touchedAt = new Date(now());
      // First: whoever removes this mark makes the subscription get `missed` for what was left out until then.
      await repository.touch({ tenant, subscriptionId: id }, { touchedAt, isSaturated: true }, signal);
      await giveUp(subscription, 0, 'saturated', signal);
      state.saturatedAt = now();
    }
    counter.add(1, { result: 'dropped', cause: 'saturated' });
  }

  async function giveUp(subscription: Subscription, changes: number, cause: string, signal: AbortSignal) {
    const missed = lifecycleEntry(subscription, 'missed', new Date(now()));
    if (missed) await entries.create(missed, missed.createdAt, signal);
    if (changes > 0) counter.add(changes, { result: 'dropped', cause });
  }
}
