import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { BUSY, createDelivery, FIRST_PAUSES_MS, LEASE_MS } from '../../../shared/notifications/delivery.ts';
import { lifecycleEntry } from '../../../shared/notifications/outboxEntry.ts';
import { type OutgoingNotification, ReceiverError, type Receivers } from '../../../shared/notifications/receiver.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { registerMetrics } from '../../support/metrics.ts';
import { aSubscription, changeEntry, memoryOutbox } from '../../support/notifications.ts';
import { anOperation, TENANT } from '../../support/operations.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const recorded = registerMetrics();
const counted = () => recorded('playpromptoperation.notifications');

const NOW = Date.parse('2026-01-01T00:00:00Z');
const signal = new AbortController().signal;
const toBody = () => '{}';
const notification = { tenant: TENANT, url: 'https://bot.example/', toBody };

type Outcome = { readonly status: number; readonly retryAfter?: string } | Error | ReturnType<Receivers['notify']>;

/** A delivery whose receiver responds with one outcome after the other, and a clock that stands still. */
function deliveryTo(...outcomes: Outcome[]) {
  const entries = memoryOutbox();
  const clock = { now: NOW };
  const posted: OutgoingNotification[] = [];
  const notify: Receivers['notify'] = async (outgoing) => {
    const outcome = outcomes[Math.min(posted.length, outcomes.length - 1)] ?? { status: 202 };
    posted.push(outgoing);
    if (outcome instanceof Error) throw outcome;
    if (outcome instanceof Promise) return outcome;
    const { status, retryAfter } = outcome;
    return { status, headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter }, body: '' };
  };
  const updates: unknown[] = [];
  const subscriptions = { recordDelivery: async (...update: unknown[]) => void updates.push(update) };
  const added: unknown[][] = [];
  const backlogs = {
    add: async (...addition: unknown[]) => {
      added.push(addition.slice(0, 3));
    },
  };
  const pauses: number[] = [];
  const sleep = async (milliseconds: number) => pauses.push(milliseconds);
  const now = () => clock.now;
  const delivery = createDelivery({ entries, subscriptions, backlogs, receivers: { notify }, now, sleep });
  return { ...delivery, entries, clock, updates, posted, added, backlogs, pauses, sent: () => posted.length };
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
    const request = { ...notification, startBy: leased.getTime() - 10_000 };
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
    const receivers = { notify: async () => ({ status: 200, headers: {}, body: '' }) };
    const subscriptions = { recordDelivery: () => Promise.reject(new Error('down')) };
    const { send } = createDelivery({
      entries: memoryOutbox(),
      subscriptions,
      backlogs: { add: async () => {} },
      receivers,
      now: () => NOW,
    });
    expect(await send(whole, leased, [0])).toBeUndefined();
  });
});

