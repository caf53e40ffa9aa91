import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { WaitingChange } from '../../../shared/notifications/backlog.ts';
import { createEntryIds, type OutboxEntry } from '../../../shared/notifications/outboxEntry.ts';
import { readResource } from '../../../shared/notifications/resource.ts';
import type { Subscription } from '../../../shared/notifications/subscription.ts';
import { createBacklogRepository } from '../../../shared/store/backlogRepository.ts';
import { createOutboxRepository } from '../../../shared/store/outboxRepository.ts';
import { createSubscriptionRepository } from '../../../shared/store/subscriptionRepository.ts';
import { startFaultProxy } from '../../support/faultProxy.ts';
import { filters, textOf } from '../../support/filters.ts';
import { aSubscription, changeEntry } from '../../support/notifications.ts';
import { newTableName, newTableSettings, tableClient } from '../../support/tables.ts';

const signal = new AbortController().signal;
/** Everything is due. */
const LATER = new Date('2200-01-01T00:00:00Z');
const text = fc.string({ unit: 'binary', maxLength: 128 }).filter((value) => !value.includes('\0'));
const date = fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
const changeTypes = fc.subarray(['created', 'updated', 'deleted'] as const, { minLength: 1 });
const resource = filters.map((filter) =>
  readResource(`playPromptOperation?$filter=${encodeURIComponent(textOf(filter))}`),
);

const subscriptions: fc.Arbitrary<Subscription> = fc.record({
  id: fc.uuid(),
  tenant: fc.uuid(),
  applicationId: fc.uuid(),
  creatorId: fc.uuid(),
  changeTypes,
  resource,
  notificationUrl: fc.webUrl(),
  lifecycleNotificationUrl: fc.option(fc.webUrl()),
  expiration: date,
  clientState: fc.option(text),
});

const entries: fc.Arbitrary<OutboxEntry> = fc.record({
  id: fc.uuid(),
  tenant: fc.uuid(),
  createdAt: date,
  attempts: fc.nat(100),
  content: fc.oneof(
    fc.record({
      kind: fc.constant('change' as const),
      operationId: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/),
      writeId: fc.uuid(),
      changeType: fc.constantFrom('created' as const, 'updated' as const, 'deleted' as const),
      replaces: fc.option(fc.uuid(), { nil: undefined }),
      subscriptions: fc.array(fc.uuid(), { minLength: 1, maxLength: 100 }),
    }),
    fc.record({
      kind: fc.constant('lifecycle' as const),
      lifecycleEvent: fc.constantFrom('missed' as const, 'subscriptionRemoved' as const),
      subscriptionId: fc.uuid(),
    }),
  ),
});

