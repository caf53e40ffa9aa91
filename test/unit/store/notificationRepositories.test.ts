import { describe, expect, test } from '@jest/globals';
import { createEntryIds, type OutboxEntry } from '../../../shared/notifications/outboxEntry.ts';
import { readResource } from '../../../shared/notifications/resource.ts';
import type { Subscription } from '../../../shared/notifications/subscription.ts';
import { createBacklogRepository } from '../../../shared/store/backlogRepository.ts';
import { createOutboxRepository } from '../../../shared/store/outboxRepository.ts';
import { createSubscriptionRepository } from '../../../shared/store/subscriptionRepository.ts';
import { startFaultProxy } from '../../support/faultProxy.ts';
import { aSubscription, change, changeEntry, lifecycleEntryOf } from '../../support/notifications.ts';
import { newTableName, newTableSettings, tableClient } from '../../support/tables.ts';

const signal = new AbortController().signal;
const PAST = new Date(0);
/** Everything is due, and has expired. */
const LATER = new Date('2200-01-01T00:00:00Z');

describe('a subscription', () => {
  test.each<Partial<Subscription>>([
    {},
    {
      ...{ changeTypes: ['updated'], clientState: null, lifecycleNotificationUrl: 'https://bot.example/lifecycle' },
      resource: readResource("playPromptOperation/a?$filter=clientContext eq 'it''s \u{1F600}'"),
    },
    { clientState: '\u0001\ufffe \u{1F600}', expiration: new Date('2026-01-01T00:00:00.001Z') },
  ])('is read as it was stored: %j', async (columns) => {
    const repository = createSubscriptionRepository(newTableSettings());
    const { etag: _, ...subscription } = aSubscription(columns);
    await repository.create(subscription, signal);
    const listed = await repository.list(subscription.tenant, signal);
    expect(listed).toEqual([{ ...subscription, etag: expect.any(String) }]);
  });

  test.each([
    ['without a URL', { notificationUrl: undefined }],
    ['whose change type is unknown', { changeTypes: 'renamed' }],
    ['whose filter is none', { resource: 'playPromptOperation?$filter=x' }],
    ['whose expiration is no date', { expiration: '0' }],
  ])('%s is left out, and the others are found', async (_title, columns) => {
    const settings = newTableSettings();
    const repository = createSubscriptionRepository(settings);
    const [whole, damaged] = [aSubscription(), aSubscription()];
    for (const each of [whole, damaged]) await repository.create(each, signal);
    const table = tableClient(settings.name);
    const keys = { partitionKey: `subscriptions_${damaged.tenant}`, rowKey: damaged.id };
    const row = await table.getEntity(keys.partitionKey, keys.rowKey);
    await table.updateEntity({ ...row, ...keys, ...columns }, 'Replace');
    const { expired } = await repository.listExpired(LATER, undefined, signal);
    expect([await repository.list(whole.tenant, signal), expired]).toMatchObject(Array(2).fill([{ id: whole.id }]));
    expect(await repository.list('another', signal)).toEqual([]);
  });

  test('is found on a later page too, even after an empty one', async () => {
    const name = newTableName();
    const subscription = aSubscription({ expiration: PAST });
    await createSubscriptionRepository(newTableSettings(name)).create(subscription, signal);
    const proxy = await startFaultProxy();
    const next = { 'x-ms-continuation-NextPartitionKey': '0', 'x-ms-continuation-NextRowKey': '0' };
    proxy.fault = ({ url }) =>
      url.includes('NextPartitionKey') ? 'pass' : { status: 200, body: '{"value":[]}', headers: next };
    const repository = createSubscriptionRepository(newTableSettings(name, proxy.port));
    const listed = await repository.list(subscription.tenant, signal).finally(() => proxy.close());
    expect(listed).toMatchObject([{ id: subscription.id }]);
  });

  test('that has expired is on one of several pages', async () => {
    const repository = createSubscriptionRepository(newTableSettings());
    const ids = Array.from({ length: 101 }, () => crypto.randomUUID());
    for (const id of ids) await repository.create(aSubscription({ id, expiration: PAST }), signal);
    const first = await repository.listExpired(LATER, undefined, signal);
    const { expired, next } = await repository.listExpired(LATER, first.next, signal);
    expect([first.expired.length, next]).toEqual([100, undefined]);
    expect([...first.expired, ...expired].map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  test('is changed, and removed when it has expired, only as it was listed; it is ended in any case', async () => {
    const repository = createSubscriptionRepository(newTableSettings());
    const subscription = aSubscription({ expiration: PAST });
    await repository.create(subscription, signal);
    const [listed = subscription] = (await repository.listExpired(LATER, undefined, signal)).expired;
    const update = (notificationUrl: string) => repository.update(listed, { notificationUrl }, signal);
    expect([await update('https://bot.example/a'), await update('https://bot.example/b')]).toEqual([true, false]);
    expect(await repository.removeExpired(listed, signal)).toBe(false);

    const lastDelivery = { at: new Date(1), outcome: 'delivered' };
    for (const each of [listed, aSubscription()]) await repository.recordDelivery(each, lastDelivery, signal);
    const changed = { ...subscription, notificationUrl: 'https://bot.example/a', lastDelivery };
    expect(await repository.list(subscription.tenant, signal)).toEqual([{ ...changed, etag: expect.any(String) }]);
    const remove = () => repository.remove(subscription, signal);
    expect([await remove(), await remove(), await update('https://bot.example/c')]).toEqual([true, false, false]);
  });
});

describe('an entry of the outbox', () => {
  const wanting = aSubscription({ lifecycleNotificationUrl: 'https://bot.example/l' });
  const lifecycle = lifecycleEntryOf(wanting, 'missed', PAST);
  const setUp = (settings = newTableSettings()) => {
    const { listDue, ...repository } = createOutboxRepository(settings);
    return {
      ...repository,
      listDue: async (at = LATER, range = {}) => (await listDue(at, range, undefined, signal)).entries,
    };
  };

  test.each<OutboxEntry>([
    ...[changeEntry(), changeEntry({ changeType: 'created', replaces: undefined, subscriptions: ['a', 'b'] })],
    { ...lifecycle, attempts: 7 },
  ])('is read as it was stored, created once, and taken over by one of several: $content', async (entry) => {
    const { create, replace, remove, listDue } = setUp();
    const stored = await create(entry, PAST, signal);
    if (!stored) throw new Error('It was not created.');
    expect(await listDue()).toEqual([{ entry, dueAt: PAST, etag: stored.etag }]);
    expect(await create(entry, PAST, signal)).toBeUndefined();
    const take = () => replace(stored, { dueAt: new Date(60_000) }, signal);
    const taken = (await Promise.all([take(), take(), take()])).filter((each) => each !== undefined);
    expect(taken).toHaveLength(1);
    await remove(stored, signal);
    expect(await listDue()).toEqual(entry.content.kind === 'change' ? [] : taken);
  });

  test('is in one range of ids only', async () => {
    const { create, listDue } = setUp();
    const ids = ['00-a', '7f-b', '80-c', 'ff-d'];
    for (const id of ids) await create({ ...changeEntry(), id }, PAST, signal);
    const idsIn = async (range: object) => (await listDue(LATER, range)).map(({ entry }) => entry.id);
    expect([await idsIn({ below: '80' }), await idsIn({ least: '80' })]).toEqual([ids.slice(0, 2), ids.slice(2)]);
  });

  test.each(['{', '{}', '[]', ''])('whose content is %s is left out, and the others are found', async (content) => {
    const settings = newTableSettings();
    const { create, listDue } = setUp(settings);
    const [whole, damaged] = [await create(changeEntry(), PAST, signal), changeEntry()];
    await create(damaged, PAST, signal);
    const keys = { partitionKey: `outbox_${damaged.id.slice(0, 2)}`, rowKey: damaged.id };
    await tableClient(settings.name).updateEntity({ ...keys, content }, 'Merge');
    expect(await listDue()).toEqual([whole]);
  });

  test('shares requests with others, and one that exists already does not keep them from being created', async () => {
    const proxy = await startFaultProxy();
    const { create, remove, listDue } = setUp(newTableSettings(newTableName(), proxy.port));
    const newId = createEntryIds();
    const createAll = (ids: readonly string[]) =>
      Promise.all(ids.map((id) => create({ ...changeEntry(), id }, PAST, signal)));
    const [exists = '', ...others] = Array.from({ length: 150 }, newId);
    await createAll([exists]);
    const before = proxy.requests.length;
    await createAll(others);
    // The first one at once, a transaction of 100, and one of what came after it.
    expect(proxy.requests.length - before).toBe(3);
    const all = await listDue();
    expect(all.map(({ entry }) => entry.id).toSorted()).toEqual([exists, ...others].toSorted());
    await Promise.all(all.map((each) => remove(each, signal)));
    // One to list them, and two for 150 removals.
    expect(proxy.requests.length - before).toBe(3 + 1 + 2);

    const again = [newId(), exists, newId(), exists];
    await createAll([exists]);
    const created = (await createAll(again)).map((stored) => stored?.entry.id);
    expect(created).toEqual([again[0], undefined, again[2], undefined]);
    await proxy.close();
  });

  test('is listed when it is due, and can be kept for some of its subscriptions', async () => {
    const { create, replace, listDue } = setUp();
    const listAt = (at: number) => listDue(new Date(at));
    const stored = await create(changeEntry({ subscriptions: ['a', 'b'] }), new Date(1000), signal);
    if (stored?.entry.content.kind !== 'change') throw new Error('It was not created.');
    expect([await listAt(999), await listAt(1000)]).toEqual([[], [stored]]);
    const content = { ...stored.entry.content, subscriptions: ['b'] };
    const kept = await replace(stored, { dueAt: new Date(2000), content }, signal);
    expect([await listAt(1999), await listAt(2000)]).toEqual([[], [kept]]);
  });
});

describe('a backlog', () => {
  const waiting = (createdAt: number) => ({ id: crypto.randomUUID(), createdAt: new Date(createdAt), change });

  const knownBacklog = async () => {
    const repository = createBacklogRepository(newTableSettings());
    await repository.touch({ tenant: 'tenant', subscriptionId: 's' }, { touchedAt: PAST }, signal);
    return repository;
  };

  test('is created, changed and removed, and listed with its subscription', async () => {
    const settings = newTableSettings();
    const repository = createBacklogRepository(settings);
    const subscriptions = createSubscriptionRepository(settings);
    const [subscription, other] = [aSubscription(), aSubscription()];
    for (const each of [subscription, other]) await subscriptions.create(each, signal);
    const key = { tenant: subscription.tenant, subscriptionId: subscription.id };
    const list = () => repository.list(signal);

    const at = new Date(1);
    await repository.touch(key, { touchedAt: at }, signal);
    const times = { since: at, retryAt: at, touchedAt: at, quietUntil: PAST };
    const created = { ...key, ...times, failures: 0, isSaturated: false, etag: expect.any(String) };
    expect(await list()).toEqual([created]);

    await repository.touch(key, { touchedAt: new Date(2), isSaturated: true }, signal);
    const [first] = await list();
    if (!first) throw new Error('It is not listed.');
    expect(first).toEqual({ ...created, touchedAt: new Date(2), isSaturated: true });
    const listed = await subscriptions.list(subscription.tenant, signal);
    const backlogOf = new Map(listed.map(({ id, backlog }) => [id, backlog]));
    expect([listed.length, backlogOf.get(subscription.id), backlogOf.get(other.id)]).toEqual([2, first, undefined]);

    const second = await repository.update(first, { retryAt: new Date(3), failures: 1 }, signal);
    expect(second).toEqual({ ...first, retryAt: new Date(3), failures: 1, etag: expect.any(String) });
    expect(await list()).toEqual([second]);
    expect(await repository.update(first, { failures: 2 }, signal)).toBeUndefined();
    expect(await repository.remove(first, signal)).toBe(false);
    const updateAnyVersion = () => repository.update({ ...first, etag: '*' }, { quietUntil: new Date(3) }, signal);
    await updateAnyVersion();
    // A new receiver has neither failed nor asked for a pause; one without a backlog gets none.
    for (const each of listed) await subscriptions.update(each, { notificationUrl: 'https://new.example/' }, signal);
    const [last, ...others] = await list();
    expect([last, others]).toMatchObject([{ retryAt: PAST, failures: 0, quietUntil: PAST }, []]);
    expect(last && (await repository.remove(last, signal))).toBe(true);
    expect([await list(), await updateAnyVersion()]).toEqual([[], undefined]);
  });

  test('has what waits, once, by the time of its change', async () => {
    const repository = await knownBacklog();
    const [first, other] = [waiting(1000), waiting(1000)];
    const creation = { ...waiting(2000), change: { ...change, changeType: 'created' as const, replaces: undefined } };
    for (const each of [[first], [first, creation]]) await repository.add('s', each, signal);
    await repository.add('another', [other], signal);
    const list = async (range: { before?: Date } = {}) =>
      (await repository.listWaiting('s', { from: undefined, ...range }, signal)).changes;
    expect([await list(), await repository.count('s', signal)]).toEqual([[first, creation], 2]);
    expect([await list({ before: new Date(1000) }), await list({ before: new Date(1001) })]).toEqual([[], [first]]);
    for (let n = 0; n < 2; n++) await repository.removeWaiting('s', first, signal);
    expect([await list(), await repository.count('another', signal)]).toEqual([[creation], 1]);
  });

  test('of any length is listed page by page', async () => {
    const repository = await knownBacklog();
    const all = Array.from({ length: 70 }, (_, n) => waiting(n));
    await repository.add('s', all, signal);
    const first = await repository.listWaiting('s', { from: undefined }, signal);
    const second = await repository.listWaiting('s', { from: first.next }, signal);
    expect([...first.changes, ...second.changes]).toEqual(all);
    expect(second.next).toBeUndefined();
  });
});
