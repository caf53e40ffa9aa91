// What the timer does: it takes over what instances have left in the outbox, and delivers what waits in backlogs.
import { setTimeout as delay } from 'node:timers/promises';
import { metrics } from '@opentelemetry/api';
import pLimit, { type LimitFunction } from 'p-limit';
import { withDeadline } from '../bounds.ts';
import type { OperationVersion } from '../operation/playPromptOperation.ts';
import type { OperationRepository } from '../operation/repository.ts';
import { isUnavailable } from '../serviceError.ts';
import { SCOPE } from '../tracing.ts';
import {
  type BacklogRepository,
  type Backlogs,
  CAUGHT_UP_AFTER_MS,
  REMOVE_AFTER_MS,
  type WaitingChange,
} from './backlog.ts';
import type { Clock } from './clock.ts';
import { BUSY, type Delivery, type Failure, LEASE_MS, retryPause } from './delivery.ts';
import { toLifecycleNotification } from './notification.ts';
import {
  type ChangeEntry,
  type LifecycleEntry,
  lifecycleEntry,
  type NotifiedChange,
  type OutboxRepository,
  type StoredEntry,
} from './outboxEntry.ts';
import { RESPONSE_DEADLINE_MS } from './receiver.ts';
import { toMessage } from './signature.ts';
import {
  type Backlog,
  EXPIRATION_GRACE_MS,
  isLive,
  type StoredSubscription,
  type SubscriptionRepository,
} from './subscription.ts';

/** How long a run may begin to send: the next run begins after a minute, and a response may take 10 seconds. */
export const RUN_MS = 45_000;

/** For how long after a change its notification is attempted. */
export const GIVE_UP_AFTER_MS = 4 * 60 * 60_000;

/** How many entries, and how many backlogs, of a tenant a run works on concurrently, and how many more entries it takes. */
const CONCURRENT_PER_TENANT = 16;
const TAKEN_PER_TENANT = 64;

/** How many notifications of a backlog a run sends concurrently at most: one more after each that is accepted. */
const CONCURRENT_PER_BACKLOG = 16;

/** After how many failures in a row a run leaves a backlog to a later one, if its receiver accepted something before. */
const FAILURES_PER_RUN = 3;

/** How long the store may take for what follows an attempt, even if the run is over by then. */
const SETTLE_DEADLINE_MS = 10_000;

/** How often a run looks whether a tenant has room again: every pass reads what is due in the outbox. */
const PASS_PAUSE_MS = 100;

/** What a run did. */
export interface DeliveryReport {
  readonly sent: number;
  readonly failed: number;
  readonly dropped: number;
  /** Changes that did not take effect, or whose subscriptions have ended. */
  readonly discarded: number;
  /** The age of the oldest notification that was due or waited in a backlog, in seconds. */
  readonly oldestSeconds: number;
}

/**
 * Delivers the notifications that are due, and removes subscriptions that have expired, until `signal` is aborted; what
 * remains is for the next run. Several instances may run it at the same time.
 *
 * @throws ServiceError `unavailable` when the store cannot serve, after everything else is done
 */
export type DeliverDue = (signal: AbortSignal) => Promise<DeliveryReport>;

interface Collaborators {
  readonly entries: OutboxRepository;
  readonly subscriptions: SubscriptionRepository;
  readonly backlogRepository: BacklogRepository;
  readonly backlogs: Pick<Backlogs, 'add' | 'giveUp'>;
  readonly operations: Pick<OperationRepository, 'get'>;
  readonly delivery: Delivery;
  /** The tenants that are served: others are sent nothing. */
  readonly tenants: readonly string[];
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
}

/** The subscriptions of a tenant, and when the run listed them. */
interface Snapshot {
  readonly at: number;
  readonly subscriptions: Promise<readonly StoredSubscription[]>;
}

