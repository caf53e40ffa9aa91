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

/** The notification of an entry that is due. */
interface Due {
  readonly stored: StoredEntry;
  readonly url: string;
  readonly subscription?: Subscription;
}

/** The subscriptions of a tenant, and when the run listed them. */
interface Snapshot {
  readonly at: number;
  readonly subscriptions: Promise<readonly Subscription[]>;
}

/**
 * How a run sends to a receiver: one at a time at first and after a failure, and one more at a time after each that was
 * accepted, since an attempt that fails costs four requests to the store.
 */
interface Pace {
  readonly limit: LimitFunction;
  /** How many failed in a row. */
  failures: number;
  /** Whether the run leaves the receiver to the next one, whatever becomes of requests that are under way. */
  isLeft: boolean;
}

interface Collaborators {
  readonly entries: OutboxRepository;
  readonly subscriptions: SubscriptionRepository;
  readonly operations: Pick<OperationRepository, 'get'>;
  readonly delivery: Delivery;
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
}

/** What a run knows, and what it works with. */
interface Run extends Collaborators {
  readonly signal: AbortSignal;
  readonly endsAt: number;
  readonly report: { -readonly [Count in keyof DeliveryReport]: DeliveryReport[Count] };
  readonly errors: unknown[];
  readonly snapshots: Map<string, Snapshot>;
  readonly paces: Map<string, Pace>;
  /** The entries that it has taken, and their deliveries. */
  readonly taken: Set<string>;
  readonly deliveries: Promise<unknown>[];
  readonly prepare: LimitFunction;
  /** Whether it has read a part of the outbox: otherwise it knows nothing of it. */
  isListed: boolean;
}

const startRun = (collaborators: Collaborators, signal: AbortSignal): Run => ({
  ...collaborators,
  signal,
  endsAt: collaborators.now() + RUN_MS,
  report: { sent: 0, failed: 0, dropped: 0, discarded: 0, oldestSeconds: 0 },
  errors: [],
  snapshots: new Map(),
  paces: new Map(),
  taken: new Set(),
  deliveries: [],
  prepare: pLimit(CONCURRENT_PREPARATIONS),
  isListed: false,
});

export function createDeliverDue({
  now = Date.now,
  sleep = delay,
  ...others
}: Omit<Collaborators, 'now' | 'sleep'> & {
  readonly now?: (() => number) | undefined;
  readonly sleep?: ((milliseconds: number) => Promise<unknown>) | undefined;
}): DeliverDue {
  const oldestEntry = metrics.getMeter(SCOPE).createGauge('playpromptoperation.outbox.oldest', {
    unit: 's',
    description: 'The age of the oldest notification that was not delivered yet.',
  });

  return async (signal) => {
    const run = startRun({ ...others, now, sleep }, signal);
    // What fails for one tenant or one receiver does not keep the others from their notifications.
    const removed = attempt(run, removeExpired(run));
    await takeAll(run);
    await removed;
    await Promise.all(run.deliveries);
    if (run.isListed) oldestEntry.record(run.report.oldestSeconds);
    if (run.errors.length > 0) throw run.errors[0];
    return run.report;
  };
}

async function attempt<Result>({ signal, errors }: Run, work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    // What was not done before the end of the run is no failure.
    if (!signal.aborted) errors.push(error);
    return undefined;
  }
}

/** Takes everything that is due, in as many passes as the receivers have room for. */
async function takeAll(run: Run) {
  while (!run.signal.aborted) {
    let full = [...((await attempt(run, takePass(run))) ?? [])];
    while (full.length > 0 && !run.signal.aborted) {
      await run.sleep(PASS_PAUSE_MS);
      full = full.filter(({ isLeft }) => !isLeft);
      if (full.some(({ limit }) => limit.pendingCount <= WAITING_PER_RECEIVER / 2)) break;
    }
    if (full.length === 0) break;
  }
}

/** Takes what is due and has room, and returns the receivers without. It begins anywhere, so that nothing is always last. */
async function takePass(run: Run): Promise<Set<Pace>> {
  const full = new Set<Pace>();
  const middle = crypto.randomUUID().slice(0, 2);
  for (const range of [{ least: middle }, { below: middle }]) {
    let from: string | undefined;
    do {
      const page = await run.entries.list(range, from, run.signal);
      run.isListed = true;
      // What was listed earlier may lack a subscription of this page, or its renewal.
      run.snapshots.clear();
      const due = page.entries.filter((each) => isDue(run, each));
      const prepared = due.map((each) => run.prepare(() => attempt(run, toDue(run, each))));
      for (const each of (await Promise.all(prepared)).flatMap((one) => one ?? [])) {
        const pace = paceOf(run, each);
        if (!take(run, each, pace)) full.add(pace);
      }
      from = page.next;
    } while (from !== undefined && !run.signal.aborted);
  }
  return full;
}

function isDue({ now, report, taken }: Run, { entry, dueAt }: StoredEntry) {
  report.oldestSeconds = Math.max(report.oldestSeconds, (now() - entry.createdAt.getTime()) / 1000);
  return dueAt.getTime() <= now() && !taken.has(entry.id);
}

