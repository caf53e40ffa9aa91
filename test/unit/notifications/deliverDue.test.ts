import { describe, expect, jest, test } from '@jest/globals';
import { createDeliverDue } from '../../../shared/notifications/deliverDue.ts';
import type { Delivery } from '../../../shared/notifications/delivery.ts';
import { createDelivery, GIVE_UP_AFTER_MS } from '../../../shared/notifications/delivery.ts';
import { lifecycleEntry } from '../../../shared/notifications/outboxRepository.ts';
import type { ExpiredSubscription, Subscription } from '../../../shared/notifications/subscription.ts';
import type { StoredOperation } from '../../../shared/operation/repository.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { aSubscription, changeEntry, memoryOutbox } from '../../support/notifications.ts';
import { anOperation } from '../../support/operations.ts';

const NOW = Date.parse('2026-01-01T00:01:00Z');
const signal = AbortSignal.timeout(60_000);

function setUp({
  subscriptions = [aSubscription({ id: 's' })],
  expired = [],
  operation = { operation: anOperation({ id: 'o' }), etag: 'e', writes: ['w', 'v'] },
  status = 200,
  isRenewed = false,
  respond = async () => {},
}: {
  subscriptions?: Subscription[];
  expired?: ExpiredSubscription[];
  operation?: StoredOperation | null | Error;
  status?: number;
  isRenewed?: boolean;
  respond?: (url: string) => Promise<void>;
} = {}) {
  const entries = memoryOutbox();
  const posted: { url: string; body: { value: Record<string, unknown>[] } }[] = [];
  const receivers = {
    post: async (url: string, body: string) => {
      posted.push({ url, body: JSON.parse(body) });
      await respond(url);
      return { status, headers: {}, body: '' };
    },
  };
  const repository = {
    list: async () => subscriptions,
    listExpired: async () => expired,
    create: async () => {},
    update: async () => true,
    remove: async () => true,
    removeExpired: async () => !isRenewed,
  };
  const now = () => NOW;
  const delivery: Delivery = createDelivery({ entries, subscriptions: repository, receivers, now });
  const get = async () => {
    if (operation instanceof Error) throw operation;
    return operation ?? undefined;
  };
  const run = createDeliverDue({ entries, subscriptions: repository, operations: { get }, delivery, now });
  const due = new Date(NOW - 1);
  return { entries, posted, due, run: (until = signal) => run(until) };
}

test('what is due is delivered and removed; what is not stays', async () => {
  const { entries, posted, due, run } = setUp();
  await entries.create(changeEntry(), due, signal);
  await entries.create(changeEntry(), new Date(NOW + 1000), signal);
  expect(await run()).toMatchObject({ sent: 1, failed: 0, oldestSeconds: 60 });
  expect(entries.all().length).toBe(1);
  expect(posted.map(({ body }) => body.value[0]?.subscriptionId)).toEqual(['s']);
});

test('an entry for several subscriptions is delivered to each that is live', async () => {
  const live = ['a', 'b'].map((id) => aSubscription({ id, notificationUrl: `https://${id}.example/` }));
  const ended = aSubscription({ id: 'c', expiration: new Date(NOW) });
  const { entries, posted, due, run } = setUp({ subscriptions: [...live, ended] });
  await entries.create(changeEntry({ subscriptions: ['a', 'b', 'c', 'd'] }), due, signal);
  expect(await run()).toMatchObject({ sent: 2, discarded: 2 });
  expect(posted.map(({ url }) => url).toSorted()).toEqual(['https://a.example/', 'https://b.example/']);
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
    const { entries, posted, due, run } = setUp({ operation });
    await entries.create(changeEntry({ changeType }), due, signal);
    expect(await run()).toMatchObject({ sent: count, discarded: 1 - count });
    expect(posted).toHaveLength(count);
    const [data] = posted.map(({ body }) => Object(body.value[0]).resourceData);
    if (count > 0) expect([data.id, '@odata.etag' in data]).toEqual(['o', isWhole]);
    expect(entries.all().length).toBe(0);
  });

  test('whose operation cannot be read now stays', async () => {
    const { entries, due, run } = setUp({ operation: new ServiceError('unavailable', 'down') });
    await entries.create(changeEntry(), due, signal);
    await expect(run()).rejects.toMatchObject({ reason: 'unavailable' });
    expect(entries.all().length).toBe(1);
  });
});

test('after three failures in a row a host is left to the next run', async () => {
  const { entries, posted, due, run } = setUp({ status: 500 });
  for (let n = 0; n < 40; n++) await entries.create(changeEntry(), due, signal);
  const { failed, sent } = await run();
  expect([sent, posted.length]).toEqual([0, failed]);
  expect(failed).toBeLessThan(40);
  expect(entries.all().length).toBe(40);
});

