import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { lifecycleEntry } from '../../../shared/notifications/outboxEntry.ts';
import { aSubscription } from '../../support/notifications.ts';

const HOUR_MS = 60 * 60_000;

test('a subscription without an address for them has no lifecycle notifications', () => {
  expect(lifecycleEntry(aSubscription(), 'missed', new Date())).toBeUndefined();
});

test('a lifecycle notification leaves all but the id to the row of its subscription, which has one removal', () => {
  const subscription = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/l' });
  const { id, tenant } = subscription;
  const createdAt = new Date('2026-01-01T04:00:00Z');
  expect(lifecycleEntry(subscription, 'subscriptionRemoved', createdAt)).toEqual({
    id: `${id}.subscriptionRemoved.2100-01-01T00`,
    tenant,
    createdAt,
    attempts: 0,
    content: { kind: 'lifecycle', lifecycleEvent: 'subscriptionRemoved', subscriptionId: id },
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
