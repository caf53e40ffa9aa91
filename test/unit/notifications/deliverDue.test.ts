import { describe, expect, test } from '@jest/globals';
import { REQUEST_DEADLINE_MS } from '../../../functions/httpHandler.ts';
import { createDeliverDue, GIVE_UP_AFTER_MS, RUN_MS } from '../../../shared/notifications/deliverDue.ts';
import { createDelivery, LEASE_MS } from '../../../shared/notifications/delivery.ts';
import { lifecycleEntry, type OutboxRepository } from '../../../shared/notifications/outboxEntry.ts';
import type { PostOptions } from '../../../shared/notifications/receiver.ts';
import { EXPIRATION_GRACE_MS, type StoredSubscription } from '../../../shared/notifications/subscription.ts';
import type { StoredOperation } from '../../../shared/operation/repository.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { registerMetrics } from '../../support/metrics.ts';
import { aSubscription, changeEntry, memoryOutbox } from '../../support/notifications.ts';
import { anOperation, TENANT } from '../../support/operations.ts';

const recorded = registerMetrics();

const NOW = Date.parse('2026-01-01T00:01:00Z');
const signal = new AbortController().signal;
const due = new Date(NOW - 1);
const tooOld = new Date(NOW - GIVE_UP_AFTER_MS - 1);

/** How many notifications of a receiver a run takes at first: one that it sends, and 64 that wait. */
const TAKEN = 65;

/** More pauses than any run here needs. */
const MOST_PAUSES = 1000;

const turn = () => new Promise(setImmediate);

/** An outbox, what instances run on it, and what their receivers get. */
function setUp({
  subscriptions = [aSubscription({ id: 's' })],
  expired = [],
  operation = { operation: anOperation({ id: 'o' }), etag: 'e', writes: ['w', 'v'] },
  isRenewed = false,
  isGone = false,
  pageSize = 1000,
  entries: changes = {},
  list = async () => subscriptions,
  respond = async () => 200,
}: {
  subscriptions?: StoredSubscription[];
  expired?: StoredSubscription[];
  operation?: StoredOperation | null | Error;
  isRenewed?: boolean;
  /** Whether another run removes the subscriptions that have expired. */
  isGone?: boolean;
  pageSize?: number;
  entries?: Partial<OutboxRepository>;
  list?: (tenant: string) => Promise<StoredSubscription[]>;
  /** The status of a response to a URL, which is the n-th. */
  respond?: (url: string, n: number) => Promise<number>;
} = {}) {
  const entries = { ...memoryOutbox({ pageSize }), ...changes };
  const posted: { url: string; body: { value: Record<string, unknown>[] }; startBy: number | undefined }[] = [];
  const receivers = {
    post: async (url: string, body: string, { startBy }: PostOptions = {}) => {
      posted.push({ url, body: JSON.parse(body), startBy });
      return { status: await respond(url, posted.length), headers: {}, body: '' };
    },
  };
  const expiredBefore: Date[] = [];
  const removed: string[] = [];
  const recordedDeliveries: unknown[] = [];
  const tenants: string[] = [];
  const repository = {
    list: (tenant: string) => {
      tenants.push(tenant);
      return list(tenant);
    },
    listExpired: async (before: Date) => {
      expiredBefore.push(before);
      return expired;
    },
    create: async () => {},
    update: async () => true,
    recordDelivery: async (key: object, lastDelivery: object) => {
      recordedDeliveries.push({ ...key, lastDelivery });
    },
    remove: async () => true,
    removeExpired: async ({ id }: StoredSubscription) => {
      await turn();
      await turn();
      if (isRenewed || isGone) return false;
      removed.push(id);
      return true;
    },
  };
  const get = async () => {
    if (operation instanceof Error) throw operation;
    return operation ?? undefined;
  };
  const pauses: number[] = [];
  const createRun = () => {
    const sleep = async (milliseconds: number) => {
      pauses.push(milliseconds);
      if (pauses.length > MOST_PAUSES) throw new Error('The run does not end.');
      await turn();
    };
    const now = () => NOW;
    const delivery = createDelivery({ entries, subscriptions: repository, receivers, now, sleep });
    return createDeliverDue({ entries, subscriptions: repository, operations: { get }, delivery, now, sleep });
  };
  const run = createRun();
  const seen = { posted, pauses, expiredBefore, removed, recordedDeliveries, tenants };
  return { entries, ...seen, createRun, run: (until = signal) => run(until) };
}