describe('a subscription', () => {
  test('is read as it was stored', async () => {
    const repository = createSubscriptionRepository(newTableSettings());
    const isReadAsStored = async (subscription: Subscription) => {
      await repository.create(subscription, signal);
      const listed = await repository.list(subscription.tenant, signal);
      expect(listed).toEqual([{ ...subscription, etag: expect.any(String) }]);
    };
    await fc.assert(fc.asyncProperty(subscriptions, isReadAsStored), { numRuns: 40 });
  });

  test.each([
    ['without a URL', { notificationUrl: null }],
    ['whose change type is unknown', { changeTypes: 'renamed' }],
    ['whose filter is none', { resource: 'playPromptOperation?$filter=x' }],
    ['whose expiration is no date', { expiration: '0' }],
  ])('%s is left out, and the others are found', async (_title, columns) => {
    const known = newTableSettings();
    const repository = createSubscriptionRepository(known);
    const [whole, damaged] = [aSubscription(), aSubscription()];
    for (const each of [whole, damaged]) await repository.create(each, signal);
    const keys = { partitionKey: `subscriptions_${damaged.tenant}`, rowKey: damaged.id };
    const { notificationUrl: _, ...row } = await tableClient(known.name).getEntity(keys.partitionKey, keys.rowKey);
    await tableClient(known.name).updateEntity(
      { ...row, notificationUrl: 'https://bot.example/', ...columns, ...keys },
      'Replace',
    );
    expect(await repository.list(whole.tenant, signal)).toMatchObject([{ id: whole.id }]);
    expect(await repository.list('another', signal)).toEqual([]);
    const expired = await repository.listExpired(new Date('2200-01-01'), signal);
    expect(expired.map(({ id }) => id)).toEqual([whole.id]);
  });

  test('is found on a later page too, even after an empty one', async () => {
    const table = newTableName();
    const direct = createSubscriptionRepository(newTableSettings(table));
    const subscription = aSubscription({ expiration: new Date(0) });
    await direct.create(subscription, signal);
    const proxy = await startFaultProxy();
    const next = { 'x-ms-continuation-NextPartitionKey': '0', 'x-ms-continuation-NextRowKey': '0' };
    proxy.fault = ({ url }) =>
      url.includes('NextPartitionKey') ? 'pass' : { status: 200, body: '{"value":[]}', headers: next };
    try {
      const repository = createSubscriptionRepository(newTableSettings(table, proxy.port));
      expect(await repository.list(subscription.tenant, signal)).toMatchObject([{ id: subscription.id }]);
      expect(await repository.listExpired(new Date(1), signal)).toMatchObject([{ id: subscription.id }]);
    } finally {
      await proxy.close();
    }
  });

  test('that was renewed since it was listed is not removed', async () => {
    const repository = createSubscriptionRepository(newTableSettings());
    const subscription = aSubscription({ expiration: new Date(0) });
    await repository.create(subscription, signal);
    const [listed = subscription] = await repository.listExpired(new Date(1), signal);
    const renew = () => repository.update(listed, { expiration: new Date(10) }, signal);
    const remove = () => repository.remove(subscription, signal);
    expect([await renew(), await repository.removeExpired(listed, signal)]).toEqual([true, false]);
    expect([await remove(), await remove(), await renew()]).toEqual([true, false, false]);
  });

  test('is updated only as it was listed, and its last delivery is stored in any case', async () => {
    const repository = createSubscriptionRepository(newTableSettings());
    const subscription = aSubscription();
    await repository.create(subscription, signal);
    const list = () => repository.list(subscription.tenant, signal);
    const [first = subscription] = await list();
    const update = (notificationUrl: string) => repository.update(first, { notificationUrl }, signal);
    expect([await update('https://bot.example/a'), await update('https://bot.example/b')]).toEqual([true, false]);
    const lastDelivery = { at: new Date(1), outcome: 'delivered' };
    for (const each of [first, aSubscription()]) await repository.recordDelivery(each, lastDelivery, signal);
    expect(await list()).toMatchObject([{ notificationUrl: 'https://bot.example/a', lastDelivery }]);
  });
});

