import { describe, expect, jest, test } from '@jest/globals';
import { type Delivery, FIRST_PAUSES_MS, LEASE_MS } from '../../../shared/notifications/delivery.ts';
import { createOutbox } from '../../../shared/notifications/outbox.ts';
import { EXPIRATION_GRACE_MS, type StoredSubscription } from '../../../shared/notifications/subscription.ts';
import { registerMetrics } from '../../support/metrics.ts';
import { aBacklog, aSubscription, change, memoryDelivery } from '../../support/notifications.ts';
import { anOperation, TENANT } from '../../support/operations.ts';

const recorded = registerMetrics();

const NOW = Date.parse('2026-01-01T00:00:00Z');
const signal = new AbortController().signal;
const operation = anOperation({ id: 'o', status: 'Completed' });
const version = { operation, etag: 'e' };
const updated = { changeType: 'updated', operation, replaces: 'v' } as const;
const created = { changeType: 'created', operation, replaces: undefined } as const;

/** What runs in the background has come to its end: it waits for promises only. */
const settled = () => new Promise(setImmediate);

/** The listener of a change, and receivers that accept what they get, except for those of the ids that fail. */
function setUp(subscriptions: StoredSubscription[], failing = '', changes: Partial<Delivery> = {}) {
  const now = () => NOW;
  const idOf = (url: string) => new URL(url).hostname.replace('.example', '');
  const respond = (url: string) => (failing.includes(idOf(url)) ? 503 : 200);
  const { entries, posted, backlogRepository, newInstance } = memoryDelivery(now, respond);
  const { backlogs, delivery } = newInstance();
  const findSubscriptions = async () => subscriptions;
  const listen = createOutbox({ entries, findSubscriptions, backlogs, delivery: { ...delivery, ...changes }, now });
  const listener = listen(TENANT, 'o', 'w');
  const beforeWrite = (of: Parameters<typeof listener.beforeWrite>[0] = updated) => listener.beforeWrite(of, signal);
  const afterWrite = async (...attempt: ['unknown'?]) => {
    listener.afterWrite({ ...version, ...{ writes: ['w'], history: [] } }, ...attempt);
    await settled();
  };
  return {
    ...{ entries, posted, listener, beforeWrite, afterWrite, changesOf: backlogRepository.changesOf },
    async write() {
      await beforeWrite();
      await afterWrite();
    },
    /** The receivers that were asked, each once. */
    asked: () => [...new Set(posted.map(({ url }) => idOf(url)))].toSorted().join(''),
    /** The subscriptions of each entry. */
    left: () => entries.all().map(({ entry }) => Object(entry.content).subscriptions.join('')),
    waiting: () => subscriptions.flatMap(({ id }) => (backlogRepository.changesOf(id).length > 0 ? [id] : [])).join(''),
  };
}

const receiving = (id: string, changes: Partial<StoredSubscription> = {}) =>
  aSubscription({ id, notificationUrl: `https://${id}.example/`, ...changes });
const behind = (id: string, changes: Parameters<typeof aBacklog>[1]) =>
  receiving(id, { backlog: aBacklog(id, changes) });
const mayBeRenewed = receiving('a', { expiration: new Date(NOW) });
const onlyCreated = receiving('a', { changeTypes: ['created'] });