/** Subscriptions whose receivers are `https://bot.example/{id}`. */
const subscriptionsOf = (...ids: string[]) =>
  ids.map((id) => aSubscription({ id, notificationUrl: `https://bot.example/${id}` }));

async function createMany(entries: OutboxRepository, count: number, ...subscriptions: string[]) {
  for (let n = 0; n < count; n++) await entries.create(changeEntry({ subscriptions }), due, signal);
}

describe('what is due', () => {
  test('is delivered and removed; what is not stays', async () => {
    const { entries, posted, run } = setUp();
    await entries.create(changeEntry(), due, signal);
    await entries.create(changeEntry(), new Date(NOW), signal);
    const later = await entries.create(changeEntry(), new Date(NOW + 1), signal);
    expect(await run()).toEqual({ sent: 2, failed: 0, dropped: 0, discarded: 0, oldestSeconds: 60 });
    expect(entries.only()).toEqual(later);
    expect(posted.map(({ body }) => body.value[0]?.subscriptionId)).toEqual(['s', 's']);
  });

  test('and is not accepted is due again later', async () => {
    const { entries, run } = setUp({ respond: async () => 500 });
    await entries.create(changeEntry(), due, signal);
    expect(await run()).toMatchObject({ sent: 0, failed: 1 });
    expect(entries.only().entry.attempts).toBe(1);
    expect(entries.only().dueAt.getTime()).toBeGreaterThan(NOW);
  });

  test.each([
    [200, 'delivered'],
    [503, 'status 503'],
  ])('is recorded as the last delivery of its subscription (%i: %s)', async (status, outcome) => {
    const { entries, recordedDeliveries, run } = setUp({ respond: async () => status });
    await entries.create(changeEntry(), due, signal);
    await run();
    expect(recordedDeliveries).toEqual([{ tenant: TENANT, id: 's', lastDelivery: { at: new Date(NOW), outcome } }]);
  });

  test('is found on every page of the outbox, and wherever the listing begins', async () => {
    const { entries, run } = setUp({ pageSize: 2 });
    const digits = Array.from({ length: 16 }, (_, n) => n.toString(16));
    for (const first of digits) {
      await entries.create({ ...changeEntry(), id: `${first}0-first` }, due, signal);
      await entries.create({ ...changeEntry(), id: `${first}f-last` }, due, signal);
    }
    expect(await run()).toMatchObject({ sent: 32 });
    expect(entries.all()).toEqual([]);
  });

  test('is delivered once by several instances', async () => {
    const { entries, posted, createRun } = setUp({ subscriptions: subscriptionsOf('a', 'b') });
    await createMany(entries, 20, 'a');
    await createMany(entries, 20, 'a', 'b');
    const reports = await Promise.all([createRun()(signal), createRun()(signal), createRun()(signal)]);
    expect(reports.reduce((sum, { sent }) => sum + sent, 0)).toBe(60);
    expect([posted.length, entries.all()]).toEqual([60, []]);
  });

  test('belongs to an instance for the time of its lease', async () => {
    const dueAt: number[] = [];
    const { entries, run } = setUp({
      respond: async () => {
        dueAt.push(...entries.all().map((stored) => stored.dueAt.getTime()));
        return 200;
      },
    });
    await entries.create(changeEntry(), due, signal);
    await run();
    expect(dueAt).toEqual([NOW + LEASE_MS]);
  });

  test('is nothing of a request that may still run, even by a clock that is a minute ahead', async () => {
    const { entries, posted, run } = setUp();
    const made = NOW - 60_000 - REQUEST_DEADLINE_MS;
    await entries.create(changeEntry(), new Date(made + LEASE_MS), signal);
    await run();
    expect([posted.length, entries.all().length]).toEqual([0, 1]);
  });
});