describe('an entry of the outbox', () => {
  test('is read as it was stored', async () => {
    const isReadAsStored = async (entry: OutboxEntry, dueAt: Date) => {
      const stored = await repository.create(entry, dueAt, signal);
      const listed = await repository.listDue(LATER, {}, undefined, signal);
      expect(listed).toEqual({ entries: [stored], next: undefined });
      if (stored) await repository.remove(stored, signal);
    };
    const repository = createOutboxRepository(newTableSettings());
    await fc.assert(fc.asyncProperty(entries, date, isReadAsStored), { numRuns: 40 });
  });

  test('is in one range of ids only', async () => {
    const repository = createOutboxRepository(newTableSettings());
    const ids = ['00-a', '7f-b', '80-c', 'ff-d'];
    for (const id of ids) await repository.create({ ...changeEntry(), id }, new Date(0), signal);
    for (const [range, expected] of [
      [{ below: '80' }, ids.slice(0, 2)],
      [{ least: '80' }, ids.slice(2)],
    ] as const) {
      const { entries: found } = await repository.listDue(LATER, range, undefined, signal);
      expect(found.map(({ entry }) => entry.id)).toEqual(expected);
    }
  });

  test.each(['{', '{}', '[]', ''])('whose content is %s is left out, and the others are found', async (content) => {
    const known = newTableSettings();
    const repository = createOutboxRepository(known);
    const whole = await repository.create(changeEntry(), new Date(0), signal);
    const damaged = changeEntry();
    await repository.create(damaged, new Date(0), signal);
    const keys = { partitionKey: `outbox_${damaged.id.slice(0, 2)}`, rowKey: damaged.id };
    await tableClient(known.name).updateEntity({ ...keys, content }, 'Merge');
    expect((await repository.listDue(LATER, {}, undefined, signal)).entries).toEqual([whole]);
  });

  const lifecycle = { kind: 'lifecycle', lifecycleEvent: 'missed', subscriptionId: 's' } as const;

  test.each<OutboxEntry>([changeEntry(), { ...changeEntry(), content: lifecycle }])(
    'is created once, and taken over by one of several: $content.kind',
    async (entry) => {
      const repository = createOutboxRepository(newTableSettings());
      const stored = await repository.create(entry, new Date(0), signal);
      if (!stored) throw new Error('It was not created.');
      expect(await repository.create(entry, new Date(0), signal)).toBeUndefined();
      const take = () => repository.replace(stored, { dueAt: new Date(60_000) }, signal);
      const taken = (await Promise.all([take(), take(), take()])).filter((each) => each !== undefined);
      expect(taken).toHaveLength(1);
      await repository.remove(stored, signal);
      const left = entry.content.kind === 'change' ? [] : taken;
      expect((await repository.listDue(LATER, {}, undefined, signal)).entries).toEqual(left);
    },
  );

  test('shares requests with others, and one that exists already does not keep them from being created', async () => {
    const table = newTableName();
    const proxy = await startFaultProxy();
    try {
      const repository = createOutboxRepository(newTableSettings(table, proxy.port));
      const [newId, dueAt] = [createEntryIds(), new Date(0)];
      const create = (ids: readonly string[]) =>
        Promise.all(ids.map((id) => repository.create({ ...changeEntry(), id }, dueAt, signal)));
      const count = async (work: () => Promise<unknown>) => {
        const before = proxy.requests.length;
        await work();
        return proxy.requests.length - before;
      };
      const ids = Array.from({ length: 150 }, newId);
      const [exists = '', ...others] = ids;
      await create([exists]);
      // The first one at once, a transaction of 100, and one of what came after it.
      expect(await count(() => create(others))).toBe(3);
      const { entries: all } = await repository.listDue(LATER, {}, undefined, signal);
      expect(all.map(({ entry }) => entry.id).toSorted()).toEqual(ids.toSorted());
      expect(await count(() => Promise.all(all.map((each) => repository.remove(each, signal))))).toBe(2);

      const again = [newId(), exists, newId(), exists];
      await create([exists]);
      const created = (await create(again)).map((stored) => stored?.entry.id);
      expect(created).toEqual([again[0], undefined, again[2], undefined]);
    } finally {
      await proxy.close();
    }
  });

  test('is listed when it is due, and can be kept for some of its subscriptions', async () => {
    const repository = createOutboxRepository(newTableSettings());
    const list = async (at: number) => (await repository.listDue(new Date(at), {}, undefined, signal)).entries;
    const stored = await repository.create(changeEntry({ subscriptions: ['a', 'b'] }), new Date(1000), signal);
    if (stored?.entry.content.kind !== 'change') throw new Error('It was not created.');
    expect([await list(999), await list(1000)]).toEqual([[], [stored]]);
    const content = { ...stored.entry.content, subscriptions: ['b'] };
    const kept = await repository.replace(stored, { dueAt: new Date(2000), content }, signal);
    expect([await list(1999), await list(2000)]).toEqual([[], [kept]]);
  });
});

