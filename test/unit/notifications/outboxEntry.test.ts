import { expect, test } from '@jest/globals';
import { lifecycleEntry } from '../../../shared/notifications/outboxEntry.ts';
import { aSubscription, lifecycleEntryOf } from '../../support/notifications.ts';

const url = 'https://bot.example/l';
const subscription = aSubscription({ lifecycleNotificationUrl: url });

test('a subscription without an address for them has no lifecycle notifications', () => {
  expect(lifecycleEntry(aSubscription(), 'missed', new Date())).toBeUndefined();
});

test('a lifecycle notification is complete without its subscription, which may be gone when it is sent', () => {
  const { id, tenant, clientState, expiration } = subscription;
  const createdAt = new Date('2026-01-01T04:00:00Z');
  const lifecycleEvent = 'subscriptionRemoved';
  expect(lifecycleEntry(subscription, lifecycleEvent, createdAt)).toEqual({
    ...{ id: `${id}.subscriptionRemoved.2026-01-01T04`, tenant, createdAt, attempts: 0 },
    content: { kind: 'lifecycle', lifecycleEvent, subscriptionId: id, url, clientState, expiration },
  });
});

test('each hour has a missed of its own, so that none is lost to an earlier one', () => {
  const times = [
    '2026-01-01T04:00:00.000Z',
    '2026-01-01T04:59:59.999Z',
    '2026-01-01T05:00:00Z',
    '2026-01-02T04:00:00Z',
  ];
  const [first, ...others] = times.map((time) => lifecycleEntryOf(subscription, 'missed', new Date(time)).id);
  expect(others.map((id) => id === first)).toEqual([true, false, false]);
});