test('each run begins somewhere else in the outbox, so that nothing is always last', async () => {
  const ranges: unknown[] = [];
  const { run } = setUp({
    entries: {
      list: async (range) => {
        ranges.push(range);
        return { entries: [], next: undefined };
      },
    },
  });
  for (let n = 0; n < 20; n++) await run();
  expect(ranges).toHaveLength(40);
  const middles = ranges.filter((_, n) => n % 2 === 0).map((range) => Object(range).least);
  expect(ranges).toEqual(middles.flatMap((middle) => [{ least: middle }, { below: middle }]));
  for (const middle of middles) expect(middle).toMatch(/^[0-9a-f]{2}$/);
  expect(new Set(middles).size).toBeGreaterThan(1);
});

test('the age of the oldest entry is measured, whether it is due or not', async () => {
  const { entries, run } = setUp();
  const aged = (seconds: number) => ({ ...changeEntry(), createdAt: new Date(NOW - seconds * 1000) });
  await entries.create(aged(90), due, signal);
  await entries.create(aged(120), new Date(NOW + 1000), signal);
  await entries.create(aged(30), due, signal);
  expect(await run()).toMatchObject({ sent: 2, oldestSeconds: 120 });
  expect(await recorded('playpromptoperation.outbox.oldest')).toEqual([{ value: 120, attributes: {} }]);
});

test('the age of the oldest entry is not measured by a run that cannot list the outbox', async () => {
  const { run } = setUp({ entries: { list: () => Promise.reject(new ServiceError('unavailable', 'down')) } });
  await expect(run()).rejects.toMatchObject({ reason: 'unavailable' });
  expect(await recorded('playpromptoperation.outbox.oldest')).toEqual([]);
});

test('an entry for several subscriptions is delivered to each that is live', async () => {
  const ended = aSubscription({ id: 'c', expiration: new Date(NOW) });
  const { entries, posted, run } = setUp({ subscriptions: [...subscriptionsOf('a', 'b'), ended] });
  await createMany(entries, 1, 'a', 'b', 'c', 'd');
  expect(await run()).toMatchObject({ sent: 2, discarded: 2 });
  expect(posted.map(({ url }) => url).toSorted()).toEqual(['https://bot.example/a', 'https://bot.example/b']);
  expect(entries.all().length).toBe(0);
});