/** What a run knows, and what it works with. */
interface Run extends Collaborators {
  readonly signal: AbortSignal;
  readonly endsAt: number;
  readonly report: { -readonly [Count in keyof DeliveryReport]: DeliveryReport[Count] };
  readonly errors: unknown[];
  /** The subscriptions of each tenant, listed after the last page of the outbox. */
  readonly snapshots: Map<string, Snapshot>;
  /** What of each tenant is worked on, and waits for that. */
  readonly work: Map<string, LimitFunction>;
  readonly taken: Set<string>;
  readonly deliveries: Promise<unknown>[];
  /** Of what it has read anything. */
  readonly hasRead: { outbox: boolean; backlogs: boolean };
}

export function createDeliverDue({
  now = Date.now,
  sleep = delay,
  ...others
}: Omit<Collaborators, keyof Clock> & Clock): DeliverDue {
  const oldest = metrics.getMeter(SCOPE).createGauge('playpromptoperation.outbox.oldest', {
    unit: 's',
    description: 'The age of the oldest notification that was not delivered yet.',
  });

  return async (signal) => {
    const run: Run = {
      ...others,
      now,
      sleep,
      signal,
      endsAt: now() + RUN_MS,
      report: { sent: 0, failed: 0, dropped: 0, discarded: 0, oldestSeconds: 0 },
      errors: [],
      snapshots: new Map(),
      work: new Map(),
      taken: new Set(),
      deliveries: [],
      hasRead: { outbox: false, backlogs: false },
    };
    // What fails for one tenant or one receiver does not keep the others from their notifications.
    await Promise.all([
      attempt(run, removeExpired(run)),
      attempt(run, takeOver(run)),
      attempt(run, deliverBacklogs(run)),
    ]);
    // A run that could not read what waits knows nothing of its age.
    if (run.hasRead.outbox && run.hasRead.backlogs) oldest.record(run.report.oldestSeconds);
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

/** Takes over what is due in the outbox, in as many passes as the tenants have room for. */
async function takeOver(run: Run) {
  while (!run.signal.aborted) {
    const full = await takePass(run);
    if (full.size === 0) break;
    while (!run.signal.aborted && [...full].every((work) => work.pendingCount > TAKEN_PER_TENANT / 2)) {
      await run.sleep(PASS_PAUSE_MS);
    }
  }
  await Promise.all(run.deliveries);
}

/** Takes what has room, and returns the tenants without. It begins anywhere, so that nothing is always last. */
async function takePass(run: Run): Promise<Set<LimitFunction>> {
  const full = new Set<LimitFunction>();
  const middle = crypto.randomUUID().slice(0, 2);
  for (const range of [{ least: middle }, { below: middle }]) {
    const list = (from?: string) => run.entries.listDue(new Date(run.now()), range, from, run.signal);
    for await (const page of pagesOf(run.signal, list)) {
      run.hasRead.outbox = true;
      // What was listed earlier may lack a subscription of this page, or its renewal.
      run.snapshots.clear();
      for (const each of page.entries) {
        const { entry } = each;
        see(run, entry.createdAt);
        if (run.taken.has(entry.id)) continue;
        const work = workOf(run.work, entry.tenant);
        if (work.pendingCount >= TAKEN_PER_TENANT) {
          full.add(work);
          continue;
        }
        run.taken.add(entry.id);
        run.deliveries.push(work(() => attempt(run, deliverEntry(run, each))));
      }
    }
  }
  return full;
}

function see({ report, now }: Run, createdAt: Date) {
  report.oldestSeconds = Math.max(report.oldestSeconds, (now() - createdAt.getTime()) / 1000);
}

function workOf(work: Map<string, LimitFunction>, tenant: string): LimitFunction {
  const known = work.get(tenant) ?? pLimit(CONCURRENT_PER_TENANT);
  work.set(tenant, known);
  return known;
}

async function deliverEntry(run: Run, each: StoredEntry) {
  if (run.signal.aborted) return;
  const { content, tenant } = each.entry;
  if (!run.tenants.includes(tenant)) return discard(run, each);
  const owned = await run.entries.replace(each, { dueAt: new Date(run.now() + LEASE_MS) }, run.signal);
  if (!owned) return;
  await (content.kind === 'lifecycle' ? deliverLifecycle(run, owned, content) : deliverChange(run, owned, content));
}

async function deliverLifecycle(
  run: Run,
  owned: StoredEntry,
  { lifecycleEvent: event, subscriptionId }: LifecycleEntry,
) {
  const { tenant, createdAt } = owned.entry;
  const { at, subscription } = await find(run, run.snapshots, tenant, subscriptionId);
  const isRemoval = event === 'subscriptionRemoved';
  const url = subscription?.lifecycleNotificationUrl ?? null;
  // It was renewed just before it expired.
  const isKept = isRemoval && subscription && isLive(subscription, at);
  if (!subscription || url === null || isKept) return discard(run, owned);
  if (isTooOld(run, createdAt)) {
    run.report.dropped += 1;
  } else {
    const made = () => toLifecycleNotification(subscription, event);
    const id = `${subscriptionId}_${event}_${createdAt.getTime()}`;
    const message = () => toMessage(subscription.clientState, id, made(), run.now());
    const failure = await run.delivery.send({ tenant, url, toMessage: message }, leasedUntil(run, owned.dueAt), [0]);
    run.report[failure ? 'failed' : 'sent'] += 1;
    if (failure) return run.delivery.postpone(owned, failure);
  }
  const isDone =
    !isRemoval ||
    (await withDeadline(SETTLE_DEADLINE_MS, (signal) => run.subscriptions.removeExpired(subscription, signal)));
  // Otherwise its row has changed, and the next run looks at it.
  if (isDone) await run.delivery.finish(owned);
}

/** Delivers a change to the subscriptions that an entry names. Those whose receivers have just failed are asked once, by their backlog. */
async function deliverChange(run: Run, owned: StoredEntry, content: ChangeEntry) {
  const { id, createdAt, tenant } = owned.entry;
  const found = await findChange(run, tenant, content);
  if (found.isRefused) return discard(run, owned);
  const { subscriptions, kind: _, ...change } = content;
  const made = { id, createdAt, change, version: found.version };
  const left = await Promise.all(
    subscriptions.map(async (subscriptionId) => {
      const subscription = await findLive(run, run.snapshots, tenant, subscriptionId);
      if (!subscription) {
        run.report.discarded += 1;
        return [];
      }
      if (isTooOld(run, createdAt)) {
        run.report.dropped += 1;
        await run.backlogs.giveUp(subscription, 1, 'too old', run.signal);
        return [];
      }
      if (subscription.backlog && (subscription.backlog.failures > 0 || subscription.backlog.isSaturated)) {
        await run.backlogs.add(subscription, made, 0);
        return [];
      }
      const outcome = await run.delivery.deliver(subscription, made, leasedUntil(run, owned.dueAt), [0]);
      run.report[outcome === 'accepted' ? 'sent' : 'failed'] += 1;
      return outcome === 'left' ? [subscriptionId] : [];
    }),
  );
  await run.delivery.keepFor(owned, left.flat());
}

const isTooOld = ({ now }: Run, createdAt: Date) => now() - createdAt.getTime() > GIVE_UP_AFTER_MS;

/** The end of a lease, as far as this run may send. */
const leasedUntil = ({ endsAt }: Run, dueAt: Date) =>
  new Date(Math.min(dueAt.getTime(), endsAt + RESPONSE_DEADLINE_MS));

async function discard({ report, delivery }: Run, each: StoredEntry) {
  report.discarded += 1;
  await delivery.finish(each);
}

/** A subscription as it was when its tenant's were listed, and when that was. */
async function find(
  { subscriptions, now, signal }: Run,
  snapshots: Map<string, Snapshot>,
  tenant: string,
  id: string,
): Promise<{ readonly at: number; readonly subscription: StoredSubscription | undefined }> {
  const snapshot = snapshots.get(tenant) ?? { at: now(), subscriptions: subscriptions.list(tenant, signal) };
  snapshots.set(tenant, snapshot);
  return { at: snapshot.at, subscription: (await snapshot.subscriptions).find((one) => one.id === id) };
}

/** A subscription that was live when its tenant's were listed, and may be sent something. */
async function findLive(run: Run, snapshots: Map<string, Snapshot>, tenant: string, id: string) {
  if (!run.tenants.includes(tenant)) return undefined;
  const { at, subscription } = await find(run, snapshots, tenant, id);
  return subscription && isLive(subscription, at) ? subscription : undefined;
}

/** Whether a change certainly did not take effect, and otherwise the operation as it is now. */
async function findChange(
  { operations, signal }: Run,
  tenant: string,
  { operationId, writeId, changeType, replaces }: NotifiedChange,
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

/** Delivers what waits in backlogs that are due: first in those whose receivers failed in the fewest runs. */
async function deliverBacklogs(run: Run) {
  const all = await run.backlogRepository.list(run.signal);
  run.hasRead.backlogs = true;
  for (const { since } of all) see(run, since);
  const due = all.filter(({ retryAt }) => retryAt.getTime() <= run.now()).sort((a, b) => a.failures - b.failures);
  const snapshots = new Map<string, Snapshot>();
  const work = new Map<string, LimitFunction>();
  await Promise.all(
    due.map((each) => workOf(work, each.tenant)(() => attempt(run, deliverBacklog(run, each, snapshots)))),
  );
}

/** What a run does with one backlog. */
interface Visit {
  readonly subscription: StoredSubscription;
  readonly leasedUntil: Date;
  readonly limit: LimitFunction;
  /** After how many failures in a row it ends. */
  readonly patience: number;
  hasAccepted: boolean;
  failures: number;
  lastFailure: Failure | undefined;
}

async function deliverBacklog(run: Run, each: Backlog, snapshots: Map<string, Snapshot>) {
  if (run.signal.aborted) return;
  const until = new Date(run.now() + LEASE_MS);
  const owned = await run.backlogRepository.update(each, { retryAt: until }, run.signal);
  if (!owned) return;
  const subscription = await findLive(run, snapshots, owned.tenant, owned.subscriptionId);
  const visit = subscription && {
    subscription,
    leasedUntil: leasedUntil(run, until),
    limit: pLimit(1),
    patience: owned.failures > 0 ? 1 : FAILURES_PER_RUN,
    hasAccepted: false,
    failures: 0,
    lastFailure: undefined,
  };
  const waiting = (before?: Date) =>
    pagesOf(run.signal, (from) =>
      run.backlogRepository.listWaiting(owned.subscriptionId, { before, from }, run.signal),
    );
  const removeAll = (changes: readonly WaitingChange[]) =>
    pLimit(CONCURRENT_PER_BACKLOG).map(changes, (waiting) =>
      run.backlogRepository.removeWaiting(owned.subscriptionId, waiting, run.signal),
    );
  for await (const { changes } of waiting(new Date(run.now() - GIVE_UP_AFTER_MS))) {
    if (subscription && changes.length > 0) {
      await run.backlogs.giveUp(subscription, changes.length, 'too old', run.signal);
      run.report.dropped += changes.length;
    }
    await removeAll(changes);
  }
  for await (const { changes } of waiting()) {
    if (visit) {
      await Promise.all(changes.map((each) => visit.limit(() => deliverWaiting(run, visit, each))));
      if (isOver(visit)) break;
    } else {
      run.report.discarded += changes.length;
      await removeAll(changes);
    }
  }
  await settle(run, owned, visit);
}

/** The pages of a list, one after the other, until `signal` is aborted. */
async function* pagesOf<Page extends { readonly next: string | undefined }>(
  signal: AbortSignal,
  list: (from: string | undefined) => Promise<Page>,
) {
  let from: string | undefined;
  do {
    const page = await list(from);
    yield page;
    from = page.next;
  } while (from !== undefined && !signal.aborted);
}

const isOver = ({ failures, patience, lastFailure }: Visit) => failures >= patience || lastFailure === BUSY;

/** Delivers a change of a backlog, and removes it from there, unless its receiver has failed too often. */
async function deliverWaiting(run: Run, visit: Visit, waiting: WaitingChange) {
  const { subscription, limit } = visit;
  if (isOver(visit) || run.signal.aborted) return;
  const { isRefused, version } = await findChange(run, subscription.tenant, waiting.change);
  if (isRefused) {
    run.report.discarded += 1;
  } else {
    const failure = await run.delivery.notify(subscription, { ...waiting, version }, visit.leasedUntil, [0]);
    visit.failures = failure ? visit.failures + 1 : 0;
    visit.hasAccepted ||= !failure;
    visit.lastFailure = failure;
    run.report[failure ? 'failed' : 'sent'] += 1;
    limit.concurrency = failure ? 1 : Math.min(limit.concurrency + 1, CONCURRENT_PER_BACKLOG);
    if (failure) return;
  }
  // Also when the run is over by now.
  await withDeadline(SETTLE_DEADLINE_MS, (signal) =>
    run.backlogRepository.removeWaiting(subscription.id, waiting, signal),
  );
}

/** Ends the work on a backlog: says when it goes on, whether its subscription has caught up, or that there is none any more. */
async function settle({ backlogRepository, entries, now }: Run, owned: Backlog, visit: Visit | undefined) {
  await withDeadline(SETTLE_DEADLINE_MS, async (signal) => {
    const { changes, next } = await backlogRepository.listWaiting(owned.subscriptionId, { from: undefined }, signal);
    const [first] = changes;
    let known = owned;
    if (owned.isSaturated && visit && next === undefined && (visit.hasAccepted || !first)) {
      const at = new Date(now());
      const missed = lifecycleEntry(visit.subscription, 'missed', at, `.${crypto.randomUUID()}`);
      if (missed) await entries.create(missed, new Date(now() + CAUGHT_UP_AFTER_MS), signal);
      const caughtUp = await backlogRepository.update(owned, { isSaturated: false }, signal);
      // It was marked again, or something was added: the lease runs out, and another run looks at it.
      if (!caughtUp) return;
      known = caughtUp;
    }
    if (!first && now() - owned.touchedAt.getTime() > REMOVE_AFTER_MS) {
      await backlogRepository.remove(known, signal);
      return;
    }
    const since = first?.createdAt ?? new Date(now());
    await backlogRepository.update({ ...known, etag: '*' }, { since, ...nextAttempt(owned, visit, now()) }, signal);
  });
}

/** When a backlog is due again, and how often its receiver has failed by now. */
function nextAttempt({ failures: before }: Backlog, visit: Visit | undefined, now: number) {
  const failure = visit?.lastFailure;
  if (failure === BUSY) return { retryAt: new Date(now) };
  const failures = failure && !visit?.hasAccepted ? before + 1 : 0;
  if (!failure) return { failures, retryAt: new Date(now) };
  const { retryAfterMs } = failure;
  const retryAt = new Date(now + Math.max(retryAfterMs, retryPause(Math.max(failures, 1))));
  return { failures, retryAt, ...(retryAfterMs > 0 && { quietUntil: new Date(now + retryAfterMs) }) };
}

/**
 * Removes subscriptions that have expired, and want no notification of that. The others are removed when they have got it: until
 * then their row has the secret that signs it. It is due when every renewal that was under way has ended.
 */
async function removeExpired({ subscriptions, entries, tenants, now, signal }: Run) {
  const before = new Date(now() - EXPIRATION_GRACE_MS);
  for await (const page of pagesOf(signal, (from) => subscriptions.listExpired(before, from, signal))) {
    for (const each of page.expired) {
      const isServed = tenants.includes(each.tenant);
      const entry = isServed ? lifecycleEntry(each, 'subscriptionRemoved', new Date(now())) : undefined;
      if (entry) await entries.create(entry, new Date(now() + LEASE_MS), signal);
      else await subscriptions.removeExpired(each, signal);
    }
  }
}