describe('a backlog', () => {
  const date = (time: number) => new Date(time);
  const waiting = (changes: Partial<WaitingChange> = {}): WaitingChange => ({
    id: crypto.randomUUID(),
    createdAt: date(1000),
    change: { operationId: 'o', writeId: 'w', changeType: 'updated', replaces: 'v' },
    ...changes,
  });
  const knownBacklog = async () => {
    const repository = createBacklogRepository(newTableSettings());
    await repository.touch({ tenant: 'tenant', subscriptionId: 's' }, { touchedAt: date(0) }, signal);
    return repository;
  };

  test('is created, changed and removed, and listed with its subscription', async () => {
    const known = newTableSettings();
    const repository = createBacklogRepository(known);
    const subscriptions = createSubscriptionRepository(known);
    const [subscription, other] = [aSubscription(), aSubscription()];
    for (const each of [subscription, other]) await subscriptions.create(each, signal);
    const key = { tenant: subscription.tenant, subscriptionId: subscription.id };

    await repository.touch(key, { touchedAt: date(1) }, signal);
    const columns = { since: date(1), retryAt: date(1), failures: 0, isSaturated: false, quietUntil: date(0) };
    const created = { ...key, ...columns, touchedAt: date(1), etag: expect.any(String) };
    expect(await repository.list(signal)).toEqual([created]);

    await repository.touch(key, { touchedAt: date(2), isSaturated: true }, signal);
    const [first] = await repository.list(signal);
    if (!first) throw new Error('It is not listed.');
    expect(first).toEqual({ ...created, touchedAt: date(2), isSaturated: true });
    const listed = await subscriptions.list(subscription.tenant, signal);
    expect(listed.map(({ id, backlog }) => [id, backlog]).toSorted()).toEqual(
      [
        [subscription.id, first],
        [other.id, undefined],
      ].toSorted(),
    );

    const second = await repository.update(first, { retryAt: date(3), failures: 1 }, signal);
    expect(await repository.list(signal)).toEqual([second]);
    expect(second).toMatchObject({ retryAt: date(3), failures: 1, touchedAt: date(2) });
    expect(await repository.update(first, { failures: 2 }, signal)).toBeUndefined();
    expect(await repository.remove(first, signal)).toBe(false);
    expect(await repository.update({ ...first, etag: '*' }, { failures: 0 }, signal)).toBeDefined();
    const [last] = await repository.list(signal);
    expect(last && (await repository.remove(last, signal))).toBe(true);
    expect(await repository.list(signal)).toEqual([]);
    expect(await repository.update({ ...first, etag: '*' }, { failures: 0 }, signal)).toBeUndefined();
  });

  test('has what waits, once, by the time of its change', async () => {
    const repository = await knownBacklog();
    const deletion = waiting({
      createdAt: date(2000),
      change: { operationId: 'o', writeId: 'w', changeType: 'created', replaces: undefined },
    });
    const [first, other] = [waiting(), waiting()];
    for (const each of [[first], [first, deletion]]) await repository.add('s', each, signal);
    await repository.add('another', [other], signal);
    const list = async (before?: Date) =>
      (await repository.listWaiting('s', { from: undefined, ...(before && { before }) }, signal)).changes;
    expect([await list(), await repository.count('s', signal)]).toEqual([[first, deletion], 2]);
    expect([await list(date(1000)), await list(date(1001))]).toEqual([[], [first]]);
    await repository.removeWaiting('s', first, signal);
    await repository.removeWaiting('s', first, signal);
    expect([await list(), await repository.count('another', signal)]).toEqual([[deletion], 1]);
  });

  test('of any length is listed page by page', async () => {
    const repository = await knownBacklog();
    const all = Array.from({ length: 70 }, (_, n) => waiting({ createdAt: date(n) }));
    await repository.add('s', all, signal);
    const found: WaitingChange[] = [];
    let from: string | undefined;
    do {
      const page = await repository.listWaiting('s', { from }, signal);
      found.push(...page.changes);
      from = page.next;
    } while (from !== undefined);
    expect(found).toEqual(all);
  });
});