describe('a change', () => {
  const versionOf = (writes: string[]) => ({ operation: anOperation({ id: 'o' }), etag: 'e', writes });
  test.each([
    ['that was written is notified', versionOf(['x', 'w', 'v']), 'updated', 1, true],
    ['that was not written is discarded', versionOf(['x', 'v']), 'updated', 0, false],
    ['whose write is too long ago to be known is notified', versionOf(['x', 'y']), 'updated', 1, true],
    ['of an operation that is gone is notified by its id', null, 'updated', 1, false],
    ['of an operation that is damaged is notified by its id', new Error('damaged'), 'updated', 1, false],
    ['that is a deletion is notified by its id', versionOf(['x']), 'deleted', 1, false],
    ['that is a deletion which did not happen is discarded', versionOf(['v']), 'deleted', 0, false],
  ] as const)('%s', async (_, operation, changeType, count, isWhole) => {
    const { entries, posted, run } = setUp({ operation });
    await entries.create(changeEntry({ changeType }), due, signal);
    expect(await run()).toMatchObject({ sent: count, discarded: 1 - count });
    expect(posted).toHaveLength(count);
    const [data] = posted.map(({ body }) => Object(body.value[0]).resourceData);
    if (count > 0) expect([data.id, '@odata.etag' in data]).toEqual(['o', isWhole]);
    expect(entries.all().length).toBe(0);
  });

  test('whose operation cannot be read now stays', async () => {
    const { entries, run } = setUp({ operation: new ServiceError('unavailable', 'down') });
    await entries.create(changeEntry(), due, signal);
    await expect(run()).rejects.toMatchObject({ reason: 'unavailable' });
    expect(entries.all().length).toBe(1);
  });

  test('is dropped when it is too old, and missed is stored for its subscription', async () => {
    const subscription = aSubscription({ id: 's', lifecycleNotificationUrl: 'https://bot.example/lifecycle' });
    const { entries, posted, run } = setUp({ subscriptions: [subscription] });
    await recorded('');
    await entries.create({ ...changeEntry(), createdAt: tooOld }, due, signal);
    expect(await run()).toMatchObject({ sent: 0, dropped: 1, discarded: 0 });
    expect(await recorded('playpromptoperation.notifications')).toEqual([
      { value: 1, attributes: { result: 'dropped', cause: 'too old' } },
    ]);
    expect(entries.all().map(({ entry }) => entry.content)).toMatchObject([{ lifecycleEvent: 'missed' }]);
    expect(await run()).toMatchObject({ sent: 1 });
    expect(posted).toMatchObject([
      { url: 'https://bot.example/lifecycle', body: { value: [{ lifecycleEvent: 'missed' }] } },
    ]);
  });

  test('is attempted for exactly 4 hours, and so is a lifecycle notification', async () => {
    const subscription = aSubscription({ id: 's', lifecycleNotificationUrl: 'https://bot.example/lifecycle' });
    const { entries, run } = setUp({ subscriptions: [subscription] });
    const createdAt = new Date(NOW - 4 * 60 * 60_000);
    const lifecycle = (at: Date) => {
      const entry = lifecycleEntry(subscription, 'missed', at);
      if (!entry) throw new Error('The subscription has an address.');
      return entry;
    };
    await entries.create({ ...changeEntry(), createdAt }, due, signal);
    await entries.create(lifecycle(createdAt), due, signal);
    expect(await run()).toMatchObject({ sent: 2, dropped: 0 });
    await entries.create(lifecycle(tooOld), due, signal);
    expect(await run()).toMatchObject({ sent: 0, dropped: 1 });
    expect(entries.all()).toEqual([]);
  });

  test('is sent although a page before it was read when its subscription did not exist', async () => {
    let lists = 0;
    const list = async () => (lists++ === 0 ? [] : [aSubscription({ id: 's' })]);
    const { entries, run } = setUp({ list, pageSize: 1 });
    await createMany(entries, 2, 's');
    expect(await run()).toMatchObject({ sent: 1, discarded: 1 });
  });

  test('is sent before the run ends, or not by this run', async () => {
    const { entries, posted, run } = setUp();
    await entries.create(changeEntry(), due, signal);
    await run();
    expect(posted).toMatchObject([{ startBy: NOW + RUN_MS }]);
  });

  test('is discarded when its subscription is gone, however old it is', async () => {
    const { entries, run } = setUp({ subscriptions: [] });
    await entries.create({ ...changeEntry(), createdAt: tooOld }, due, signal);
    expect(await run()).toMatchObject({ dropped: 0, discarded: 1 });
    expect(entries.all()).toEqual([]);
  });
});

describe('a failure of the store', () => {
  test('for one tenant is reported after the others have their notifications', async () => {
    const { entries, posted, tenants, run } = setUp({
      list: async (tenant) => {
        if (tenant === 'broken') throw new ServiceError('unavailable', 'down');
        return [aSubscription({ id: 's' })];
      },
    });
    for (const tenant of ['broken', TENANT, 'broken', TENANT]) {
      await entries.create({ ...changeEntry(), tenant }, due, signal);
    }
    await expect(run()).rejects.toMatchObject({ reason: 'unavailable' });
    expect([posted.length, entries.all().length]).toEqual([2, 2]);
    // The subscriptions of a tenant are listed once for each page.
    expect(new Set(tenants)).toEqual(new Set([TENANT, 'broken']));
    expect(tenants.length).toBeLessThanOrEqual(4);
  });

  test('to list the outbox is reported', async () => {
    const { run } = setUp({ entries: { list: () => Promise.reject(new ServiceError('unavailable', 'down')) } });
    await expect(run()).rejects.toMatchObject({ reason: 'unavailable' });
  });

  test('that the end of the run causes is none', async () => {
    const until = new AbortController();
    const { entries, run } = setUp({
      list: async () => {
        until.abort();
        throw new ServiceError('unavailable', 'aborted');
      },
    });
    await entries.create(changeEntry(), due, signal);
    expect(await run(until.signal)).toMatchObject({ sent: 0, discarded: 0 });
    expect(entries.all().length).toBe(1);
  });
});

