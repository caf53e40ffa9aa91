import { describe, expect, test } from '@jest/globals';
import { createBacklogs } from '../../../shared/notifications/backlog.ts';
import { createDelivery, FIRST_PAUSES_MS, LEASE_MS } from '../../../shared/notifications/delivery.ts';
import { createOutbox } from '../../../shared/notifications/outbox.ts';
import type { OutboxRepository } from '../../../shared/notifications/outboxEntry.ts';
import type { Receivers } from '../../../shared/notifications/receiver.ts';
import { EXPIRATION_GRACE_MS, type StoredSubscription } from '../../../shared/notifications/subscription.ts';
import { registerMetrics } from '../../support/metrics.ts';
import { aSubscription, changeEntry, memoryBacklogs, memoryOutbox } from '../../support/notifications.ts';
import { anOperation, TENANT } from '../../support/operations.ts';

const recorded = registerMetrics();

const NOW = Date.parse('2026-01-01T00:00:00Z');
const signal = new AbortController().signal;
const operation = anOperation({ id: 'o', status: 'Completed' });
const version = { operation, etag: 'e' };
const change = { changeType: 'updated', operation, replaces: 'v' } as const;

/** The listener of a change, and receivers that respond with the status of their URL, or 200. */
function setUp(
  subscriptions: StoredSubscription[],
  { statuses = {}, create }: { statuses?: Record<string, number>; create?: OutboxRepository['create'] } = {},
) {
  const entries = memoryOutbox();
  const posted: { url: string; value: Record<string, unknown>[] }[] = [];
  const receivers: Pick<Receivers, 'notify'> = {
    async notify({ url, toBody }) {
      posted.push({ url, ...JSON.parse(toBody()) });
      return { status: statuses[url] ?? 200, headers: {}, body: '' };
    },
  };
  const repository = memoryBacklogs();
  const backlogs = createBacklogs({ repository, entries, now: () => NOW, sleep: async () => {} });
  const now = () => NOW;
  const sleep = async () => {};
  const delivery = createDelivery({
    entries,
    subscriptions: { recordDelivery: async () => {} },
    backlogs,
    receivers,
    now,
    sleep,
  });
  const findSubscriptions = async () => subscriptions;
  const listen = createOutbox({
    entries: { create: create ?? entries.create },
    findSubscriptions,
    backlogs,
    delivery,
    now,
  });
  return { entries, changesOf: repository.changesOf, posted, listener: listen(TENANT, 'o', 'w') };
}

/** What runs in the background has come to its end: it waits for promises only. */
const settled = () => new Promise(setImmediate);

const urlOf = (id: string) => `https://${id}.example/`;
const receiving = (id: string, changes: Partial<StoredSubscription> = {}) =>
  aSubscription({ id, notificationUrl: urlOf(id), ...changes });