describe('a change', () => {
  const operation = anOperation({ id: 'o' });
  const made = {
    id: 'e',
    createdAt: new Date(NOW),
    change: { operationId: 'o', writeId: 'w', changeType: 'updated', replaces: 'v' },
    version: { operation, etag: 'e' },
  } as const;
  const subscription = aSubscription();

  test('that is accepted is in no backlog', async () => {
    const { deliver, added, posted } = deliveryTo();
    expect(await deliver(subscription, made, leased, [0])).toBe('accepted');
    expect([added, posted.map(({ url, tenant }) => [url, tenant])]).toEqual([[], [['https://bot.example/', TENANT]]]);
    expect(JSON.parse(posted[0]?.toBody() ?? '')).toMatchObject({ value: [{ resourceData: { id: 'o' } }] });
  });

  test('that is not accepted waits in the backlog, for as long as the receiver asks', async () => {
    const { deliver, added } = deliveryTo({ status: 503, retryAfter: '7' });
    await counted();
    expect(await deliver(subscription, made, leased, FIRST_PAUSES_MS)).toBe('waiting');
    expect(added).toEqual([[subscription, made, 7000]]);
    expect(await counted()).toEqual([{ value: 1, attributes: { result: 'retried', cause: 'status 503' } }]);
  });

  test('is not sent to a receiver that has asked for nothing to be sent', async () => {
    const { deliver, added, sent } = deliveryTo();
    const quiet = (until: number) => {
      const date = new Date(0);
      const backlog = { tenant: TENANT, subscriptionId: subscription.id, since: date, touchedAt: date, retryAt: date };
      const rest = { failures: 1, isSaturated: false, quietUntil: new Date(until), etag: 'e' };
      return { ...subscription, backlog: { ...backlog, ...rest } };
    };
    expect(await deliver(quiet(NOW + 1), made, leased, [0])).toBe('waiting');
    expect([added.length, sent()]).toEqual([1, 0]);
    expect(await deliver(quiet(NOW), made, leased, [0])).toBe('accepted');
  });

  test('that cannot be added to the backlog now stays where it is', async () => {
    const { deliver, backlogs } = deliveryTo({ status: 500 });
    backlogs.add = () => Promise.reject(new ServiceError('unavailable', 'down'));
    expect(await deliver(subscription, made, leased, [0])).toBe('left');
    backlogs.add = () => Promise.reject(new TypeError('broken'));
    await expect(deliver(subscription, made, leased, [0])).rejects.toThrow('broken');
  });

  /** Delivers changes of a tenant to receivers that never answer, until one has to stay where it is; how many that took. */
  async function fill({ deliver }: Pick<ReturnType<typeof deliveryTo>, 'deliver'>, tenant: string, receivers: number) {
    for (let n = 0; ; n++) {
      const one = aSubscription({ tenant, notificationUrl: `https://${receivers}.example/${n % receivers}` });
      const outcome = deliver(one, made, leased, [0]);
      if ((await Promise.race([outcome, new Promise(setImmediate)])) === 'left') return n;
    }
  }

  test('stays where it is when too many wait: those of a receiver leave room for others, and those of a tenant too', async () => {
    const delivery = deliveryTo(new Promise(() => {}));
    const ofReceiver = await fill(delivery, TENANT, 1);
    const ofTenant = ofReceiver + (await fill(delivery, TENANT, 100));
    // At most 4 MiB of a tenant, at a kibibyte each and a bit for the operation, and half of that of a receiver.
    expect(Math.floor(ofReceiver / 100)).toBe(20);
    expect(Math.floor(ofTenant / 100)).toBe(39);
    expect(await fill(delivery, OTHER_TENANT, 1)).toBeGreaterThan(1000);
  });

  test('takes as much memory as its operation', async () => {
    const message = 'x'.repeat(8192);
    const large = {
      ...made,
      version: { etag: 'e', operation: anOperation({ resultInfo: { code: 0, subcode: 0, message } }) },
    };
    const { deliver } = deliveryTo(new Promise(() => {}));
    let waiting = 0;
    for (; waiting < 1000; waiting++) {
      const outcome = deliver(subscription, large, leased, [0]);
      if ((await Promise.race([outcome, new Promise(setImmediate)])) === 'left') break;
    }
    expect(waiting).toBe(Math.floor((2 * 2 ** 20) / (17 * 1024)));
  });

  test('gives its memory back, whatever becomes of it', async () => {
    const { deliver, notify, backlogs } = deliveryTo({ status: 500 });
    backlogs.add = () => Promise.reject(new ServiceError('unavailable', 'down'));
    for (let n = 0; n < 5000; n++) await deliver(subscription, made, leased, [0]);
    backlogs.add = async () => {};
    for (let n = 0; n < 5000; n++) await notify(subscription, made, leased, [0]);
    expect(await deliver(subscription, made, leased, [0])).toBe('waiting');
  });
});

describe('an entry', () => {
  const lifecycle = lifecycleEntry(
    aSubscription({ lifecycleNotificationUrl: 'https://bot.example/lifecycle' }),
    'missed',
    new Date(NOW),
  );
  if (!lifecycle) throw new Error('It wants none.');

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

  test('that was not sent, since its receiver is busy, was not attempted', async () => {
    const { postpone, entries } = deliveryTo();
    await entries.create(lifecycle, leased, signal);
    await postpone(entries.only(), BUSY);
    const { entry, dueAt } = entries.only();
    expect(entry.attempts).toBe(0);
    expect(dueAt.getTime() - NOW).toBeLessThanOrEqual(60_000);
    expect(dueAt.getTime() - NOW).toBeGreaterThanOrEqual(15_000);
  });

  test('waits as long as the receiver asks, if that is longer', async () => {
    const { postpone, entries } = deliveryTo();
    await entries.create(lifecycle, leased, signal);
    await counted();
    await postpone(entries.only(), { cause: 'status 503', retryAfterMs: 200_000 });
    expect(entries.only().dueAt).toEqual(new Date(NOW + 200_000));
    expect(await counted()).toEqual([{ value: 1, attributes: { result: 'retried', cause: 'status 503' } }]);
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
    expect(entries.only()).toMatchObject({
      dueAt: leased,
      entry: { content: { kind: 'change', subscriptions: ['b'] } },
    });
    await keepFor(entries.only(), []);
    expect(entries.all()).toEqual([]);
  });
});