test('a change that is too old is dropped, and missed is stored for its subscription', async () => {
  const subscription = aSubscription({ id: 's', lifecycleNotificationUrl: 'https://bot.example/lifecycle' });
  const { entries, posted, due, run } = setUp({ subscriptions: [subscription] });
  const createdAt = new Date(NOW - GIVE_UP_AFTER_MS - 1);
  await entries.create({ ...changeEntry(), createdAt }, due, signal);
  expect(await run()).toMatchObject({ sent: 0, dropped: 1 });
  expect(entries.all().map(({ entry }) => entry.content)).toMatchObject([{ lifecycleEvent: 'missed' }]);
  expect(await run()).toMatchObject({ sent: 1 });
  expect(posted).toMatchObject([
    { url: 'https://bot.example/lifecycle', body: { value: [{ lifecycleEvent: 'missed' }] } },
  ]);
  const old = lifecycleEntry(subscription, 'missed', createdAt);
  if (old) await entries.create(old, due, signal);
  expect(await run()).toMatchObject({ dropped: 1 });
  expect(entries.all().length).toBe(0);
});

test.each([
  [false, 1],
  [true, 0],
])('a subscription that has expired is notified of its removal unless it was renewed: %s', async (isRenewed, count) => {
  const wants = { ...aSubscription({ lifecycleNotificationUrl: 'https://bot.example/l' }), etag: 'e' };
  const { entries, run } = setUp({ expired: [wants, { ...aSubscription(), etag: 'e' }], isRenewed });
  await run();
  expect(entries.all().length).toBe(count);
});

describe('a backlog', () => {
  const ids = ['a', 'b'];
  const subscriptions = ids.map((id) => aSubscription({ id, notificationUrl: `https://bot.example/${id}` }));

  test('of more than a thousand notifications of one receiver is delivered in one run', async () => {
    const { entries, due, run } = setUp({ subscriptions });
    for (let n = 0; n < 1500; n++) await entries.create(changeEntry({ subscriptions: ['a'] }), due, signal);
    expect(await run()).toMatchObject({ sent: 1500 });
    expect(entries.all().length).toBe(0);
  });

  test('of a receiver that hangs keeps no other one waiting, and the run ends with its signal', async () => {
    const until = new AbortController();
    const isOver = new Promise<void>((resolve) => until.signal.addEventListener('abort', () => resolve()));
    const { entries, posted, due, run } = setUp({
      subscriptions,
      respond: (url) => (url.endsWith('/a') ? isOver : Promise.resolve()),
    });
    for (let n = 0; n < 300; n++) {
      for (const id of ids) await entries.create(changeEntry({ subscriptions: [id] }), due, signal);
    }
    const ended = run(until.signal);
    while (posted.filter(({ url }) => url.endsWith('/b')).length < 300) await new Promise(setImmediate);
    until.abort();
    const { sent } = await ended;
    // Those that were sent already when the run ended are counted; the rest waits for the next run.
    expect(sent).toBe(300 + 16);
    expect(entries.all().length).toBe(300 - 16);
  });

  test('that is too old keeps no notification waiting', async () => {
    const { entries, posted, due, run } = setUp({ subscriptions });
    const createdAt = new Date(NOW - GIVE_UP_AFTER_MS - 1);
    for (let n = 0; n < 2000; n++) {
      await entries.create({ ...changeEntry({ subscriptions: ['a'] }), createdAt }, due, signal);
    }
    await entries.create(changeEntry({ subscriptions: ['b'] }), due, signal);
    expect(await run()).toMatchObject({ sent: 1, dropped: 2000 });
    expect(posted.map(({ url }) => url)).toEqual(['https://bot.example/b']);
  });

  test('whose run is over before it begins stays', async () => {
    const { entries, posted, due, run } = setUp({ subscriptions });
    await entries.create(changeEntry({ subscriptions: ['a', 'b'] }), due, signal);
    expect(await run(AbortSignal.abort())).toMatchObject({ sent: 0, dropped: 0, discarded: 0 });
    expect([posted.length, entries.all().length]).toEqual([0, 1]);
  });
});

test('each hour has a missed of its own, so that none is lost to an earlier one', () => {
  const subscription = aSubscription({ id: 's', lifecycleNotificationUrl: 'https://bot.example/l' });
  const idAt = (time: string) => lifecycleEntry(subscription, 'missed', new Date(time))?.id;
  expect(idAt('2026-01-01T04:00:00Z')).toBe(idAt('2026-01-01T04:59:59Z'));
  expect(idAt('2026-01-01T04:00:00Z')).not.toBe(idAt('2026-01-01T05:00:00Z'));
});

jest.setTimeout(20_000);
