import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createEntryIds, lifecycleEntry } from '../../../shared/notifications/outboxEntry.ts';
import { aSubscription } from '../../support/notifications.ts';

const HOUR_MS = 60 * 60_000;

test('a subscription without an address for them has no lifecycle notifications', () => {
  expect(lifecycleEntry(aSubscription(), 'missed', new Date())).toBeUndefined();
});

test('a lifecycle notification is complete without its subscription, which may be gone when it is sent', () => {
  const subscription = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/l' });
  const { id, tenant, clientState, expiration } = subscription;
  const createdAt = new Date('2026-01-01T04:00:00Z');
  expect(lifecycleEntry(subscription, 'subscriptionRemoved', createdAt)).toEqual({
    id: `${id}.subscriptionRemoved.2026-01-01T04`,
    tenant,
    createdAt,
    attempts: 0,
    content: {
      kind: 'lifecycle',
      lifecycleEvent: 'subscriptionRemoved',
      subscriptionId: id,
      url: 'https://bot.example/l',
      clientState,
      expiration,
    },
  });
});

test('each hour has a missed of its own, so that none is lost to an earlier one', () => {
  const subscription = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/l' });
  const date = fc.date({ min: new Date('2026-01-01'), max: new Date('2026-01-02'), noInvalidDate: true });
  const hourOf = (at: Date) => Math.floor(at.getTime() / HOUR_MS);
  void fc.assert(
    fc.property(date, date, (one, other) => {
      const [first, second] = [one, other].map((at) => lifecycleEntry(subscription, 'missed', at)?.id);
      expect(first === second).toBe(hourOf(one) === hourOf(other));
    }),
  );
});

test('entries of an instance share a partition, which changes', () => {
  const ids = Array.from({ length: 5000 }, createEntryIds());
  expect(new Set(ids).size).toBe(5000);
  const partitions = ids.map((id) => id.slice(0, 2));
  expect(new Set(partitions.slice(0, 500)).size).toBe(1);
  expect(new Set(partitions).size).toBeGreaterThan(2);
});
