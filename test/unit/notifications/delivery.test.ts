import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createDelivery, FIRST_PAUSES_MS, LEASE_MS } from '../../../shared/notifications/delivery.ts';
import { lifecycleEntry } from '../../../shared/notifications/outboxEntry.ts';
import { type PostOptions, ReceiverError, type Receivers } from '../../../shared/notifications/receiver.ts';
import { registerMetrics } from '../../support/metrics.ts';
import { aSubscription, changeEntry, memoryOutbox } from '../../support/notifications.ts';

const recorded = registerMetrics();
const counted = () => recorded('playpromptoperation.notifications');

const NOW = Date.parse('2026-01-01T00:00:00Z');
const signal = new AbortController().signal;
const notification = { url: 'https://bot.example/', body: '{}' };

type Outcome = { readonly status: number; readonly retryAfter?: string } | Error;

/** A delivery whose receiver responds with one outcome after the other, and a clock that stands still. */
function deliveryTo(...outcomes: Outcome[]) {
  const entries = memoryOutbox();
  const clock = { now: NOW };
  const posted: [string, string, PostOptions | undefined][] = [];
  const post: Receivers['post'] = async (...request) => {
    const outcome = outcomes[Math.min(posted.length, outcomes.length - 1)] ?? { status: 202 };
    const [url, body, options] = request;
    posted.push([url, body, options]);
    if (outcome instanceof Error) throw outcome;
    const { status, retryAfter } = outcome;
    return { status, headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter }, body: '' };
  };
  const updates: unknown[] = [];
  const subscriptions = { recordDelivery: async (...update: unknown[]) => void updates.push(update) };
  const pauses: number[] = [];
  const sleep = async (milliseconds: number) => pauses.push(milliseconds);
  const now = () => clock.now;
  const delivery = createDelivery({ entries, subscriptions, receivers: { post }, now, sleep });
  return { ...delivery, entries, clock, updates, posted, pauses, sent: () => posted.length };
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
    const { send, pauses, posted } = deliveryTo({ status: 500 }, new ReceiverError('unreachable'), { status: 202 });
    await counted();
    expect(await send(notification, leased, [0, 10, 100, 1000])).toBeUndefined();
    // A response may take 10 seconds, so that nothing is sent later than that before the lease ends.
    const request = [notification.url, notification.body, { startBy: leased.getTime() - 10_000 }];
    expect(posted).toEqual([request, request, request]);
    expect(pauses).toHaveLength(2);
    expect(await counted()).toEqual([{ value: 1, attributes: { result: 'sent' } }]);
  });

  test('that is not accepted at once is attempted twice more within 6 seconds', async () => {
    const { send, pauses, sent } = deliveryTo({ status: 500 });
    await counted();
    for (let n = 0; n < 20; n++) await send(notification, leased, FIRST_PAUSES_MS);
    expect(sent()).toBe(60);
    const [first, second] = [0, 1].map((nth) => pauses.filter((_, n) => n % 2 === nth));
    for (const [all = [], longest] of [
      [first, 1000],
      [second, 5000],
    ] as const) {
      expect(all).toHaveLength(20);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(longest / 2);
      expect(Math.max(...all)).toBeLessThanOrEqual(longest);
      // They differ, so that not everybody tries again at the same time.
      expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(longest / 20);
    }
    expect(await counted()).toEqual([]);
  });

  test('whose lease has no time left for an attempt was not delivered', async () => {
    const { send, sent, updates } = deliveryTo({ status: 202 });
    const subscription = aSubscription();
    const late = await send({ ...notification, subscription }, new Date(NOW + 9999), [0]);
    expect(late).toEqual({ cause: 'busy', retryAfterMs: 0 });
    expect([sent(), updates]).toEqual([0, []]);
    expect(await send(notification, new Date(NOW + 10_000), [0])).toBeUndefined();
  });

  test('that fails for a fault of the service fails with it', async () => {
    await expect(deliveryTo(new TypeError('broken')).send(notification, leased, [0])).rejects.toThrow('broken');
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
    ['+5', 0],
    ['1e3', 0],
    ['1.5', 0],
  ])('with Retry-After: %s waits %d ms', async (retryAfter, retryAfterMs) => {
    const failure = await deliveryTo({ status: 503, retryAfter }).send(notification, leased, [0]);
    expect(failure?.retryAfterMs).toBe(retryAfterMs);
  });

  test('with Retry-After waits as many seconds as asked for, up to an hour', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: 0n, max: 10n ** 20n }), async (seconds) => {
        const receiver = deliveryTo({ status: 429, retryAfter: String(seconds) });
        const failure = await receiver.send(notification, leased, [0]);
        expect(failure?.retryAfterMs).toBe(Math.min(Number(seconds) * 1000, 3_600_000));
      }),
    );
  });
});