describe('a subscription that has expired', () => {
  const wanting = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/l' });

  test('is removed, and notified of that by the next run', async () => {
    const expired = [wanting, aSubscription()].map((each) => ({ ...each, etag: 'e' }));
    const { entries, expiredBefore, removed, run } = setUp({ expired });
    expect(await run()).toMatchObject({ sent: 0 });
    expect(removed).toEqual(expired.map(({ id }) => id));
    expect(expiredBefore).toEqual([new Date(NOW - EXPIRATION_GRACE_MS)]);
    const { entry, dueAt } = entries.only();
    expect(entry.content).toMatchObject({ lifecycleEvent: 'subscriptionRemoved', subscriptionId: wanting.id });
    // Not while this run may find that it was renewed.
    expect([entry.createdAt, dueAt]).toEqual([new Date(NOW), new Date(NOW + LEASE_MS)]);
  });

  test('is notified of nothing when it was renewed in the meantime', async () => {
    const { entries, run } = setUp({
      expired: [{ ...wanting, etag: 'e' }],
      subscriptions: [wanting],
      isRenewed: true,
    });
    await run();
    expect(entries.all()).toEqual([]);
  });

  test('is notified although another run, which found its entry in the outbox, has removed it in the meantime', async () => {
    const { entries, run } = setUp({ expired: [{ ...wanting, etag: 'e' }], subscriptions: [], isGone: true });
    await run();
    expect(entries.only().entry.content).toMatchObject({ lifecycleEvent: 'subscriptionRemoved' });
  });
});

test('a live subscription gets no subscriptionRemoved', async () => {
  const renewed = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/l' });
  const entry = lifecycleEntry(renewed, 'subscriptionRemoved', new Date(NOW));
  if (!entry) throw new Error('It wants none.');
  for (const [subscriptions, outcome] of [
    [[renewed], { sent: 0, discarded: 1 }],
    [[], { sent: 1, discarded: 0 }],
    [[{ ...renewed, expiration: new Date(NOW) }], { sent: 1, discarded: 0 }],
  ] as const) {
    const { entries, run } = setUp({ subscriptions: [...subscriptions] });
    await entries.create(entry, due, signal);
    expect(await run()).toMatchObject(outcome);
    expect(entries.all()).toEqual([]);
  }
});

type Recorder = (n: number, running: number) => void;