/** The notifications of an entry: none if it is to be given up or belongs to nobody, and one for each subscription. */
async function toDue(run: Run, each: StoredEntry): Promise<Due[]> {
  if (run.signal.aborted) return [];
  const { content, tenant, createdAt } = each.entry;
  const isTooOld = run.now() - createdAt.getTime() > GIVE_UP_AFTER_MS;
  if (content.kind === 'lifecycle') {
    if (isTooOld) await drop(run, each, undefined);
    else if (!(await isStillRemoved(run, each))) await discard(run, each);
    else return [{ stored: each, url: content.url }];
    return [];
  }
  const [id, ...others] = content.subscriptions;
  if (others.length > 0) {
    const owned = await lease(run, each);
    const parts = content.subscriptions.map((subscriptionId) => ({ subscriptionId }));
    const singles = owned ? await run.delivery.split(owned, parts) : [];
    return (await Promise.all(singles.map((single) => toDue(run, single)))).flat();
  }
  const { at, subscriptions } = subscriptionsOf(run, tenant);
  const subscription = (await subscriptions).find((one) => one.id === id && isLive(one, at));
  if (subscription && !isTooOld) return [{ stored: each, url: subscription.notificationUrl, subscription }];
  if (subscription) await drop(run, each, subscription);
  else await discard(run, each);
  return [];
}

/** Delivers a notification in the background, or leaves it to the next run if its receiver fails; false if too many wait. */
function take(run: Run, due: Due, pace: Pace): boolean {
  if (pace.isLeft) return true;
  if (pace.limit.pendingCount >= WAITING_PER_RECEIVER) return false;
  run.taken.add(due.stored.entry.id);
  run.deliveries.push(pace.limit(() => attempt(run, deliver(run, due, pace))));
  return true;
}

function paceOf({ paces }: Run, { url }: Due): Pace {
  const key = receiverKey(url);
  const pace = paces.get(key) ?? { limit: pLimit(1), failures: 0, isLeft: false };
  paces.set(key, pace);
  return pace;
}

async function deliver(run: Run, { stored: each, url, subscription }: Due, pace: Pace) {
  if (pace.isLeft || run.signal.aborted) return;
  const owned = await lease(run, each);
  if (!owned) return;
  const body = await bodyOf(run, owned, subscription);
  if (body === undefined) {
    adaptConcurrency(pace.limit, true);
    return discard(run, owned);
  }
  const notification: Notification = { url, body, ...(subscription && { subscription }) };
  const leasedUntil = new Date(Math.min(owned.dueAt.getTime(), run.endsAt + RESPONSE_DEADLINE_MS));
  const failure = await run.delivery.send(notification, leasedUntil, [0]);
  pace.failures = failure ? pace.failures + 1 : 0;
  pace.isLeft ||= pace.failures >= FAILURES_PER_RUN;
  adaptConcurrency(pace.limit, !failure);
  run.report[failure ? 'failed' : 'sent'] += 1;
  await (failure ? run.delivery.postpone(owned, failure) : run.delivery.finish(owned));
}

const lease = ({ entries, now, signal }: Run, each: StoredEntry) =>
  entries.replace(each, { dueAt: new Date(now() + LEASE_MS) }, signal);

async function drop({ report, delivery }: Run, each: StoredEntry, subscription: Subscription | undefined) {
  report.dropped += 1;
  await delivery.drop(each, subscription, 'too old');
}

async function discard({ report, delivery }: Run, each: StoredEntry) {
  report.discarded += 1;
  await delivery.finish(each);
}

function subscriptionsOf({ snapshots, subscriptions, now, signal }: Run, tenant: string): Snapshot {
  const known = snapshots.get(tenant) ?? { at: now(), subscriptions: subscriptions.list(tenant, signal) };
  snapshots.set(tenant, known);
  return known;
}

/** Whether the subscription of a `subscriptionRemoved` is gone: a run that found it renewed may have died there. */
async function isStillRemoved(run: Run, { entry: { tenant, content } }: StoredEntry) {
  if (content.kind !== 'lifecycle' || content.lifecycleEvent !== 'subscriptionRemoved') return true;
  const { at, subscriptions } = subscriptionsOf(run, tenant);
  return !(await subscriptions).some((one) => one.id === content.subscriptionId && isLive(one, at));
}

/** The body of a notification; undefined if its change did not take effect, or has no subscription. */
async function bodyOf(run: Run, { entry: { tenant, content } }: StoredEntry, subscription: Subscription | undefined) {
  if (content.kind === 'lifecycle') return toLifecycleNotification(content, tenant);
  if (!subscription) return undefined;
  const { isRefused, version } = await findChange(run, tenant, content);
  const { changeType, operationId } = content;
  return isRefused ? undefined : toChangeNotification(subscription, changeType, operationId, version);
}

/** Whether a change certainly did not take effect, and otherwise the operation as it is now. */
async function findChange(
  { operations, signal }: Run,
  tenant: string,
  { operationId, writeId, changeType, replaces }: ChangeEntry,
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
async function removeExpired({ subscriptions, entries, now, signal }: Run) {
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
