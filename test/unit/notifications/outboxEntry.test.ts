import { expect, test } from '@jest/globals';
import { createEntryIds, lifecycleEntry } from '../../../shared/notifications/outboxEntry.ts';
import { aSubscription, lifecycleEntryOf } from '../../support/notifications.ts';

const subscription = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/l' });

test('a lifecycle notification has the id of its subscription, if that has an address; there is one removal', () => {
  const { id, tenant } = subscription;
  const createdAt = new Date('2026-01-01T04:00:00Z');
  const lifecycleEvent = 'subscriptionRemoved';
  expect(lifecycleEntry(subscription, lifecycleEvent, createdAt)).toEqual({
    ...{ id: `${id}.subscriptionRemoved.2100-01-01T00`, tenant, createdAt, attempts: 0 },
    content: { kind: 'lifecycle', lifecycleEvent, subscriptionId: id },
  });
  expect(lifecycleEntry(aSubscription(), lifecycleEvent, createdAt)).toBeUndefined();
});

test('each hour has a missed of its own, so that none is lost to an earlier one', () => {
  const times = ['2026-01-01T04:00:00Z', '2026-01-01T04:59:59.999Z', '2026-01-01T05:00:00Z', '2026-01-02T04:00:00Z'];
  const [first, ...others] = times.map((time) => lifecycleEntryOf(subscription, 'missed', new Date(time)).id);
  expect(others.map((id) => id === first)).toEqual([true, false, false]);
});

test('entries of an instance share a partition, which changes', () => {
  const ids = Array.from({ length: 5000 }, createEntryIds());
  expect(new Set(ids).size).toBe(5000);
  const partitions = ids.map((id) => id.slice(0, 2));
  expect(new Set(partitions.slice(0, 500)).size).toBe(1);
  expect(new Set(partitions).size).toBeGreaterThan(2);
});