describe('a receiver that fails', () => {
  /** Responds to one request after the other, when what followed the response before has ended. */
  function oneByOne(statusOf: (n: number) => number) {
    let last: Promise<unknown> = Promise.resolve();
    return async (_: string, n: number) => {
      const before = last;
      const { promise, resolve } = Promise.withResolvers<void>();
      last = promise;
      await before;
      await turn();
      resolve();
      return statusOf(n);
    };
  }

  test('three times in a row is left to the next run', async () => {
    const outbox = memoryOutbox();
    let passes = 0;
    const list: OutboxRepository['list'] = (range, ...rest) => {
      if (range.least !== undefined) passes += 1;
      return outbox.list(range, ...rest);
    };
    const { entries, posted, run } = setUp({ entries: { ...outbox, list }, respond: oneByOne(() => 500) });
    await createMany(entries, 3 * TAKEN, 's');
    expect(await run()).toMatchObject({ sent: 0, failed: 3 });
    expect(posted).toHaveLength(3);
    const attempted = entries.all().filter(({ entry }) => entry.attempts === 1);
    expect([attempted.length, entries.all().length]).toEqual([3, 3 * TAKEN]);
    // What it had no room for at first is not looked for again.
    expect(passes).toBe(1);
  });

  /** Responds after some turns of the event loop, so that requests overlap. */
  const overlapping = (
    statusOf: (n: number) => number,
    turnsOf: (n: number) => number,
    record: Recorder = () => {},
  ) => {
    let running = 0;
    return async (_: string, n: number) => {
      record(n, ++running);
      for (let turns = turnsOf(n); turns > 0; turns--) await turn();
      running -= 1;
      return statusOf(n);
    };
  };

  test('three times in a row is left, although a request that was under way is accepted afterwards', async () => {
    const slow = 40;
    let latest = 0;
    const { entries, posted, run } = setUp({
      respond: overlapping(
        (n) => {
          if (n === slow) latest = posted.length;
          return n <= slow ? 200 : 500;
        },
        (n) => (n === slow ? 200 : 20),
      ),
    });
    await createMany(entries, 3 * TAKEN, 's');
    const { sent, failed } = await run();
    expect([sent, failed >= 3]).toEqual([slow, true]);
    expect(posted).toHaveLength(latest);
  });

  test('is sent fewer concurrently', async () => {
    const seen: [n: number, running: number][] = [];
    const { entries, run } = setUp({
      respond: overlapping(
        (n) => (n < 40 || n % 3 === 0 ? 200 : 500),
        () => 20,
        (...one) => seen.push(one),
      ),
    });
    await createMany(entries, 120, 's');
    await run();
    const most = (from: number, to: number) =>
      Math.max(...seen.filter(([n]) => n >= from && n < to).map(([, running]) => running));
    expect(most(0, 40)).toBeGreaterThan(8);
    expect(most(70, 120)).toBeLessThan(5);
  });

  test('now and then gets everything that is due', async () => {
    const { entries, run } = setUp({ respond: oneByOne((n) => (n % 3 === 0 ? 200 : 500)) });
    await createMany(entries, 60, 's');
    expect(await run()).toMatchObject({ sent: 20, failed: 40 });
  });

  test('is the same however its URL is written, and whatever its query', async () => {
    const origin = 'https://bot.example';
    const urls = [`${origin}/`, 'HTTPS://Bot.example:443', `${origin}/?key=1`, `${origin}?`];
    const subscriptions = urls.map((notificationUrl, n) => aSubscription({ id: `${n}`, notificationUrl }));
    const other = aSubscription({ id: 'other', notificationUrl: 'https://bot.example/other' });
    const { entries, run } = setUp({
      subscriptions: [...subscriptions, other],
      respond: (url, n) => (url === other.notificationUrl ? Promise.resolve(200) : fail(url, n)),
    });
    const fail = oneByOne(() => 500);
    for (const { id } of subscriptions) await createMany(entries, 20, id);
    await createMany(entries, 20, other.id);
    expect(await run()).toMatchObject({ sent: 20, failed: 3 });
  });
});