describe('a change', () => {
  test('that is asked for is stored before it is written, and delivered after', async () => {
    const { entries, posted, beforeWrite, afterWrite, asked, left } = setUp([receiving('a'), receiving('b')]);
    await beforeWrite();
    const content = { kind: 'change', ...change, subscriptions: ['a', 'b'] };
    const entry = { id: expect.any(String), tenant: TENANT, createdAt: new Date(NOW), attempts: 0, content };
    expect(entries.only()).toMatchObject({ entry, dueAt: new Date(NOW + LEASE_MS) });
    expect(posted).toEqual([]);
    await afterWrite();
    expect([asked(), posted.length, left()]).toEqual(['ab', 2, []]);
    const value = [{ subscriptionId: 'a', changeType: 'updated', resourceData: { id: 'o', '@odata.etag': 'e' } }];
    expect(posted[0]).toMatchObject({ value });
  });

  const askingForOthers = [
    receiving('a', { resource: { text: '', operationId: 'another', filter: undefined } }),
    receiving('b', { changeTypes: ['deleted'] }),
    receiving('c', { expiration: new Date(NOW - EXPIRATION_GRACE_MS) }),
  ];

  /** Whose receivers are asked, whose entries are left to the timer, and what waits in backlogs. */
  test.each<[string, StoredSubscription[], failing: string, asked: string, left: string[], waiting: string]>([
    ['that no subscription asks for', askingForOthers, '', '', [], ''],
    ['that some do not accept', ['a', 'b', 'c', 'd'].map((id) => receiving(id)), 'bd', 'abcd', [], 'bd'],
    ['of a subscription that may just have been renewed', [mayBeRenewed, receiving('b')], 'b', 'b', ['a'], 'b'],
  ])('%s', async (_, subscriptions, failing, expectedAsked, expectedLeft, expectedWaiting) => {
    const { write, asked, left, waiting } = setUp(subscriptions, failing);
    await write();
    expect([asked(), left(), waiting()]).toEqual([expectedAsked, expectedLeft, expectedWaiting]);
  });

  test('that is attempted again is stored again only for subscriptions which ask for it since', async () => {
    const subscriptions = [receiving('a'), receiving('b')];
    const { entries, beforeWrite, afterWrite, asked, left } = setUp(subscriptions);
    await beforeWrite();
    await beforeWrite();
    expect(left()).toEqual(['ab']);
    subscriptions.push(receiving('c'));
    await beforeWrite({ ...updated, replaces: 'x' });
    expect(left()).toEqual(['ab', 'c']);
    expect(entries.all().map(({ entry }) => entry.content)).toMatchObject([{ replaces: 'v' }, { replaces: 'x' }]);
    await afterWrite();
    expect([asked(), left()]).toEqual(['abc', []]);
  });

  test('is notified only as its last attempt was asked for, also by the timer', async () => {
    const { posted, beforeWrite, write, left, changesOf } = setUp([onlyCreated, receiving('b')], 'b');
    await beforeWrite(created);
    await write();
    expect(new Set(posted.map(({ value }) => value[0]?.changeType))).toEqual(new Set(['updated']));
    expect([left(), changesOf('b')]).toMatchObject([[], [{ change: { changeType: 'updated' } }]]);
  });

  test('that may have been written by an earlier attempt of another type leaves the entry of that to the timer', async () => {
    const { entries, beforeWrite, afterWrite, asked } = setUp([onlyCreated, receiving('b')]);
    await beforeWrite(created);
    await beforeWrite();
    await afterWrite('unknown');
    expect(asked()).toBe('b');
    expect(entries.only().entry.content).toMatchObject({ changeType: 'created', subscriptions: ['a', 'b'] });
  });

  test('whose entry exists already is delivered by whoever has stored it', async () => {
    const { entries, write, asked } = setUp([receiving('a')]);
    entries.create = async () => undefined;
    await write();
    expect(asked()).toBe('');
  });

  test('that is refused leaves no entry', async () => {
    const { listener, beforeWrite, asked, left } = setUp([receiving('a')]);
    await beforeWrite();
    listener.settled();
    await settled();
    expect([asked(), left()]).toEqual(['', []]);
  });

  test('that is not accepted waits in the backlog, even when it turns out to be refused after it was written', async () => {
    const { entries, changesOf, listener, beforeWrite, afterWrite, left } = setUp([receiving('a')], 'a');
    await beforeWrite();
    const { id, createdAt } = entries.only().entry;
    const written = afterWrite();
    listener.settled();
    await written;
    expect(left()).toEqual([]);
    expect(changesOf('a')).toMatchObject([{ id, createdAt, change: { writeId: 'w' } }]);
  });

  test.each([
    [0, FIRST_PAUSES_MS.length],
    [1, 1],
  ])('whose receiver failed in %i runs is sent %i times', async (failures, attempts) => {
    const { posted, write } = setUp([behind('a', { failures })], 'a');
    await write();
    expect(posted).toHaveLength(attempts);
  });

  test('of a saturated subscription is not stored for that, and is counted', async () => {
    const { beforeWrite, afterWrite, left, asked } = setUp([behind('a', { isSaturated: true }), receiving('b')]);
    await recorded('');
    await beforeWrite();
    expect(left()).toEqual(['b']);
    await afterWrite();
    expect([left(), asked()]).toEqual([[], 'b']);
    expect(await recorded('playpromptoperation.notifications')).toEqual([
      { value: 1, attributes: { result: 'dropped', cause: 'saturated' } },
      { value: 1, attributes: { result: 'sent' } },
    ]);
  });
});

test('what is stored beside a version is not kept while its notifications wait', async () => {
  const deliver = jest.fn<Delivery['deliver']>(async () => 'accepted');
  await setUp([receiving('a')], '', { deliver }).write();
  expect(deliver.mock.calls.map(([, made]) => made.version)).toEqual([version]);
});

test('a store that fails in the background leaves the entry, and fails nothing else', async () => {
  const rejected = jest.fn();
  process.on('unhandledRejection', rejected);
  try {
    const fail = () => Promise.reject(new Error('down'));
    const { listener, beforeWrite, afterWrite, left } = setUp([receiving('a')], '', { deliver: fail, keepFor: fail });
    await beforeWrite();
    listener.settled();
    await afterWrite();
    await settled();
    expect([rejected.mock.calls, left()]).toEqual([[], ['a']]);
  } finally {
    process.off('unhandledRejection', rejected);
  }
});
