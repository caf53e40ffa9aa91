import { describe, expect, test } from '@jest/globals';
import { createDelivery, GIVE_UP_AFTER_MS, LEASE_MS } from '../../../shared/notifications/delivery.ts';
import { ReceiverError, type Receivers } from '../../../shared/notifications/receiver.ts';
import { aSubscription, changeEntry, memoryOutbox } from '../../support/notifications.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const signal = new AbortController().signal;
const notification = { url: 'https://bot.example/', body: '{}' };

type Outcome = { readonly status: number; readonly retryAfter?: string } | ReceiverError;

/** A delivery whose receiver responds with one outcome after the other. */
function deliveryTo(...outcomes: Outcome[]) {
  const entries = memoryOutbox();
  let sent = 0;
  const post: Receivers['post'] = async () => {
    const outcome = outcomes[Math.min(sent++, outcomes.length - 1)] ?? { status: 202 };
    if (outcome instanceof ReceiverError) throw outcome;
    const { status, retryAfter } = outcome;
    return { status, headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter }, body: '' };
  };
  const updates: unknown[] = [];
  const subscriptions = { update: async (...update: unknown[]) => updates.push(update) > 0 };
  const delivery = createDelivery({ entries, subscriptions, receivers: { post }, now: () => NOW });
  return { ...delivery, entries, updates, sent: () => sent };
}

const leased = new Date(NOW + LEASE_MS);

describe('a notification', () => {
  test('that is accepted with any 2xx has no failure', async () => {
    for (const status of [200, 202, 204, 299]) {
      expect(await deliveryTo({ status }).send(notification, leased, [0])).toBeUndefined();
    }
  });

  test('that is answered with another status has failed, a redirect included', async () => {
    for (const status of [199, 300, 302, 400, 404, 500]) {
      const failure = await deliveryTo({ status }).send(notification, leased, [0]);
      expect(failure).toEqual({ cause: `status ${status}`, retryAfterMs: 0 });
    }
  });

  test('that fails is sent again after each pause, until it is accepted', async () => {
    const { send, sent } = deliveryTo({ status: 500 }, new ReceiverError('unreachable'), { status: 202 });
    expect(await send(notification, leased, [0, 1, 1, 1])).toBeUndefined();
    expect(sent()).toBe(3);
  });

  test('whose lease has no time left for an attempt was not delivered', async () => {
    const { send, sent } = deliveryTo({ status: 202 });
    expect(await send(notification, new Date(NOW), [0])).toEqual({ cause: 'busy', retryAfterMs: 0 });
    expect(sent()).toBe(0);
  });

  test('is not sent again at once to a receiver that is busy or that sends Retry-After', async () => {
    const busy = deliveryTo(new ReceiverError('busy'));
    expect(await busy.send(notification, leased, [0, 1])).toEqual({ cause: 'busy', retryAfterMs: 0 });
    expect(busy.sent()).toBe(1);
    const asked = deliveryTo({ status: 503, retryAfter: '7' });
    expect(await asked.send(notification, leased, [0, 1])).toEqual({ cause: 'status 503', retryAfterMs: 7000 });
    expect(asked.sent()).toBe(1);
  });

  test.each([
    ['0', 0],
    ['120', 120_000],
    ['999999999', 3_600_000],
    [new Date(NOW + 30_000).toUTCString(), 30_000],
    [new Date(NOW - 30_000).toUTCString(), 0],
    ['soon', 0],
    ['-5', 0],
  ])('with Retry-After: %s waits %d ms', async (retryAfter, retryAfterMs) => {
    const failure = await deliveryTo({ status: 503, retryAfter }).send(notification, leased, [0]);
    expect(failure?.retryAfterMs).toBe(retryAfterMs);
  });

  test('records how it went with its subscription, once for the same outcome', async () => {
    const { send, updates } = deliveryTo({ status: 500 }, { status: 202 });
    const subscription = aSubscription();
    for (let n = 0; n < 3; n++) await send({ ...notification, subscription }, leased, [0]);
    const { tenant, id } = subscription;
    const outcomes = ['status 500', 'delivered'].map((outcome) => ({ lastDelivery: { at: new Date(NOW), outcome } }));
    expect(updates).toEqual(outcomes.map((changes) => [{ tenant, id }, changes, expect.anything()]));
  });
});

describe('an entry', () => {
  test('that is postponed is due later with every attempt, by at most 30 minutes', async () => {
    const { postpone, entries } = deliveryTo();
    await entries.create(changeEntry(), leased, signal);
    for (let attempt = 1; attempt <= 12; attempt++) {
      await postpone(entries.only(), { cause: 'timeout', retryAfterMs: 0 });
      const pause = Math.min(60_000 * 2 ** (attempt - 1), 30 * 60_000);
      const { entry, dueAt } = entries.only();
      expect(entry.attempts).toBe(attempt);
      expect(dueAt.getTime() - NOW).toBeGreaterThanOrEqual(pause / 2);
      expect(dueAt.getTime() - NOW).toBeLessThanOrEqual(pause);
    }
  });

  test('waits as long as the receiver asks, if that is longer', async () => {
    const { postpone, entries } = deliveryTo();
    await entries.create(changeEntry(), leased, signal);
    await postpone(entries.only(), { cause: 'status 503', retryAfterMs: 200_000 });
    expect(entries.only().dueAt).toEqual(new Date(NOW + 200_000));
  });

  test('is not touched by an instance whose lease another one has taken over', async () => {
    const { postpone, finish, entries } = deliveryTo();
    await entries.create(changeEntry(), leased, signal);
    const stale = entries.only();
    const taken = await entries.replace(stale, { dueAt: leased }, signal);
    await postpone(stale, { cause: 'timeout', retryAfterMs: 0 });
    await finish(stale);
    expect(entries.only()).toEqual(taken);
  });

  test('is split into one for each subscription, without changing those that exist already', async () => {
    const { split, entries } = deliveryTo();
    const whole = changeEntry({ subscriptions: ['a', 'b'] });
    const stored = await entries.create(whole, leased, signal);
    if (!stored) throw new Error('It was not created.');
    const failure = { cause: 'timeout', retryAfterMs: 0 };
    const parts = [{ subscriptionId: 'a', failure }, { subscriptionId: 'b' }];
    const made = await split(stored, parts);
    expect(made.map(({ entry: { id, attempts } }) => [id, attempts])).toEqual([
      [`${whole.id}.a`, 1],
      [`${whole.id}.b`, 0],
    ]);
    expect(await split(stored, parts)).toEqual([]);
    expect(entries.all()).toEqual(made);
  });

  test('that is given up leaves a missed notification where the subscription wants one, and a second one no other', async () => {
    const { drop, entries } = deliveryTo();
    const wanting = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/lifecycle' });
    for (const subscription of [wanting, wanting, aSubscription()]) {
      const createdAt = new Date(NOW - GIVE_UP_AFTER_MS - 1);
      const stored = await entries.create({ ...changeEntry(), createdAt }, leased, signal);
      if (stored) await drop(stored, subscription, 'too old');
    }
    expect(entries.only().entry).toMatchObject({
      id: `${wanting.id}.missed.2026-01-01T00`,
      content: { kind: 'lifecycle', lifecycleEvent: 'missed', url: 'https://bot.example/lifecycle' },
    });
  });
});
