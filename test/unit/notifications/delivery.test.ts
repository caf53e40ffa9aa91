import { describe, expect, jest, test } from '@jest/globals';
import type { Backlogs } from '../../../shared/notifications/backlog.ts';
import { BUSY, createDelivery, FIRST_PAUSES_MS, LEASE_MS } from '../../../shared/notifications/delivery.ts';
import { ReceiverError } from '../../../shared/notifications/receiver.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { registerMetrics } from '../../support/metrics.ts';
import {
  aBacklog,
  aSubscription,
  change,
  changeEntry,
  lifecycleEntryOf,
  memoryOutbox,
  memoryReceivers,
  type Reply,
} from '../../support/notifications.ts';
import { anOperation, TENANT } from '../../support/operations.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const recorded = registerMetrics();
const counted = () => recorded('playpromptoperation.notifications');

const NOW = Date.parse('2026-01-01T00:00:00Z');
const signal = new AbortController().signal;
const leased = new Date(NOW + LEASE_MS);
const down = new ServiceError('unavailable', 'down');
const subscription = aSubscription();
const toMessage = () => ({ body: '{}', headers: {} });
const notification = { tenant: TENANT, url: 'https://bot.example/', toMessage };

type Outcome = Reply | Error | 'none';

/** A delivery whose receiver responds with one outcome after the other, and a clock that stands still. */
function deliveryTo(...outcomes: Outcome[]) {
  const entries = memoryOutbox();
  const clock = { now: NOW };
  const receivers = memoryReceivers(async (_, n) => {
    const outcome = outcomes[Math.min(n, outcomes.length) - 1] ?? 202;
    if (outcome instanceof Error) throw outcome;
    return outcome === 'none' ? new Promise(() => {}) : outcome;
  });
  const recordDelivery = jest.fn(() => Promise.reject(new Error('It may fail to be stored.')));
  const backlogs = { add: jest.fn<Backlogs['add']>(async () => {}) };
  const pauses: number[] = [];
  const sleep = async (milliseconds: number) => pauses.push(milliseconds);
  const parts = { entries, subscriptions: { recordDelivery }, backlogs, receivers, now: () => clock.now, sleep };
  return {
    ...{ ...createDelivery(parts), entries, clock, backlogs, pauses, posted: receivers.posted },
    /** How deliveries went, as it was stored. */
    updates: () => recordDelivery.mock.calls.map((update: unknown[]) => update.slice(0, 2)),
    added: () => backlogs.add.mock.calls,
    sent: () => receivers.posted.length,
  };
}

