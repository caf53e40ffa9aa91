// Notifications by a transactional outbox: every change that a subscription asks for is notified at least once.
//
// Why none is lost. Let W be an acknowledged write, and S a live subscription that asks for it and was acknowledged before
// the request of W began.
// 1. S is known to the instance that handles W: its list of subscriptions was read at most KNOWN_AFTER_MS before, and S was
//    acknowledged that long after it was stored.
// 2. Before each attempt to write W, an entry that names W, its change type and S is in the outbox; otherwise W is not
//    attempted.
// 3. S is taken out of the entry only when (a) S accepted the notification or has ended; (b) the change is in the backlog of
//    S, from which it is removed when S accepts it, has ended, or did not accept it for 4 hours, and then an entry with
//    `missed` is stored first; (c) the backlog of S is full and S marked as saturated: whoever removes the mark stores an
//    entry with `missed` first, which is due when every instance knows; S is not named in an entry at all while it is
//    marked; (d) W was refused for certain, so that nobody acknowledged it; (e) the operation descends from the version that
//    W would have replaced, and W is not among its writes. Those are its last ones without a gap, so that W did not take
//    effect; and its request has ended, since the lease is longer; or (f) the last attempt wrote W with another change type,
//    for which there is another entry. Each of these stays true: an entry without S may be removed by whoever knows it, even
//    if another instance has taken the entry over.
// 4. Whoever dies, the entry stays, its lease runs out, and the timer of any instance takes it over (deliverDue.ts).
import type { Change, ListenToChange } from '../operation/changeListener.ts';
import type { OperationVersion } from '../operation/playPromptOperation.ts';
import type { FindSubscriptions } from './activeSubscriptions.ts';
import type { Backlogs } from './backlog.ts';
import type { Clock } from './clock.ts';
import { type Delivery, FIRST_PAUSES_MS, LEASE_MS } from './delivery.ts';
import { createEntryIds, type NotifiedChange, type OutboxRepository, type StoredEntry } from './outboxEntry.ts';
import { isAbout, isLive, mayBeLive, type StoredSubscription } from './subscription.ts';

/**
 * Listens to changes: before a change that subscriptions ask for is written, it is in the outbox; afterwards the instance
 * that wrote it delivers the notifications, which nobody waits for.
 */
export function createOutbox({
  entries,
  findSubscriptions,
  backlogs,
  delivery,
  now = Date.now,
}: Clock & {
  readonly entries: Pick<OutboxRepository, 'create'>;
  readonly findSubscriptions: FindSubscriptions;
  readonly backlogs: Pick<Backlogs, 'leaveOut'>;
  readonly delivery: Pick<Delivery, 'deliver' | 'keepFor'>;
}): ListenToChange {
  const newId = createEntryIds();

  return (tenant, operationId, writeId) => {
    const created: Created[] = [];
    let last: Attempt | undefined;
    let isWritten = false;

    return {
      async beforeWrite(change, signal) {
        const all = await findSubscriptions(tenant, signal);
        const asking = all.filter((each) => mayBeLive(each, now()) && isAbout(each, operationId, change));
        const subscriptions = asking.filter(({ backlog }) => !backlog?.isSaturated);
        last = { change, subscriptions, leftOut: asking.length - subscriptions.length };
        const { changeType, replaces } = change;
        const same = created.filter(({ notified }) => notified.changeType === changeType);
        const named = new Set(same.flatMap(({ ids }) => ids));
        const missing = subscriptions.map(({ id }) => id).filter((id) => !named.has(id));
        if (missing.length === 0) return;
        const notified = { operationId, writeId, changeType, replaces };
        const content = { kind: 'change', ...notified, subscriptions: missing } as const;
        // An id of its own: when the response to an earlier attempt was lost, there may be an entry of the same write.
        const entry = { id: newId(), tenant, createdAt: new Date(now()), attempts: 0, content };
        const stored = await entries.create(entry, new Date(now() + LEASE_MS), signal);
        if (stored) created.push({ stored, ids: missing, notified });
      },

      afterWrite(version, attempt = 'last') {
        isWritten = true;
        if (last && last.leftOut > 0) backlogs.leaveOut(last.leftOut);
        // Without the rest, which waiting notifications would keep in memory.
        const kept = version && { operation: version.operation, etag: version.etag };
        for (const each of created) inBackground(deliver(each, kept, attempt));
      },

      settled() {
        if (!isWritten) for (const { stored } of created) inBackground(delivery.keepFor(stored, []));
      },
    };

    async function deliver(
      { stored, ids, notified }: Created,
      version: OperationVersion | undefined,
      attempt: 'last' | 'unknown',
    ) {
      if (!last) return;
      if (notified.changeType !== last.change.changeType) {
        // If it is unknown which attempt wrote, the timer delivers the entry.
        if (attempt === 'last') await delivery.keepFor(stored, []);
        return;
      }
      const { id, createdAt } = stored.entry;
      const made = { id, createdAt, change: notified, version };
      const left = await Promise.all(
        last.subscriptions.map(async (subscription) => {
          if (!ids.includes(subscription.id)) return [];
          // Whether it was renewed is for the timer to find out.
          // One attempt finds out whether a receiver that failed in a run of the timer is back.
          const pauses = subscription.backlog && subscription.backlog.failures > 0 ? [0] : FIRST_PAUSES_MS;
          const outcome = isLive(subscription, now())
            ? await delivery.deliver(subscription, made, stored.dueAt, pauses)
            : 'left';
          return outcome === 'left' ? [subscription.id] : [];
        }),
      );
      await delivery.keepFor(stored, left.flat());
    }
  };
}

/** The last attempt to write, the subscriptions that ask for it, and how many more do, but are saturated. */
interface Attempt {
  readonly change: Change;
  readonly subscriptions: readonly StoredSubscription[];
  readonly leftOut: number;
}

/** An entry of an attempt, the subscriptions that it names, and the change. */
interface Created {
  readonly stored: StoredEntry;
  readonly ids: readonly string[];
  readonly notified: NotifiedChange;
}

/** What fails here stays in the outbox. */
function inBackground(work: Promise<unknown>) {
  void work.catch(() => {});
}