describe('a change', () => {
  test('that no subscription asks for leaves no entry', async () => {
    const about = { text: '', operationId: 'another', filter: undefined };
    const ended = aSubscription({ expiration: new Date(NOW - EXPIRATION_GRACE_MS) });
    const others = [aSubscription({ resource: about }), aSubscription({ changeTypes: ['deleted'] }), ended];
    const { entries, posted, listener } = setUp(others);
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version);
    await settled();
    expect([entries.all(), posted]).toEqual([[], []]);
  });

  test('that is asked for is stored before it is written, and delivered after', async () => {
    const { entries, posted, listener } = setUp([receiving('a'), receiving('b')]);
    await listener.beforeWrite(change, signal);
    const { entry, dueAt } = entries.only();
    const { operationId, writeId, changeType, replaces, subscriptions } = { ...Object(entry.content) };
    expect([operationId, writeId, changeType, replaces, subscriptions]).toEqual(['o', 'w', 'updated', 'v', ['a', 'b']]);
    expect([entry.tenant, entry.createdAt, entry.attempts]).toEqual([TENANT, new Date(NOW), 0]);
    expect(dueAt).toEqual(new Date(NOW + LEASE_MS));
    expect(posted).toEqual([]);
    listener.afterWrite(version);
    await settled();
    expect(entries.all()).toEqual([]);
    expect(posted).toMatchObject(
      ['a', 'b'].map((id) => ({
        url: urlOf(id),
        value: [{ subscriptionId: id, changeType: 'updated', resourceData: { id: 'o', '@odata.etag': 'e' } }],
      })),
    );
  });

  test('of which one subscription is notified leaves no entry', async () => {
    const { entries, posted, listener } = setUp([receiving('a')]);
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version);
    await settled();
    expect([entries.all(), posted.length]).toEqual([[], 1]);
  });

  test('that is attempted again is stored again only for subscriptions which ask for it since', async () => {
    const subscriptions = [receiving('a'), receiving('b')];
    const { entries, posted, listener } = setUp(subscriptions);
    await listener.beforeWrite(change, signal);
    await listener.beforeWrite(change, signal);
    expect(entries.all().length).toBe(1);
    subscriptions.push(receiving('c'));
    await listener.beforeWrite({ ...change, replaces: 'x' }, signal);
    expect(entries.all().map(({ entry }) => entry.content)).toMatchObject([
      { replaces: 'v', subscriptions: ['a', 'b'] },
      { replaces: 'x', subscriptions: ['c'] },
    ]);
    listener.afterWrite(version);
    await settled();
    expect(posted.map(({ url }) => url).toSorted()).toEqual(['a', 'b', 'c'].map(urlOf));
    expect(entries.all()).toEqual([]);
  });

  test('is notified only as its last attempt was asked for', async () => {
    const { entries, posted, listener } = setUp([receiving('a', { changeTypes: ['created'] }), receiving('b')]);
    await listener.beforeWrite({ changeType: 'created', operation, replaces: undefined }, signal);
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version);
    await settled();
    expect(posted).toMatchObject([{ url: urlOf('b'), value: [{ changeType: 'updated' }] }]);
    expect(entries.all()).toEqual([]);
  });

  test('that became one of another type at its last attempt is notified as that, also by the timer', async () => {
    const statuses = { [urlOf('a')]: 503 };
    const { entries, changesOf, posted, listener } = setUp([receiving('a', { changeTypes: ['created', 'updated'] })], {
      statuses,
    });
    await listener.beforeWrite(change, signal);
    await listener.beforeWrite({ changeType: 'created', operation, replaces: undefined }, signal);
    listener.afterWrite(version);
    await settled();
    expect(new Set(posted.map(({ value }) => value[0]?.changeType))).toEqual(new Set(['created']));
    expect(entries.all()).toEqual([]);
    expect(changesOf('a')).toMatchObject([{ change: { changeType: 'created' } }]);
  });

  test('that may have been written by an earlier attempt of another type leaves the entry of that to the timer', async () => {
    const { entries, posted, listener } = setUp([receiving('a', { changeTypes: ['created'] }), receiving('b')]);
    await listener.beforeWrite({ changeType: 'created', operation, replaces: undefined }, signal);
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version, 'unknown');
    await settled();
    expect(posted.map(({ url }) => url)).toEqual([urlOf('b')]);
    expect(entries.only().entry.content).toMatchObject({ changeType: 'created', subscriptions: ['a', 'b'] });
  });

  test('whose entry exists already is delivered by whoever has stored it', async () => {
    const { posted, listener } = setUp([receiving('a')], { create: async () => undefined });
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version);
    await settled();
    expect(posted).toEqual([]);
  });

  test('that is refused leaves no entry', async () => {
    const { entries, posted, listener } = setUp([receiving('a')]);
    await listener.beforeWrite(change, signal);
    listener.settled();
    await settled();
    expect([entries.all(), posted]).toEqual([[], []]);
  });

  test('that is not accepted waits in the backlog, even when it turns out to be refused after it was written', async () => {
    const { entries, changesOf, posted, listener } = setUp([receiving('a')], { statuses: { [urlOf('a')]: 503 } });
    await listener.beforeWrite(change, signal);
    const { entry } = entries.only();
    listener.afterWrite(version);
    listener.settled();
    await settled();
    expect(entries.all()).toEqual([]);
    expect(changesOf('a')).toMatchObject([{ id: entry.id, createdAt: entry.createdAt, change: { writeId: 'w' } }]);
    expect(posted).toHaveLength(FIRST_PAUSES_MS.length);
  });

  test('of several subscriptions waits for those whose receivers do not accept it', async () => {
    const statuses = { [urlOf('b')]: 503, [urlOf('d')]: 500 };
    const ids = ['a', 'b', 'c', 'd'];
    const { entries, changesOf, listener } = setUp(
      ids.map((id) => receiving(id)),
      { statuses },
    );
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version);
    await settled();
    expect(entries.all()).toEqual([]);
    expect(ids.filter((id) => changesOf(id).length > 0)).toEqual(['b', 'd']);
  });
});