describe('a notification', () => {
  test.each<[Outcome, cause: string | undefined, attempts: number]>([
    ...[200, 202, 299].map((status): [number, undefined, number] => [status, undefined, 1]),
    ...[199, 300, 404, 500].map((status): [number, string, number] => [status, `status ${status}`, 2]),
    [new ReceiverError('unreachable'), 'unreachable', 2],
    [new ReceiverError('busy'), 'busy', 1],
  ])('with the outcome %s has the failure %s, after %d attempts', async (outcome, cause, attempts) => {
    const { send, sent } = deliveryTo(outcome);
    expect(await send(notification, leased, [0, 1])).toEqual(cause && { cause, retryAfterMs: 0 });
    expect(sent()).toBe(attempts);
  });

  test('that fails is sent again after each pause, until it is accepted', async () => {
    const { send, pauses, posted } = deliveryTo(500, new ReceiverError('unreachable'), 202);
    await counted();
    expect(await send(notification, leased, [0, 10, 100, 1000])).toBeUndefined();
    // A response may take 10 seconds, so that nothing is sent later than that before the lease ends.
    expect(posted).toMatchObject(Array(3).fill({ ...notification, startBy: leased.getTime() - 10_000 }));
    expect(pauses).toHaveLength(2);
    expect(await counted()).toEqual([{ value: 1, attributes: { result: 'sent' } }]);
  });

  test('that is not accepted at once is attempted twice more within 6 seconds', async () => {
    const { send, pauses, sent } = deliveryTo(500);
    await counted();
    for (let n = 0; n < 20; n++) await send(notification, leased, FIRST_PAUSES_MS);
    expect([sent(), pauses.length]).toEqual([60, 40]);
    for (const [nth, longest] of [1000, 5000].entries()) {
      const all = pauses.filter((_, n) => n % 2 === nth);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(longest / 2);
      expect(Math.max(...all)).toBeLessThanOrEqual(longest);
      // They differ, so that not everybody tries again at the same time.
      expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(longest / 20);
    }
    expect(await counted()).toEqual([]);
  });

  test('whose lease has no time left for an attempt was not delivered', async () => {
    const { send, sent, updates } = deliveryTo(202);
    const late = await send({ ...notification, subscription }, new Date(NOW + 9999), [0]);
    expect([late, sent(), updates()]).toEqual([{ cause: 'busy', retryAfterMs: 0 }, 0, []]);
    expect(await send(notification, new Date(NOW + 10_000), [0])).toBeUndefined();
  });

  test('that fails for a fault of the service fails with it', async () => {
    await expect(deliveryTo(new TypeError('broken')).send(notification, leased, [0])).rejects.toThrow('broken');
  });

  test.each([
    ['0', 0],
    ['120', 120_000],
    ['3599', 3_599_000],
    ['3601', 3_600_000],
    ['9'.repeat(400), 3_600_000],
    [new Date(NOW + 30_000).toUTCString(), 30_000],
    [new Date(NOW - 30_000).toUTCString(), 0],
    ...['soon', '-5', '+5', '1e3', '1.5'].map((value): [string, number] => [value, 0]),
  ])('with Retry-After: %s waits %d ms, and is not sent again at once', async (retryAfter, retryAfterMs) => {
    const { send, sent } = deliveryTo({ status: 503, retryAfter });
    expect(await send(notification, leased, [0, 1])).toEqual({ cause: 'status 503', retryAfterMs });
    expect(sent()).toBe(retryAfterMs > 0 ? 1 : 2);
  });
});

describe('how the last delivery to a subscription went', () => {
  const { tenant, id } = subscription;
  const whole = { ...notification, subscription };
  const update = (at: number, outcome: string) => [
    { tenant, id },
    { at: new Date(at), outcome },
  ];

  test('is stored, unless nothing was sent, for the same outcome at most every 10 seconds', async () => {
    const { send, clock, updates } = deliveryTo(new ReceiverError('busy'), 500, 202);
    for (const time of [0, 0, 0, 5000, 9999, 10_000, 19_999]) {
      clock.now = NOW + time;
      await send(whole, new Date(clock.now + LEASE_MS), [0]);
    }
    expect(updates()).toEqual([update(NOW, 'status 500'), update(NOW, 'delivered'), update(NOW + 10_000, 'delivered')]);
  });

  test('costs at most two requests of the store a second, however often it changes', async () => {
    const { send, clock, updates } = deliveryTo(...Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? 202 : 500)));
    for (let n = 0; n < 40; n++, clock.now += 50) await send(whole, leased, [0]);
    const [first, second, third] = [NOW, NOW + 1050, NOW + 1100];
    expect(updates()).toEqual([update(first, 'delivered'), update(second, 'status 500'), update(third, 'delivered')]);
  });
});