describe('a backlog', () => {
  const subscriptions = subscriptionsOf('a', 'b');

  test('of more notifications than wait for one receiver is delivered in one run', async () => {
    const outbox = memoryOutbox();
    const leased: string[] = [];
    const replace: OutboxRepository['replace'] = (stored, changes, until) => {
      leased.push(stored.entry.id);
      return outbox.replace(stored, changes, until);
    };
    const { entries, pauses, run } = setUp({ subscriptions, entries: { ...outbox, replace } });
    await createMany(entries, 3 * TAKEN, 'a');
    expect(await run()).toMatchObject({ sent: 3 * TAKEN });
    expect(outbox.all().length).toBe(0);
    // Each is taken once, although it is listed in every pass until it is delivered.
    expect([leased.length, new Set(leased).size]).toEqual([3 * TAKEN, 3 * TAKEN]);
    expect(new Set(pauses)).toEqual(new Set([100]));
  });

  test('of a receiver that hangs keeps no other one waiting, and the run ends with its signal', async () => {
    const until = new AbortController();
    const aborted = new Promise<number>((resolve) => until.signal.addEventListener('abort', () => resolve(200)));
    const { entries, posted, run } = setUp({
      subscriptions,
      respond: (url) => (url.endsWith('/a') ? aborted : Promise.resolve(200)),
    });
    await createMany(entries, 2 * TAKEN, 'a');
    await createMany(entries, 2 * TAKEN, 'b');
    let isOver = false;
    const ended = run(until.signal).finally(() => {
      isOver = true;
    });
    while (!isOver && posted.filter(({ url }) => url.endsWith('/b')).length < 2 * TAKEN) await turn();
    until.abort();
    const { sent } = await ended;
    // Those that were sent already when the run ended are counted; the rest waits for the next run.
    expect(sent).toBe(2 * TAKEN + 1);
    expect(entries.all().length).toBe(2 * TAKEN - 1);
  });

  test('is not read again before a receiver that had no room has room for half as many', async () => {
    const outbox = memoryOutbox();
    const room: number[] = [];
    let started = 0;
    const list: OutboxRepository['list'] = (range, ...rest) => {
      if (range.least !== undefined) room.push(started);
      return outbox.list(range, ...rest);
    };
    const { entries, run } = setUp({
      subscriptions,
      entries: { ...outbox, list },
      respond: async () => {
        started += 1;
        await turn();
        return 200;
      },
    });
    await createMany(entries, 3 * TAKEN, 'a');
    expect(await run()).toMatchObject({ sent: 3 * TAKEN });
    const between = room.slice(1).map((at, pass) => at - (room[pass] ?? 0));
    expect(between.length).toBeGreaterThan(1);
    expect(Math.min(...between)).toBeGreaterThanOrEqual(32);
  });

  test('is sent to one receiver one after the other at first, and up to 16 at once as it accepts them', async () => {
    let running = 0;
    const concurrent: number[] = [];
    const { entries, run } = setUp({
      subscriptions,
      respond: async () => {
        concurrent.push(++running);
        for (let turns = 0; turns < 20; turns++) await turn();
        running -= 1;
        return 200;
      },
    });
    await createMany(entries, 3 * TAKEN, 'a');
    await run();
    expect(concurrent.slice(0, 3)).toEqual([1, 1, 2]);
    expect(Math.max(...concurrent)).toBe(16);
  });

  test('of changes that did not take effect is discarded several at a time', async () => {
    const outbox = memoryOutbox();
    let running = 0;
    let most = 0;
    const remove: OutboxRepository['remove'] = async (...removal) => {
      most = Math.max(most, ++running);
      for (let turns = 0; turns < 20; turns++) await turn();
      running -= 1;
      return outbox.remove(...removal);
    };
    const operation = { operation: anOperation({ id: 'o' }), etag: 'e', writes: ['x', 'v'] };
    const { run } = setUp({ subscriptions, operation, entries: { ...outbox, remove } });
    await createMany(outbox, 2 * TAKEN, 'a');
    expect(await run()).toMatchObject({ sent: 0, discarded: 2 * TAKEN });
    expect(most).toBe(16);
  });

  test('that is too old keeps no notification waiting', async () => {
    const { entries, posted, run } = setUp({ subscriptions });
    for (let n = 0; n < 2 * TAKEN; n++) {
      await entries.create({ ...changeEntry({ subscriptions: ['a'] }), createdAt: tooOld }, due, signal);
    }
    await createMany(entries, 1, 'b');
    expect(await run()).toMatchObject({ sent: 1, dropped: 2 * TAKEN });
    expect(posted.map(({ url }) => url)).toEqual(['https://bot.example/b']);
  });

  test('is not listed further when the run is over', async () => {
    const until = new AbortController();
    const outbox = memoryOutbox({ pageSize: 1 });
    let pages = 0;
    const list: OutboxRepository['list'] = (range, from, of) => {
      pages += 1;
      until.abort();
      return outbox.list(range, from, of);
    };
    const { run } = setUp({ subscriptions, entries: { ...outbox, list } });
    await createMany(outbox, 20, 'a');
    await run(until.signal);
    // One page of each of the two ranges.
    expect([pages, outbox.all().length]).toEqual([2, 20]);
  });

  test('whose run is over before it begins stays', async () => {
    const { entries, posted, run } = setUp({ subscriptions });
    await createMany(entries, 1, 'a', 'b');
    expect(await run(AbortSignal.abort())).toMatchObject({ sent: 0, dropped: 0, discarded: 0 });
    expect([posted.length, entries.all().length]).toEqual([0, 1]);
  });
});