describe('how the last delivery to a subscription went', () => {
  const subscription = aSubscription();
  const { tenant, id } = subscription;
  const whole = { ...notification, subscription };
  const update = (at: number, outcome: string) => [{ tenant, id }, { at: new Date(at), outcome }, expect.anything()];

  test('is stored, for the same outcome at most every 10 seconds', async () => {
    const { send, clock, updates } = deliveryTo({ status: 500 }, { status: 202 });
    const at = async (time: number) => {
      clock.now = time;
      await send(whole, new Date(time + LEASE_MS), [0]);
    };
    for (const time of [0, 0, 5000, 9999, 10_000, 19_999]) await at(NOW + time);
    expect(updates).toEqual([update(NOW, 'status 500'), update(NOW, 'delivered'), update(NOW + 10_000, 'delivered')]);
  });

  test('is not that nothing was sent', async () => {
    const { send, updates } = deliveryTo(new ReceiverError('busy'), new ReceiverError('timeout'));
    await send(whole, leased, [0]);
    await send(whole, leased, [0]);
    expect(updates).toEqual([update(NOW, 'timeout')]);
  });

  test('may fail to be stored, which changes nothing', async () => {
    const receivers = { post: async () => ({ status: 200, headers: {}, body: '' }) };
    const subscriptions = { recordDelivery: () => Promise.reject(new Error('down')) };
    const { send } = createDelivery({ entries: memoryOutbox(), subscriptions, receivers, now: () => NOW });
    expect(await send(whole, leased, [0])).toBeUndefined();
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

  test('that was not sent, since its receiver is busy, was not attempted', async () => {
    const { postpone, split, entries } = deliveryTo();
    const busy = { cause: 'busy', retryAfterMs: 0 };
    const stored = await entries.create(changeEntry({ subscriptions: ['a', 'b'] }), leased, signal);
    if (!stored) throw new Error('It was not created.');
    const [part] = await split(stored, [{ subscriptionId: 'a', failure: busy }]);
    if (!part) throw new Error('It was not created.');
    await postpone(part, busy);
    for (const { entry, dueAt } of [part, entries.only()]) {
      expect(entry.attempts).toBe(0);
      expect(dueAt.getTime() - NOW).toBeLessThanOrEqual(60_000);
      expect(dueAt.getTime() - NOW).toBeGreaterThanOrEqual(15_000);
    }
  });

  test('waits as long as the receiver asks, if that is longer', async () => {
    const { postpone, entries } = deliveryTo();
    await entries.create(changeEntry(), leased, signal);
    await counted();
    await postpone(entries.only(), { cause: 'status 503', retryAfterMs: 200_000 });
    expect(entries.only().dueAt).toEqual(new Date(NOW + 200_000));
    expect(await counted()).toEqual([{ value: 1, attributes: { result: 'retried', cause: 'status 503' } }]);
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

  test('that is finished is removed', async () => {
    const { finish, entries } = deliveryTo();
    await entries.create(changeEntry(), leased, signal);
    await finish(entries.only());
    expect(entries.all()).toEqual([]);
  });

  test('is split into one for each subscription, without changing those that exist already', async () => {
    const { split, entries } = deliveryTo();
    const whole = changeEntry({ subscriptions: ['a', 'b'] });
    const stored = await entries.create(whole, leased, signal);
    if (!stored) throw new Error('It was not created.');
    const failure = { cause: 'timeout', retryAfterMs: 90_000 };
    const parts = [{ subscriptionId: 'a', failure }, { subscriptionId: 'b' }];
    await counted();
    const made = await split(stored, parts);
    const part = (id: string, attempts: number) => ({
      ...whole,
      id: `${whole.id}.${id}`,
      attempts,
      content: { ...whole.content, subscriptions: [id] },
    });
    expect(made.map(({ entry, dueAt }) => [entry, dueAt])).toEqual([
      [part('a', 1), new Date(NOW + 90_000)],
      [part('b', 0), new Date(NOW)],
    ]);
    expect(entries.all()).toEqual(made);
    expect(await counted()).toEqual([{ value: 1, attributes: { result: 'retried', cause: 'timeout' } }]);
    const again = await split(stored, parts);
    expect(again).toHaveLength(0);
    expect(entries.all()).toEqual(made);
  });

  test('of a lifecycle notification is not split', async () => {
    const { split, entries } = deliveryTo();
    const subscription = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/lifecycle' });
    const entry = lifecycleEntry(subscription, 'missed', new Date(NOW));
    const stored = entry && (await entries.create(entry, leased, signal));
    if (!stored) throw new Error('It was not created.');
    await expect(split(stored, [{ subscriptionId: 'a' }])).rejects.toThrow(TypeError);
    expect(entries.only()).toEqual(stored);
  });

  describe('that is given up', () => {
    const wanting = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/lifecycle' });

    test('leaves a missed notification where the subscription wants one, and a second one no other', async () => {
      const { drop, entries } = deliveryTo();
      await counted();
      for (const subscription of [wanting, wanting, aSubscription(), undefined]) {
        const stored = await entries.create(changeEntry(), leased, signal);
        if (stored) await drop(stored, subscription, 'too old');
      }
      expect(entries.only()).toMatchObject({
        dueAt: new Date(NOW),
        entry: {
          id: `${wanting.id}.missed.2026-01-01T00`,
          content: { kind: 'lifecycle', lifecycleEvent: 'missed', url: 'https://bot.example/lifecycle' },
        },
      });
      expect(await counted()).toEqual([{ value: 4, attributes: { result: 'dropped', cause: 'too old' } }]);
    });

    test('leaves nothing if it is a lifecycle notification itself', async () => {
      const { drop, entries } = deliveryTo();
      const entry = lifecycleEntry(wanting, 'subscriptionRemoved', new Date(NOW));
      const stored = entry && (await entries.create(entry, leased, signal));
      if (!stored) throw new Error('It was not created.');
      await drop(stored, wanting, 'too old');
      expect(entries.all()).toEqual([]);
    });
  });
});