describe('a change', () => {
  const version = { operation: anOperation({ id: 'o' }), etag: 'e' };
  const made = { id: 'e', createdAt: new Date(NOW), change, version };

  test('that is accepted is in no backlog', async () => {
    const { deliver, added, posted, updates } = deliveryTo();
    expect(await deliver(subscription, made, leased, [0])).toBe('accepted');
    const value = [{ resourceData: { id: 'o' } }];
    expect(posted).toMatchObject([{ url: 'https://bot.example/', tenant: TENANT, value }]);
    expect([added(), updates()]).toMatchObject([[], [[{ id: subscription.id }, { outcome: 'delivered' }]]]);
  });

  test('that is not accepted waits in the backlog, for as long as the receiver asks, and so do later ones', async () => {
    const { deliver, added, clock, sent } = deliveryTo({ status: 503, retryAfter: '7' });
    await counted();
    for (const pause of [0, 6999, 1]) {
      clock.now += pause;
      expect(await deliver(subscription, made, leased, FIRST_PAUSES_MS)).toBe('waiting');
    }
    expect([added().map(([, , retryAfterMs]) => retryAfterMs), sent()]).toEqual([[7000, 0, 7000], 2]);
    expect(await counted()).toEqual([{ value: 2, attributes: { result: 'retried', cause: 'status 503' } }]);
  });

  test.each([
    [NOW + 1, 'waiting', 0],
    [NOW, 'accepted', 1],
  ])('is not sent to a receiver that has asked for nothing until %d', async (until, outcome, requests) => {
    const { deliver, added, sent } = deliveryTo();
    const quiet = { ...subscription, backlog: aBacklog(subscription.id, { quietUntil: new Date(until) }) };
    expect(await deliver(quiet, made, leased, [0])).toBe(outcome);
    expect([added().length, sent()]).toEqual([1 - requests, requests]);
  });

  test('is attempted once a second, and no more, after its subscription has failed for 10 seconds', async () => {
    const { deliver, clock, sent, added } = deliveryTo(...Array(7).fill(500), 202);
    const attempts: number[] = [];
    for (const pause of [0, 9_999, 1, 0, 999, 1, 1000, 0]) {
      clock.now += pause;
      const before = sent();
      await deliver(subscription, made, leased, [0, 1]);
      attempts.push(sent() - before);
    }
    expect([attempts, added().length]).toEqual([[2, 2, 2, 0, 0, 1, 1, 1], 6]);
  });

  test('that cannot be added to the backlog now stays where it is', async () => {
    const { deliver, backlogs } = deliveryTo(500);
    backlogs.add.mockRejectedValue(down);
    expect(await deliver(subscription, made, leased, [0])).toBe('left');
    backlogs.add.mockRejectedValue(new TypeError('broken'));
    await expect(deliver(subscription, made, leased, [0])).rejects.toThrow('broken');
  });

  /** Delivers changes of a tenant to receivers until one has to stay where it is; how many that took. */
  async function fill({ deliver }: ReturnType<typeof deliveryTo>, tenant: string, receivers: number, of = () => made) {
    for (let n = 0; ; n++) {
      const one = aSubscription({ tenant, notificationUrl: `https://${receivers}.example/${n % receivers}` });
      const outcome = deliver(one, of(), leased, [0]);
      if ((await Promise.race([outcome, new Promise(setImmediate)])) === 'left') return n;
    }
  }

  const resultInfo = { code: 0, subcode: 0, message: 'x'.repeat(8192) };
  const large = () => ({ ...made, version: { etag: 'e', operation: anOperation({ resultInfo }) } });
  const LARGE_IN_2_MIB = Math.floor((2 * 2 ** 20) / (17 * 1024));

  test('stays where it is when too many wait: those of a receiver leave room for others, and those of a tenant too', async () => {
    const delivery = deliveryTo('none');
    const ofReceiver = await fill(delivery, TENANT, 1);
    const ofTenant = ofReceiver + (await fill(delivery, TENANT, 100));
    // At most 4 MiB of a tenant, at a kibibyte each and a bit for the operation, and half of that of a receiver.
    expect([Math.floor(ofReceiver / 100), Math.floor(ofTenant / 100)]).toEqual([20, 39]);
    expect(await fill(delivery, OTHER_TENANT, 1)).toBeGreaterThan(1000);

    // By the end of its lease it is added to the backlog.
    delivery.clock.now += LEASE_MS;
    const one = aSubscription({ tenant: TENANT, notificationUrl: 'https://1.example/0' });
    expect([await delivery.deliver(one, made, leased, [0]), delivery.added().length]).toEqual(['waiting', 1]);
  });

  test('takes as much memory as its operation, also while it is added to backlogs, but once for all of them', async () => {
    expect(await fill(deliveryTo('none'), TENANT, 1, large)).toBe(LARGE_IN_2_MIB);
    const delivery = deliveryTo(500);
    delivery.backlogs.add.mockReturnValue(new Promise(() => {}));
    const one = large();
    // A tenant alone takes half of 8 MiB, and the next one half of what is left.
    expect(Math.floor((await fill(delivery, TENANT, 1, () => one)) / 100)).toBe(40);
    expect(await fill(delivery, OTHER_TENANT, 1, large)).toBe(LARGE_IN_2_MIB);
  });

  test('gives its memory back, whatever becomes of it', async () => {
    const { deliver, notify, backlogs } = deliveryTo(500);
    backlogs.add.mockRejectedValue(down);
    for (let n = 0; n < 5000; n++) await deliver(subscription, made, leased, [0]);
    backlogs.add.mockResolvedValue();
    for (let n = 0; n < 5000; n++) await notify(subscription, made, leased, [0]);
    expect(await deliver(subscription, made, leased, [0])).toBe('waiting');
  });
});