describe('a subscription that is saturated', () => {
  const date = new Date(0);
  const receivingBehind = (changes: { failures?: number; isSaturated?: boolean }) =>
    receiving('a', {
      backlog: {
        tenant: TENANT,
        subscriptionId: 'a',
        since: date,
        touchedAt: date,
        retryAt: date,
        failures: 1,
        isSaturated: false,
        quietUntil: date,
        etag: 'e',
        ...changes,
      },
    });
  const saturated = receivingBehind({ isSaturated: true });

  test.each([
    [0, FIRST_PAUSES_MS.length],
    [1, 1],
  ])('is not what one is whose receiver failed in %i runs: that is asked %i times', async (failures, attempts) => {
    const { posted, listener } = setUp([receivingBehind({ failures })], { statuses: { [urlOf('a')]: 500 } });
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version);
    await settled();
    expect(posted).toHaveLength(attempts);
  });

  test('costs nothing: its changes are left out, and counted', async () => {
    const { entries, posted, listener } = setUp([saturated]);
    await recorded('');
    await listener.beforeWrite(change, signal);
    expect(entries.all()).toEqual([]);
    listener.afterWrite(version);
    await settled();
    expect(posted).toEqual([]);
    expect(await recorded('playpromptoperation.notifications')).toEqual([
      { value: 1, attributes: { result: 'dropped', cause: 'saturated' } },
    ]);
  });

  test('keeps none of the others from their notifications', async () => {
    const { entries, posted, listener } = setUp([saturated, receiving('b')]);
    await listener.beforeWrite(change, signal);
    expect(entries.only().entry.content).toMatchObject({ subscriptions: ['b'] });
    listener.afterWrite(version);
    await settled();
    expect(posted.map(({ url }) => url)).toEqual([urlOf('b')]);
  });
});

describe('a subscription that may just have been renewed', () => {
  const ended = (id: string) => receiving(id, { expiration: new Date(NOW) });

  test('is left to the timer: its entry stays as it is', async () => {
    const { entries, posted, listener } = setUp([ended('a')]);
    await listener.beforeWrite(change, signal);
    const before = entries.all();
    listener.afterWrite(version);
    await settled();
    expect([entries.all(), posted]).toEqual([before, []]);
  });

  test('is left to the timer when others are notified', async () => {
    const { entries, changesOf, posted, listener } = setUp([ended('a'), receiving('b'), receiving('c')], {
      statuses: { [urlOf('c')]: 500 },
    });
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version);
    await settled();
    expect(new Set(posted.map(({ url }) => url))).toEqual(new Set(['b', 'c'].map(urlOf)));
    expect(entries.only()).toMatchObject({ entry: { attempts: 0, content: { subscriptions: ['a'] } } });
    expect(changesOf('c')).toHaveLength(1);
  });
});

test('what is stored beside a version is not kept while its notifications wait', async () => {
  const delivered: unknown[] = [];
  const listen = createOutbox({
    entries: memoryOutbox(),
    findSubscriptions: async () => [aSubscription()],
    backlogs: { leaveOut: () => {} },
    delivery: {
      deliver: async (_, made) => {
        delivered.push(made.version);
        return 'accepted';
      },
      keepFor: async () => {},
    },
    now: () => NOW,
  });
  const listener = listen(TENANT, 'o', 'w');
  await listener.beforeWrite(change, signal);
  const stored = { ...version, writes: ['w'], history: [] };
  listener.afterWrite(stored);
  await settled();
  expect(delivered).toEqual([version]);
});

test('a store that fails in the background leaves the entry, and fails nothing else', async () => {
  const entries = memoryOutbox();
  const stored = await entries.create(changeEntry(), new Date(NOW), signal);
  const rejections: unknown[] = [];
  const record = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', record);
  try {
    const fail = () => Promise.reject(new Error('down'));
    const delivery = { deliver: fail, keepFor: fail };
    const create = async () => stored;
    const listen = createOutbox({
      entries: { create },
      findSubscriptions: async () => [aSubscription()],
      backlogs: { leaveOut: () => {} },
      delivery,
    });
    const listener = listen(TENANT, 'o', 'w');
    await listener.beforeWrite(change, signal);
    listener.settled();
    listener.afterWrite(version);
    await settled();
    await settled();
    expect([rejections, entries.all()]).toEqual([[], [stored]]);
  } finally {
    process.off('unhandledRejection', record);
  }
});
