// Notifications by a transactional outbox: every change that a subscription asks for is notified at least once.
//
// Why none is lost. Let W be an acknowledged write, and S a live subscription that asks for it and was acknowledged before
// the request of W began.
// 1. S is known to the instance that handles W: its list of subscriptions was read at most KNOWN_AFTER_MS before, and S was
//    acknowledged that long after it was stored.
// 2. Before each attempt to write W, an entry that names W, its change type and S is in the outbox; otherwise W is not
//    attempted.
// 3. The entry is removed only when (a) S accepted the notification, has expired, or did not accept it for 4 hours, and then
//    an entry with `missed` is stored first; (b) W was refused for certain, so that nobody acknowledged it; (c) the
//    operation descends from the version that W would have replaced, and W is not among its writes. Those are its last
//    ones without a gap, so that W did not take effect; and its request has ended, since the lease is longer; or (d) the
//    last attempt wrote W with another change type, for which there is another entry.
// 4. Whoever dies, the entry stays, its lease runs out, and the timer of any instance takes it over (deliverDue.ts).
import type { Change, ChangeType, ListenToChange } from '../operation/changeListener.ts';
import type { OperationVersion } from '../operation/playPromptOperation.ts';
import type { FindSubscriptions } from './activeSubscriptions.ts';
import { type Delivery, FIRST_PAUSES_MS, LEASE_MS, type Part } from './delivery.ts';
import { toChangeNotification } from './notification.ts';
import type { OutboxRepository, StoredEntry } from './outboxEntry.ts';
import { isAbout, isLive, mayBeLive, type Subscription } from './subscription.ts';

/**
 * Listens to changes: before a change that subscriptions ask for is written, it is in the outbox; afterwards the instance
 * that wrote it delivers the notifications, which nobody waits for.
 */
export function createOutbox({
  entries,
  findSubscriptions,
  delivery,
  now = Date.now,
}: {
  readonly entries: Pick<OutboxRepository, 'create'>;
  readonly findSubscriptions: FindSubscriptions;
  readonly delivery: Pick<Delivery, 'send' | 'finish' | 'postpone' | 'split'>;
  readonly now?: (() => number) | undefined;
}): ListenToChange {
  return (tenant, operationId, writeId) => {
    const created: Created[] = [];
    let last: { readonly change: Change; readonly subscriptions: readonly Subscription[] } | undefined;
    let isWritten = false;

    return {
      async beforeWrite(change, signal) {
        const all = await findSubscriptions(tenant, signal);
        const subscriptions = all.filter((each) => mayBeLive(each, now()) && isAbout(each, operationId, change));
        last = { change, subscriptions };
        const named = new Set(created.filter(isOf(change)).flatMap(({ ids }) => ids));
        const missing = subscriptions.map(({ id }) => id).filter((id) => !named.has(id));
        if (missing.length === 0) return;
        const { changeType, replaces } = change;
        const content = { kind: 'change', operationId, writeId, changeType, replaces, subscriptions: missing } as const;
        // An id of its own: when the response to an earlier attempt was lost, there may be an entry of the same write.
        const entry = { id: crypto.randomUUID(), tenant, createdAt: new Date(now()), attempts: 0, content };
        const stored = await entries.create(entry, new Date(now() + LEASE_MS), signal);
        if (stored) created.push({ stored, ids: missing, changeType });
      },

      afterWrite(version, attempt = 'last') {
        isWritten = true;
        for (const each of created) inBackground(deliver(each, version, attempt));
      },

      settled() {
        if (!isWritten) for (const { stored } of created) inBackground(delivery.finish(stored));
      },
    };

    async function deliver(
      { stored, ids, changeType }: Created,
      version: OperationVersion | undefined,
      attempt: 'last' | 'unknown',
    ) {
      if (!last) return;
      const { change, subscriptions } = last;
      if (changeType !== change.changeType) {
        // If it is unknown which attempt wrote, the timer delivers the entry.
        if (attempt === 'last') await delivery.finish(stored);
        return;
      }
      const sent = subscriptions
        .filter(({ id }) => ids.includes(id))
        .map(async (subscription): Promise<Part | undefined> => {
          // Whether it was renewed is for the timer to find out.
          if (!isLive(subscription, now())) return { subscriptionId: subscription.id };
          const body = toChangeNotification(subscription, change.changeType, operationId, version);
          const notification = { url: subscription.notificationUrl, body, subscription };
          const failure = await delivery.send(notification, stored.dueAt, FIRST_PAUSES_MS);
          return failure && { subscriptionId: subscription.id, failure };
        });
      const left = (await Promise.all(sent)).filter((part) => part !== undefined);
      const [only] = left;
      if (only === undefined) await delivery.finish(stored);
      else if (ids.length > 1) await delivery.split(stored, left);
      else if (only.failure) await delivery.postpone(stored, only.failure);
    }
  };
}

/** An entry of an attempt, and the subscriptions that it names. */
interface Created {
  readonly stored: StoredEntry;
  readonly ids: readonly string[];
  readonly changeType: ChangeType;
}

const isOf =
  (change: Change) =>
  ({ changeType }: Created) =>
    changeType === change.changeType;

/** What fails here stays in the outbox. */
function inBackground(work: Promise<unknown>) {
  void work.catch(() => {});
}
