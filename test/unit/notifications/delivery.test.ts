import { describe, expect, test } from '@jest/globals';
import { BUSY, createDelivery, FIRST_PAUSES_MS, LEASE_MS } from '../../../shared/notifications/delivery.ts';
import { type OutgoingNotification, ReceiverError, type Receivers } from '../../../shared/notifications/receiver.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { registerMetrics } from '../../support/metrics.ts';
import {
  aBacklog,
  aSubscription,
  change,
  changeEntry,
  lifecycleEntryOf,
  memoryOutbox,
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

type Outcome = number | { readonly status: number; readonly retryAfter: string } | Error | 'none';

/** A delivery whose receiver responds with one outcome after the other, and a clock that stands still. */
function deliveryTo(...outcomes: Outcome[]) {
  const entries = memoryOutbox();
  const clock = { now: NOW };
  const posted: OutgoingNotification[] = [];
  const notify: Receivers['notify'] = async (outgoing) => {
    const outcome = outcomes[Math.min(posted.push(outgoing), outcomes.length) - 1] ?? 202;
    if (outcome instanceof Error) throw outcome;
    if (outcome === 'none') return new Promise(() => {});
    if (typeof outcome === 'number') return { status: outcome, headers: {}, body: '' };
    return { status: outcome.status, headers: { 'retry-after': outcome.retryAfter }, body: '' };
  };
  const [updates, added, pauses]: [unknown[][], unknown[][], number[]] = [[], [], []];
  const subscriptions = {
    recordDelivery: async (...update: unknown[]) => {
      updates.push(update.slice(0, 2));
      throw new Error('It may fail to be stored.');
    },
  };
  const backlogs = {
    add: async (...addition: unknown[]): Promise<void> => {
      added.push(addition);
    },
  };
  const sleep = async (milliseconds: number) => pauses.push(milliseconds);
  const now = () => clock.now;
  const delivery = createDelivery({ entries, subscriptions, backlogs, receivers: { notify }, now, sleep });
  return { ...delivery, entries, clock, updates, posted, added, backlogs, pauses, sent: () => posted.length };
}

describe('a notification', () => {
  test.each<[Outcome, failure: object | undefined]>([
    ...[200, 202, 204, 299].map((status): [Outcome, undefined] => [status, undefined]),
    ...[199, 300, 302, 400, 404, 500].map((status): [Outcome, object] => [
      status,
      { cause: `status ${status}`, retryAfterMs: 0 },
    ]),
    [new ReceiverError('unreachable'), { cause: 'unreachable', retryAfterMs: 0 }],
  ])('with the outcome %s has this failure: %j', async (outcome, failure) => {
    expect(await deliveryTo(outcome).send(notification, leased, [0])).toEqual(failure);
  });

  test('that fails is sent again after each pause, until it is accepted', async () => {
    const { send, pauses, posted } = deliveryTo(500, new ReceiverError('unreachable'), 202);
    await counted();
    expect(await send(notification, leased, [0, 10, 100, 1000])).toBeUndefined();
    // A response may take 10 seconds, so that nothing is sent later than that before the lease ends.
    expect(posted).toEqual(Array(3).fill({ ...notification, startBy: leased.getTime() - 10_000 }));
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
    expect([late, sent(), updates]).toEqual([{ cause: 'busy', retryAfterMs: 0 }, 0, []]);
    expect(await send(notification, new Date(NOW + 10_000), [0])).toBeUndefined();
  });

  test('that fails for a fault of the service fails with it', async () => {
    await expect(deliveryTo(new TypeError('broken')).send(notification, leased, [0])).rejects.toThrow('broken');
  });

  test('is not sent again at once to a receiver that is busy', async () => {
    const { send, sent } = deliveryTo(new ReceiverError('busy'));
    expect([await send(notification, leased, [0, 1]), sent()]).toEqual([{ cause: 'busy', retryAfterMs: 0 }, 1]);
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

  test('is stored, for the same outcome at most every 10 seconds', async () => {
    const { send, clock, updates } = deliveryTo(500, 202);
    for (const time of [0, 0, 5000, 9999, 10_000, 19_999]) {
      clock.now = NOW + time;
      await send(whole, new Date(clock.now + LEASE_MS), [0]);
    }
    expect(updates).toEqual([update(NOW, 'status 500'), update(NOW, 'delivered'), update(NOW + 10_000, 'delivered')]);
  });

  test('costs at most two requests of the store a second, however often it changes', async () => {
    const { send, clock, updates } = deliveryTo(...Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? 202 : 500)));
    for (let n = 0; n < 40; n++, clock.now += 50) await send(whole, leased, [0]);
    expect(updates.map(([, delivery]) => delivery)).toEqual([
      { at: new Date(NOW), outcome: 'delivered' },
      { at: new Date(NOW + 1050), outcome: 'status 500' },
      { at: new Date(NOW + 1100), outcome: 'delivered' },
    ]);
  });

  test('is not that nothing was sent', async () => {
    const { send, updates } = deliveryTo(new ReceiverError('busy'), new ReceiverError('timeout'));
    for (let n = 0; n < 2; n++) await send(whole, leased, [0]);
    expect(updates).toEqual([update(NOW, 'timeout')]);
  });
});

describe('a change', () => {
  const made = {
    id: 'e',
    createdAt: new Date(NOW),
    change,
    version: { operation: anOperation({ id: 'o' }), etag: 'e' },
  };

  test('that is accepted is in no backlog', async () => {
    const { deliver, added, posted, updates } = deliveryTo();
    expect(await deliver(subscription, made, leased, [0])).toBe('accepted');
    expect([added, posted.map(({ url, tenant }) => [url, tenant])]).toEqual([[], [['https://bot.example/', TENANT]]]);
    expect(JSON.parse(posted[0]?.toMessage().body ?? '')).toMatchObject({ value: [{ resourceData: { id: 'o' } }] });
    expect(updates).toMatchObject([[{ id: subscription.id }, { outcome: 'delivered' }]]);
  });

  test('that is not accepted waits in the backlog, for as long as the receiver asks', async () => {
    const { deliver, added } = deliveryTo({ status: 503, retryAfter: '7' });
    await counted();
    expect(await deliver(subscription, made, leased, FIRST_PAUSES_MS)).toBe('waiting');
    expect(added).toEqual([[subscription, made, 7000]]);
    expect(await counted()).toEqual([{ value: 1, attributes: { result: 'retried', cause: 'status 503' } }]);
  });

  test.each([
    [NOW + 1, 'waiting', 0],
    [NOW, 'accepted', 1],
  ])('is not sent to a receiver that has asked for nothing until %d', async (until, outcome, requests) => {
    const { deliver, added, sent } = deliveryTo();
    const quiet = { ...subscription, backlog: aBacklog(subscription.id, { quietUntil: new Date(until) }) };
    expect([await deliver(quiet, made, leased, [0]), added.length, sent()]).toEqual([outcome, 1 - requests, requests]);
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
    expect([attempts, added.length]).toEqual([[2, 2, 2, 0, 0, 1, 1, 1], 6]);
  });

  test('that cannot be added to the backlog now stays where it is', async () => {
    const { deliver, backlogs } = deliveryTo(500);
    backlogs.add = () => Promise.reject(down);
    expect(await deliver(subscription, made, leased, [0])).toBe('left');
    backlogs.add = () => Promise.reject(new TypeError('broken'));
    await expect(deliver(subscription, made, leased, [0])).rejects.toThrow('broken');
  });

  /** Delivers changes of a tenant to receivers that never respond, until one has to stay where it is; how many that took. */
  async function fill({ deliver }: ReturnType<typeof deliveryTo>, tenant: string, receivers: number, of = made) {
    for (let n = 0; ; n++) {
      const one = aSubscription({ tenant, notificationUrl: `https://${receivers}.example/${n % receivers}` });
      const outcome = deliver(one, of, leased, [0]);
      if ((await Promise.race([outcome, new Promise(setImmediate)])) === 'left') return n;
    }
  }

  test('stays where it is when too many wait: those of a receiver leave room for others, and those of a tenant too', async () => {
    const delivery = deliveryTo('none');
    const ofReceiver = await fill(delivery, TENANT, 1);
    const ofTenant = ofReceiver + (await fill(delivery, TENANT, 100));
    // At most 4 MiB of a tenant, at a kibibyte each and a bit for the operation, and half of that of a receiver.
    expect([Math.floor(ofReceiver / 100), Math.floor(ofTenant / 100)]).toEqual([20, 39]);
    expect(await fill(delivery, OTHER_TENANT, 1)).toBeGreaterThan(1000);
  });

  test('takes as much memory as its operation', async () => {
    const resultInfo = { code: 0, subcode: 0, message: 'x'.repeat(8192) };
    const large = { ...made, version: { etag: 'e', operation: anOperation({ resultInfo }) } };
    expect(await fill(deliveryTo('none'), TENANT, 1, large)).toBe(Math.floor((2 * 2 ** 20) / (17 * 1024)));
  });

  test('takes that much too while it is added to backlogs, but once for all of them', async () => {
    const resultInfo = { code: 0, subcode: 0, message: 'x'.repeat(8192) };
    const large = () => ({ ...made, version: { etag: 'e', operation: anOperation({ resultInfo }) } });
    const delivery = deliveryTo(500);
    delivery.backlogs.add = () => new Promise(() => {});
    // A tenant alone takes half of 8 MiB, and the next one half of what is left.
    expect(Math.floor((await fill(delivery, TENANT, 1, large())) / 100)).toBe(40);
    let others = 0;
    const outcomes = () => delivery.deliver(aSubscription({ tenant: OTHER_TENANT }), large(), leased, [0]);
    for (; others < 1000; others++) {
      if ((await Promise.race([outcomes(), new Promise(setImmediate)])) === 'left') break;
    }
    expect(others).toBe(Math.floor((2 * 2 ** 20) / (17 * 1024)));
  });

  test('is added to the backlog when there is still no memory at the end of its lease', async () => {
    const delivery = deliveryTo('none');
    await fill(delivery, TENANT, 1);
    delivery.clock.now += LEASE_MS;
    const one = aSubscription({ tenant: TENANT, notificationUrl: 'https://1.example/0' });
    expect(await delivery.deliver(one, made, leased, [0])).toBe('waiting');
    expect(delivery.added).toHaveLength(1);
  });

  test('gives its memory back, whatever becomes of it', async () => {
    const { deliver, notify, backlogs } = deliveryTo(500);
    backlogs.add = () => Promise.reject(down);
    for (let n = 0; n < 5000; n++) await deliver(subscription, made, leased, [0]);
    backlogs.add = async () => {};
    for (let n = 0; n < 5000; n++) await notify(subscription, made, leased, [0]);
    expect(await deliver(subscription, made, leased, [0])).toBe('waiting');
  });
});

describe('an entry', () => {
  const wanting = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/lifecycle' });
  const lifecycle = lifecycleEntryOf(wanting, 'missed', new Date(NOW));

  test('that is postponed is due later with every attempt, by at most 30 minutes', async () => {
    const { postpone, entries } = deliveryTo();
    await entries.create(lifecycle, leased, signal);
    for (let attempt = 1; attempt <= 12; attempt++) {
      await postpone(entries.only(), { cause: 'timeout', retryAfterMs: 0 });
      const pause = Math.min(60_000 * 2 ** (attempt - 1), 30 * 60_000);
      const { entry, dueAt } = entries.only();
      expect(entry.attempts).toBe(attempt);
      expect(dueAt.getTime() - NOW).toBeGreaterThanOrEqual(pause / 2);
      expect(dueAt.getTime() - NOW).toBeLessThanOrEqual(pause);
    }
  });

  test.each([
    ['was not attempted, if its receiver is busy', BUSY, 0, [15_000, 60_000]],
    ['waits as long as the receiver asks', { cause: 'status 503', retryAfterMs: 200_000 }, 1, [200_000, 200_000]],
  ] as const)('that is postponed %s', async (_, failure, attempts, [least, most]) => {
    const { postpone, entries } = deliveryTo();
    await entries.create(lifecycle, leased, signal);
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
      await postpone(stale, { cause: 'timeout', retryAfterMs: 0 });
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
