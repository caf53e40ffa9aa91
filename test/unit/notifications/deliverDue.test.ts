import { describe, expect, jest, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { REQUEST_DEADLINE_MS } from '../../../functions/httpHandler.ts';
import { CAUGHT_UP_AFTER_MS, REMOVE_AFTER_MS } from '../../../shared/notifications/backlog.ts';
import { createDeliverDue, GIVE_UP_AFTER_MS, RUN_MS } from '../../../shared/notifications/deliverDue.ts';
import { LEASE_MS } from '../../../shared/notifications/delivery.ts';
import { ReceiverError } from '../../../shared/notifications/receiver.ts';
import {
  type Backlog,
  EXPIRATION_GRACE_MS,
  type StoredSubscription,
} from '../../../shared/notifications/subscription.ts';
import type { StoredOperation } from '../../../shared/operation/repository.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { registerMetrics } from '../../support/metrics.ts';
import {
  aSubscription,
  change,
  changeEntry,
  lifecycleEntryOf,
  memoryDelivery,
  type Reply,
  SIGNING_SECRET,
} from '../../support/notifications.ts';
import { anOperation, TENANT } from '../../support/operations.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const recorded = registerMetrics();

const NOW = Date.parse('2026-01-01T00:01:00Z');
const MINUTE = 60_000;
const signal = new AbortController().signal;
const due = new Date(NOW - 1);
const tooOld = new Date(NOW - GIVE_UP_AFTER_MS - 1);
const down = new ServiceError('unavailable', 'down');
const turn = () => new Promise(setImmediate);
async function turns(count: number) {
  for (let n = 0; n < count; n++) await turn();
}

const versionOf = (...writes: string[]) => ({ operation: anOperation({ id: 'o' }), etag: 'e', writes });

interface Options {
  subscriptions?: StoredSubscription[];
  expired?: StoredSubscription[];
  /** Whether a subscription that has expired can be removed: otherwise it was renewed, or another run has removed it. */
  isRemovable?: boolean;
  operation?: StoredOperation | undefined | Error;
  pageSize?: number;
  tenants?: string[];
  list?: (tenant: string) => Promise<StoredSubscription[]>;
  respond?: (url: string, n: number) => Reply | Promise<Reply>;
}

/** An outbox and backlogs, what instances run on them, and what their receivers get. */
function setUp(options: Options = {}) {
  const { subscriptions = [aSubscription({ id: 's' })], expired = [], isRemovable = true } = options;
  const { tenants = [TENANT, OTHER_TENANT, 'broken'], pageSize = 1000 } = options;
  const { list = async (tenant: string) => subscriptions.filter((each) => each.tenant === tenant) } = options;
  const operation = 'operation' in options ? options.operation : versionOf('w', 'v');
  const clock = { now: NOW };
  const now = () => clock.now;
  const memory = memoryDelivery(now, options.respond, pageSize);
  const { entries, backlogRepository } = memory;
  const { backlogs } = backlogRepository;
  const [removed, pauses]: [string[], number[]] = [[], []];
  const listExpired = jest.fn(async (_before: Date, from = '0') => {
    const end = Number(from) + pageSize;
    return { expired: expired.slice(Number(from), end), next: end < expired.length ? `${end}` : undefined };
  });
  const repository = {
    list: async (tenant: string) =>
      (await list(tenant)).map((each) => {
        const backlog = backlogs.get(each.id);
        return backlog ? { ...each, backlog } : each;
      }),
    listExpired,
    create: async () => {},
    update: async () => true,
    recordDelivery: async () => {},
    remove: async () => true,
    removeExpired: async ({ id }: StoredSubscription) => {
      await turns(2);
      if (isRemovable) removed.push(id);
      return isRemovable;
    },
  };
  const get = jest.fn(async () => {
    if (operation instanceof Error) throw operation;
    return operation;
  });
  const sleep = async (milliseconds: number) => {
    if (pauses.push(milliseconds) > 1000) throw new Error('The run does not end.');
    await turn();
  };
  const createRun = () => {
    const instance = { entries, backlogRepository, ...memory.newInstance() };
    return createDeliverDue({ ...instance, subscriptions: repository, operations: { get }, tenants, now, sleep });
  };
  const run = createRun();
  /** Changes the backlog of a subscription. */
  const touch = (changes: Partial<Backlog>, subscriptionId = 's', tenant = TENANT) =>
    backlogRepository.touch({ tenant, subscriptionId }, { touchedAt: due, ...changes }, signal);
  return {
    ...{ ...memory, clock, pauses, listExpired, removed, changesOf: backlogRepository.changesOf, backlogs },
    ...{ createRun, touch, get },
    /** Puts an entry into the outbox that is due. */
    create: (entry = changeEntry()) => entries.create(entry, due, signal),
    async createMany(count: number, ...ids: string[]) {
      for (let n = 0; n < count; n++) await entries.create(changeEntry({ subscriptions: ids }), due, signal);
    },
    /** Puts changes into the backlog of a subscription. */
    async wait(subscriptionId: string, count: number, tenant = TENANT) {
      const each = () => ({ id: crypto.randomUUID(), createdAt: new Date(NOW), change });
      await backlogRepository.add(subscriptionId, Array.from({ length: count }, each), signal);
      await touch({ touchedAt: new Date(NOW) }, subscriptionId, tenant);
    },
    backlogOf(id: string) {
      const backlog = backlogs.get(id);
      if (!backlog) throw new Error(`There is no backlog of ${id}.`);
      return backlog;
    },
    run: (until = signal) => run(until),
  };
}

const ended = aSubscription({ id: 's', expiration: new Date(NOW) });

/** Subscriptions whose receivers are `https://bot.example/{id}`. */
const subscriptionsOf = (...ids: string[]) =>
  ids.map((id) => aSubscription({ id, notificationUrl: `https://bot.example/${id}` }));

/** A subscription to lifecycle notifications too. */
const wanting = aSubscription({
  ...{ id: 's', lifecycleNotificationUrl: 'https://bot.example/lifecycle', clientState: SIGNING_SECRET },
});

describe('what is due', () => {
  test('and is not accepted waits in the backlog of its subscription, which a later run delivers', async () => {
    let status = 500;
    const { entries, create, changesOf, run } = setUp({ respond: () => status });
    await create();
    expect(await run()).toMatchObject({ sent: 0, failed: 1 });
    expect([entries.all(), changesOf('s').length]).toEqual([[], 1]);
    status = 200;
    expect(await run()).toMatchObject({ sent: 1, failed: 0 });
    expect(changesOf('s')).toEqual([]);
  });

  test('joins the backlog of its subscription, if its receiver has failed, and costs that nothing', async () => {
    const { entries, changesOf, posted, wait, touch, createMany, run } = setUp();
    await wait('s', 1);
    await touch({ retryAt: new Date(NOW + 1), failures: 1 });
    await createMany(3, 's');
    await run();
    expect([entries.all(), changesOf('s').length, posted]).toEqual([[], 4, []]);
  });

  test('is delivered once by several instances', async () => {
    const { entries, posted, wait, createMany, createRun } = setUp({ subscriptions: subscriptionsOf('a', 'b', 'c') });
    await createMany(20, 'a');
    await createMany(20, 'a', 'b');
    await wait('c', 100);
    const reports = await Promise.all([createRun()(signal), createRun()(signal), createRun()(signal)]);
    expect(reports.reduce((sum, { sent }) => sum + sent, 0)).toBe(160);
    expect([posted.length, entries.all()]).toEqual([160, []]);
  });

  test('belongs to an instance for its lease: longer than a request takes, even by a clock a minute ahead', async () => {
    const { entries, backlogRepository, run, wait, create } = setUp();
    const [replace, update] = [jest.spyOn(entries, 'replace'), jest.spyOn(backlogRepository, 'update')];
    await create();
    await wait('s', 1);
    await run();
    expect(replace.mock.calls[0]?.[1]).toEqual({ dueAt: new Date(NOW + LEASE_MS) });
    expect(update.mock.calls[0]?.[1]).toEqual({ retryAt: new Date(NOW + LEASE_MS) });
    expect(LEASE_MS).toBeGreaterThan(MINUTE + REQUEST_DEADLINE_MS);
  });

  test('is looked for from somewhere else in each run, so that nothing is always last', async () => {
    const { entries, run } = setUp();
    const listDue = jest.spyOn(entries, 'listDue');
    for (let n = 0; n < 20; n++) await run();
    expect(listDue.mock.calls.map(([at]) => at)).toEqual(Array(40).fill(new Date(NOW)));
    const ranges = listDue.mock.calls.map(([, range]) => range);
    const middles = ranges.flatMap(({ least }) => least ?? []);
    expect(ranges).toEqual(middles.flatMap((middle) => [{ least: middle }, { below: middle }]));
    expect(middles).toEqual(Array(20).fill(expect.stringMatching(/^[0-9a-f]{2}$/)));
    expect(new Set(middles).size).toBeGreaterThan(1);
  });

  test('is not listed further when the run is over, and what was not begun stays', async () => {
    const until = new AbortController();
    const { entries, createMany, run } = setUp({ pageSize: 1 });
    const { listDue } = entries;
    const listing = jest.spyOn(entries, 'listDue').mockImplementation((...args) => {
      until.abort();
      return listDue(...args);
    });
    await createMany(20, 's');
    await run(until.signal);
    // One page of each of the two ranges.
    expect([listing.mock.calls.length, entries.all().length]).toEqual([2, 20]);
  });

  test('is sent although a page before it was read when its subscription did not exist', async () => {
    let pages = 0;
    const list = async () => (pages < 2 ? [] : [aSubscription({ id: 's' })]);
    const { entries, createMany, run } = setUp({ list, pageSize: 1 });
    const { listDue } = entries;
    entries.listDue = async (...range) => {
      const page = await listDue(...range);
      // The entries of the page before have been looked at.
      await turns(10);
      if (page.entries.length > 0) pages += 1;
      return page;
    };
    await createMany(2, 's');
    expect(await run()).toMatchObject({ sent: 1, discarded: 1 });
  });
});

test('the age of the oldest that is due or in a backlog is measured, unless the outbox cannot be listed', async () => {
  const { entries, create, wait, touch, run } = setUp();
  await create({ ...changeEntry(), createdAt: new Date(NOW - 90_000) });
  expect(await run()).toMatchObject({ oldestSeconds: 90 });
  await wait('s', 1);
  await touch({ since: new Date(NOW - 120_000), retryAt: new Date(NOW + 1) });
  expect(await run()).toMatchObject({ oldestSeconds: 120 });
  expect(await recorded('playpromptoperation.outbox.oldest')).toEqual([{ value: 120, attributes: {} }]);
  entries.listDue = () => Promise.reject(down);
  await expect(run()).rejects.toMatchObject({ reason: 'unavailable' });
  expect(await recorded('playpromptoperation.outbox.oldest')).toEqual([]);
});

describe.each(['outbox', 'backlog'])('a change in the %s', (place) => {
  async function store({ entries, touch, backlogRepository }: ReturnType<typeof setUp>, of = changeEntry()) {
    const { content, ...entry } = of;
    if (content.kind !== 'change') throw new Error('It is of a change.');
    if (place === 'outbox') return entries.create({ ...entry, content }, due, signal);
    await touch({ touchedAt: new Date(NOW) });
    return backlogRepository.add('s', [{ ...entry, change: content }], signal);
  }
  const left = ({ entries, changesOf }: ReturnType<typeof setUp>) => entries.all().length + changesOf('s').length;

  test.each<[string, Options, 'updated' | 'deleted', count: number, isWhole: boolean]>([
    ['that was written is notified', { operation: versionOf('x', 'w', 'v') }, 'updated', 1, true],
    ['that was not written is discarded', { operation: versionOf('x', 'v') }, 'updated', 0, false],
    ['whose write is too long ago to be known is notified', { operation: versionOf('x', 'y') }, 'updated', 1, true],
    ['of an operation that is gone is notified by its id', { operation: undefined }, 'updated', 1, false],
    ['of a damaged operation is notified by its id', { operation: new Error('damaged') }, 'updated', 1, false],
    ['that is a deletion is notified by its id', { operation: versionOf('x') }, 'deleted', 1, false],
    ['that is a deletion which did not happen is discarded', { operation: versionOf('v') }, 'deleted', 0, false],
    ['whose subscription is gone is discarded', { subscriptions: [] }, 'updated', 0, false],
    ['whose subscription has ended is discarded', { subscriptions: [ended] }, 'updated', 0, false],
    ['whose tenant is not served any more is discarded', { tenants: [OTHER_TENANT] }, 'updated', 0, false],
  ])('%s', async (_, options, changeType, count, isWhole) => {
    const all = setUp(options);
    await store(all, changeEntry({ changeType }));
    expect(await all.run()).toMatchObject({ sent: count, dropped: 0, discarded: 1 - count });
    const found = all.posted.map(({ value, startBy }) => {
      const data = Object(value[0]).resourceData;
      return [data.id, '@odata.etag' in data, startBy];
    });
    // Before the run ends, or not by this run.
    expect(found).toEqual(Array(count).fill(['o', isWhole, NOW + RUN_MS]));
    expect(left(all)).toBe(0);
  });

  test('whose operation cannot be read now stays', async () => {
    const all = setUp({ operation: down });
    await store(all);
    await expect(all.run()).rejects.toMatchObject({ reason: 'unavailable' });
    expect(left(all)).toBe(1);
  });

  test('is attempted for exactly 4 hours, then dropped and missed', async () => {
    const all = setUp({ subscriptions: [wanting] });
    const { entries, posted, changesOf, run } = all;
    await recorded('');
    await store(all, { ...changeEntry(), createdAt: new Date(NOW - 4 * 60 * MINUTE) });
    expect(await run()).toMatchObject({ sent: 1, dropped: 0 });
    await store(all, { ...changeEntry(), createdAt: tooOld });
    expect(await run()).toMatchObject({ sent: 0, dropped: 1, discarded: 0 });
    expect(changesOf('s')).toEqual([]);
    expect(await recorded('playpromptoperation.notifications')).toEqual([
      { value: 1, attributes: { result: 'sent' } },
      { value: 1, attributes: { result: 'dropped', cause: 'too old' } },
    ]);
    expect(await run()).toMatchObject({ sent: 1 });
    const value = [{ lifecycleEvent: 'missed' }];
    expect(posted.at(-1)).toMatchObject({ url: 'https://bot.example/lifecycle', value });
    expect(entries.all()).toEqual([]);
  });
});

describe('a lifecycle notification', () => {
  const expired = { ...wanting, expiration: new Date(NOW) };
  const entryOf = (event: 'missed' | 'subscriptionRemoved', at = new Date(NOW)) => lifecycleEntryOf(wanting, event, at);

  test('that is too old is dropped, with the subscription that has expired', async () => {
    const { entries, create, posted, removed, run } = setUp({ subscriptions: [expired] });
    for (const event of ['missed', 'subscriptionRemoved'] as const) await create(entryOf(event, tooOld));
    expect(await run()).toMatchObject({ sent: 0, dropped: 2 });
    expect([entries.all(), posted, removed]).toEqual([[], [], ['s']]);
  });

  test.each([
    ['a removal', 'subscriptionRemoved', 'that is live', [wanting], false, 0],
    ['a removal', 'subscriptionRemoved', 'that is gone', [], false, 0],
    ['a removal', 'subscriptionRemoved', 'that has expired', [expired], true, 0],
    ['a removal', 'subscriptionRemoved', 'that changes meanwhile', [expired], true, 1],
    ['what was missed', 'missed', 'that is live', [wanting], true, 0],
  ] as const)('of %s (%s) of a subscription %s', async (_, event, _title, subscriptions, isSent, left) => {
    const all = setUp({ subscriptions: [...subscriptions], isRemovable: left === 0 });
    await all.create(entryOf(event));
    expect(await all.run()).toMatchObject({ sent: Number(isSent), discarded: Number(!isSent) });
    const isRemoved = isSent && event === 'subscriptionRemoved' && left === 0;
    expect([all.removed, all.entries.all().length]).toEqual([isRemoved ? ['s'] : [], left]);
    expect(all.posted.length).toBe(Number(isSent));
  });

  test('that is not accepted is due again later; each attempt is signed, with an id of the notification', async () => {
    let status = 500;
    const { entries, create, posted, clock, run } = setUp({ subscriptions: [wanting], respond: () => status });
    clock.now = Date.now();
    await create(entryOf('missed', new Date(clock.now)));
    expect(await run()).toMatchObject({ sent: 0, failed: 1 });
    expect(entries.only().entry.attempts).toBe(1);
    expect(entries.only().dueAt.getTime()).toBeGreaterThan(clock.now);
    clock.now += 2 * MINUTE;
    status = 200;
    await run();
    await create(entryOf('missed', new Date(clock.now)));
    await run();
    const ids = posted.map(({ message }) => message.headers['webhook-id']);
    expect([ids.length, ids[0] === ids[1], ids[1] === ids[2]]).toEqual([3, true, false]);
    const { body = '', headers = {} } = posted[1]?.message ?? {};
    const { value } = Object(new Webhook(SIGNING_SECRET).verify(body, headers));
    expect(value).toMatchObject([{ lifecycleEvent: 'missed', clientState: null }]);
  });

  test('is not sent to a tenant that is not served any more, and neither is anything else', async () => {
    const unserved = { tenants: [], expired: [wanting], subscriptions: [wanting] };
    const { entries, create, wait, changesOf, removed, posted, run } = setUp(unserved);
    await create(entryOf('missed'));
    await wait('s', 200);
    expect(await run()).toMatchObject({ discarded: 201 });
    expect([entries.all(), changesOf('s'), removed, posted]).toEqual([[], [], ['s'], []]);
  });
});

describe('a failure of the store', () => {
  test('for one tenant is reported after the others have their notifications', async () => {
    const { entries, create, posted, wait, run } = setUp({
      list: (tenant) => (tenant === 'broken' ? Promise.reject(down) : Promise.resolve([aSubscription({ id: 's' })])),
    });
    for (const tenant of ['broken', TENANT, 'broken', TENANT]) await create({ ...changeEntry(), tenant });
    await wait('other', 1, 'broken');
    await expect(run()).rejects.toMatchObject({ reason: 'unavailable' });
    expect(posted).toHaveLength(2);
    expect(entries.all().map(({ entry }) => entry.tenant)).toEqual(['broken', 'broken']);
  });

  test('that the end of the run causes is none', async () => {
    const until = new AbortController();
    const list = async () => {
      until.abort();
      throw down;
    };
    const { entries, create, run } = setUp({ list });
    await create();
    expect(await run(until.signal)).toMatchObject({ sent: 0, discarded: 0 });
    expect(entries.all()).toHaveLength(1);
  });
});

test('a subscription that has expired is removed, or first notified of that, once no renewal of it can be under way', async () => {
  const unnotified = { ...wanting, expiration: new Date(0) };
  const other = aSubscription();
  const stored = { expired: [unnotified, other], subscriptions: [unnotified], pageSize: 1 };
  const { entries, listExpired, removed, posted, clock, run } = setUp(stored);
  await run();
  await run();
  expect(removed).toEqual([other.id, other.id]);
  expect(listExpired.mock.calls[0]?.[0]).toEqual(new Date(NOW - EXPIRATION_GRACE_MS));
  const { entry, dueAt } = entries.only();
  expect([entry.createdAt, dueAt]).toEqual([new Date(NOW), new Date(NOW + LEASE_MS)]);
  clock.now = dueAt.getTime();
  await run();
  const value = [{ lifecycleEvent: 'subscriptionRemoved' }];
  expect(posted).toMatchObject([{ url: 'https://bot.example/lifecycle', value }]);
  expect([removed.includes('s'), entries.all()]).toEqual([true, []]);
});

describe('a backlog', () => {
  test('of a receiver that fails costs three attempts, and one the next times, which are ever further apart', async () => {
    const { posted, get, wait, clock, backlogOf, changesOf, run } = setUp({ respond: () => 500 });
    await wait('s', 500);
    for (const [visit, attempts] of [3, 4, 5, 6, 7].entries()) {
      await run();
      const { retryAt, failures } = backlogOf('s');
      expect([posted.length, failures]).toEqual([attempts, visit + 1]);
      expect(retryAt.getTime() - clock.now).toBeGreaterThanOrEqual((MINUTE / 2) * 2 ** visit);
      expect(retryAt.getTime() - clock.now).toBeLessThanOrEqual(MINUTE * 2 ** visit);
      clock.now = retryAt.getTime() - 1;
      await run();
      expect(posted).toHaveLength(attempts);
      clock.now += 1;
    }
    expect([get.mock.calls.length, changesOf('s').length]).toEqual([7, 500]);
  });

  test('is left alone for as long as the receiver asks', async () => {
    const { wait, backlogOf, posted, clock, run } = setUp({ respond: () => ({ status: 503, retryAfter: '3600' }) });
    await wait('s', 5);
    await run();
    const until = new Date(NOW + 60 * MINUTE);
    expect(backlogOf('s')).toMatchObject({ retryAt: until, quietUntil: until });
    const asked = posted.length;
    clock.now = until.getTime() - 1;
    await run();
    expect(posted).toHaveLength(asked);
  });

  test('is delivered in one run, one at a time at first and up to 16 at once as they are accepted', async () => {
    let running = 0;
    const concurrent: number[] = [];
    const { wait, changesOf, run } = setUp({
      respond: async () => {
        concurrent.push(++running);
        await turns(20);
        running -= 1;
        return 200;
      },
    });
    await wait('s', 200);
    expect(await run()).toMatchObject({ sent: 200 });
    expect(changesOf('s')).toEqual([]);
    expect(concurrent.slice(0, 3)).toEqual([1, 1, 2]);
    expect(Math.max(...concurrent)).toBe(16);
  });

  test('in which one change is never accepted holds up none of the others, and is attempted again in a minute', async () => {
    const { wait, changesOf, backlogOf, run } = setUp({ respond: (_, n) => (n % 10 === 0 ? 500 : 200) });
    await wait('s', 100);
    expect(await run()).toMatchObject({ sent: 90, failed: 10 });
    expect([changesOf('s').length, backlogOf('s').failures]).toEqual([10, 0]);
    expect(backlogOf('s').retryAt.getTime()).toBeLessThanOrEqual(NOW + MINUTE);
  });

  test('of a receiver that there is no place for is due again at once', async () => {
    const { wait, backlogOf, run } = setUp({ respond: () => Promise.reject(new ReceiverError('busy')) });
    await wait('s', 3);
    await run();
    expect(backlogOf('s')).toMatchObject({ failures: 0, retryAt: new Date(NOW) });
  });

  test('that is empty is removed once no instance has added to it for minutes, and none does meanwhile', async () => {
    const { wait, touch, backlogs, clock, backlogRepository, run } = setUp();
    await wait('s', 0);
    const { listWaiting } = backlogRepository;
    const listing = jest.spyOn(backlogRepository, 'listWaiting');
    const sizes: number[] = [];
    for (const [pause, isAdding] of [[REMOVE_AFTER_MS], [1, true], [REMOVE_AFTER_MS], [1]] as const) {
      clock.now += pause;
      listing.mockImplementation(async (...range) => {
        const page = await listWaiting(...range);
        if (isAdding) await touch({ touchedAt: new Date(clock.now) });
        return page;
      });
      await run();
      sizes.push(backlogs.size);
    }
    expect(sizes).toEqual([1, 1, 1, 0]);
  });

  test('whose run is over before it begins stays as it is', async () => {
    const { wait, backlogOf, run } = setUp();
    await wait('s', 1);
    const before = backlogOf('s');
    await run(AbortSignal.abort());
    expect(backlogOf('s')).toEqual(before);
  });
});

describe('a subscription that is saturated', () => {
  const setUpSaturated = async (status = 200) => {
    const all = setUp({ subscriptions: [wanting], respond: () => status });
    await all.wait('s', 100);
    await all.touch({ isSaturated: true });
    return all;
  };

  test('gets missed each time when it has caught up, not before every instance knows that it has', async () => {
    const { entries, backlogOf, run, wait, touch } = await setUpSaturated();
    expect(await run()).toMatchObject({ sent: 100 });
    expect(backlogOf('s').isSaturated).toBe(false);
    const { entry, dueAt } = entries.only();
    expect(entry.content).toMatchObject({ lifecycleEvent: 'missed', subscriptionId: 's' });
    expect(dueAt).toEqual(new Date(NOW + CAUGHT_UP_AFTER_MS));
    await wait('s', 1);
    await touch({ isSaturated: true });
    await run();
    expect(entries.all()).toHaveLength(2);
  });

  test('has not caught up while its receiver fails', async () => {
    const { entries, backlogOf, run } = await setUpSaturated(500);
    await run();
    expect([backlogOf('s').isSaturated, entries.all()]).toEqual([true, []]);
  });

  test('stays so if it is marked again while a run ends', async () => {
    const { backlogOf, backlogRepository, touch, run } = await setUpSaturated();
    const { update } = backlogRepository;
    backlogRepository.update = async (backlog, changes, until) => {
      if (changes.isSaturated === false) await touch({ isSaturated: true });
      return update(backlog, changes, until);
    };
    await run();
    expect(backlogOf('s').isSaturated).toBe(true);
  });
});

describe('a tenant', () => {
  test('with any number of entries and backlogs whose receivers hang keeps no other one waiting', async () => {
    const other = aSubscription({ id: 'other', tenant: OTHER_TENANT, notificationUrl: 'https://bot.example/other' });
    const until = new AbortController();
    const over = new Promise<Reply>((resolve) => until.signal.addEventListener('abort', () => resolve(500)));
    const ids = Array.from({ length: 100 }, (_, n) => `hostile-${n}`);
    const { create, createMany, posted, wait, run } = setUp({
      subscriptions: [...subscriptionsOf(...ids), other],
      respond: (url) => (url === other.notificationUrl ? 200 : over),
      pageSize: 50,
    });
    for (const id of ids) await wait(id, 20);
    for (let n = 0; n < 300; n++) {
      await createMany(1, ids[n % 90] ?? '');
      if (n % 5 === 0) await create({ ...changeEntry({ subscriptions: ['other'] }), tenant: OTHER_TENANT });
    }
    await wait('other', 30, OTHER_TENANT);
    const ended = run(until.signal);
    const notified = () => posted.filter(({ url }) => url === other.notificationUrl).length;
    for (let n = 0; n < 500 && notified() < 90; n++) await turn();
    until.abort();
    await ended;
    expect(notified()).toBeGreaterThanOrEqual(90);
  });

  test('whose entries have no room is looked at again when it has room for half as many, and each is taken once', async () => {
    const { entries, createMany, pauses, run } = setUp({ respond: () => turn().then(() => 200) });
    const [replace, listDue] = [jest.spyOn(entries, 'replace'), jest.spyOn(entries, 'listDue')];
    await createMany(300, 's');
    expect(await run()).toMatchObject({ sent: 300 });
    expect([entries.all(), replace.mock.calls.length]).toEqual([[], 300]);
    expect(new Set(replace.mock.calls.map(([{ entry }]) => entry.id)).size).toBe(300);
    expect(new Set(pauses)).toEqual(new Set([100]));
    /** How many entries were taken before each pass, which lists two ranges. */
    const taken = listDue.mock.invocationCallOrder
      .filter((_, n) => n % 2 === 0)
      .map((pass) => replace.mock.invocationCallOrder.filter((order) => order < pass).length);
    const between = taken.slice(1).map((count, pass) => count - (taken[pass] ?? 0));
    expect(between.length).toBeGreaterThan(1);
    expect(Math.min(...between.slice(0, -1))).toBeGreaterThanOrEqual(32);
  });
});