describe('an entry', () => {
  const wanting = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/lifecycle' });
  const lifecycle = lifecycleEntryOf(wanting, 'missed', new Date(NOW));

  const timeout = { cause: 'timeout', retryAfterMs: 0 };

  test.each([
    ['for up to a minute at first', 0, timeout, 1, [30_000, 60_000]],
    ['for twice as long each time', 3, timeout, 4, [240_000, 480_000]],
    ['for up to 30 minutes', 11, timeout, 12, [900_000, 1_800_000]],
    ['as one that was not attempted, if its receiver is busy', 0, BUSY, 0, [15_000, 30_000]],
    ['for as long as the receiver asks', 0, { cause: 'status 503', retryAfterMs: 200_000 }, 1, [200_000, 200_000]],
  ] as const)('is postponed %s', async (_, before, failure, attempts, [least, most]) => {
    const { postpone, entries } = deliveryTo();
    await entries.create({ ...lifecycle, attempts: before }, leased, signal);
    await counted();
    await postpone(entries.only(), failure);
    const { entry, dueAt } = entries.only();
    expect(entry.attempts).toBe(attempts);
    expect(dueAt.getTime() - NOW).toBeGreaterThanOrEqual(least);
    expect(dueAt.getTime() - NOW).toBeLessThanOrEqual(most);
    expect(await counted()).toEqual([{ value: 1, attributes: { result: 'retried', cause: failure.cause } }]);
  });

  test.each([lifecycle, changeEntry({ subscriptions: ['a', 'b'] })])(
    'is not changed by an instance whose lease another one has taken over: $content.kind',
    async (entry) => {
      const { postpone, finish, keepFor, entries } = deliveryTo();
      await entries.create(entry, leased, signal);
      const stale = entries.only();
      const taken = await entries.replace(stale, { dueAt: leased }, signal);
      await postpone(stale, timeout);
      await keepFor(stale, ['a']);
      expect(entries.all()).toEqual([taken]);
      await finish(stale);
      expect(entries.all()).toEqual(entry === lifecycle ? [taken] : []);
    },
  );

  test('is kept for the subscriptions that are left, and removed when there is none', async () => {
    const { keepFor, entries } = deliveryTo();
    const stored = await entries.create(changeEntry({ subscriptions: ['a', 'b', 'c'] }), leased, signal);
    await keepFor(entries.only(), ['a', 'b', 'c']);
    expect(entries.only()).toEqual(stored);
    await keepFor(entries.only(), ['b']);
    const content = { kind: 'change', subscriptions: ['b'] };
    expect(entries.only()).toMatchObject({ dueAt: leased, entry: { content } });
    await keepFor(entries.only(), []);
    expect(entries.all()).toEqual([]);
  });
});
