import { describe, expect, test } from '@jest/globals';
import { createBacklogs } from '../../../shared/notifications/backlog.ts';
import { createDelivery, type Delivery, FIRST_PAUSES_MS, LEASE_MS } from '../../../shared/notifications/delivery.ts';
import { createOutbox } from '../../../shared/notifications/outbox.ts';
import type { Receivers } from '../../../shared/notifications/receiver.ts';
import { EXPIRATION_GRACE_MS, type StoredSubscription } from '../../../shared/notifications/subscription.ts';
import { registerMetrics } from '../../support/metrics.ts';
import { aBacklog, aSubscription, memoryBacklogs, memoryOutbox } from '../../support/notifications.ts';
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
  const entries = memoryOutbox();
  const posted: { id: string; value: Record<string, unknown>[] }[] = [];
  const receivers: Pick<Receivers, 'notify'> = {
    async notify({ url, toMessage }) {
      const id = new URL(url).hostname.replace('.example', '');
      posted.push({ id, ...JSON.parse(toMessage().body) });
      return { status: failing.includes(id) ? 503 : 200, headers: {}, body: '' };
    },
  };
  const repository = memoryBacklogs();
  const backlogs = createBacklogs({ repository, entries, now, sleep: async () => {} });
  const recording = { recordDelivery: async () => {} };
  const rest = { entries, backlogs, now };
  const delivery = createDelivery({ ...rest, subscriptions: recording, receivers, sleep: async () => {} });
  const findSubscriptions = async () => subscriptions;
  const listener = createOutbox({ ...rest, findSubscriptions, delivery: { ...delivery, ...changes } })(
    TENANT,
    'o',
    'w',
  );
  return {
    ...{ entries, posted, listener, changesOf: repository.changesOf },
    beforeWrite: (change: Parameters<typeof listener.beforeWrite>[0] = updated) => listener.beforeWrite(change, signal),
    async afterWrite(...attempt: ['unknown'?]) {
      listener.afterWrite({ ...version, ...{ writes: ['w'], history: [] } }, ...attempt);
      await settled();
    },
    /** The receivers that were asked, each once. */
    asked: () => [...new Set(posted.map(({ id }) => id))].toSorted().join(''),
    /** The subscriptions of each entry. */
    left: () => entries.all().map(({ entry }) => Object(entry.content).subscriptions.join('')),
    waiting: () => subscriptions.flatMap(({ id }) => (repository.changesOf(id).length > 0 ? [id] : [])).join(''),
  };
}

const receiving = (id: string, changes: Partial<StoredSubscription> = {}) =>
  aSubscription({ id, notificationUrl: `https://${id}.example/`, ...changes });
const behind = (id: string, changes: Parameters<typeof aBacklog>[1]) =>
  receiving(id, { backlog: aBacklog(id, changes) });
const mayBeRenewed = (id: string) => receiving(id, { expiration: new Date(NOW) });
const onlyCreated = receiving('a', { changeTypes: ['created'] });

describe('a change', () => {
  test('that is asked for is stored before it is written, and delivered after', async () => {
    const { entries, posted, beforeWrite, afterWrite, asked, left } = setUp([receiving('a'), receiving('b')]);
    await beforeWrite();
    const content = { kind: 'change', operationId: 'o', writeId: 'w', changeType: 'updated', replaces: 'v' };
    expect(entries.only()).toMatchObject({
      entry: {
        tenant: TENANT,
        createdAt: new Date(NOW),
        attempts: 0,
        content: { ...content, subscriptions: ['a', 'b'] },
      },
      dueAt: new Date(NOW + LEASE_MS),
    });
    expect(posted).toEqual([]);
    await afterWrite();
    expect([asked(), posted.length, left()]).toEqual(['ab', 2, []]);
    const value = [{ subscriptionId: 'a', changeType: 'updated', resourceData: { id: 'o', '@odata.etag': 'e' } }];
    expect(posted[0]).toMatchObject({ value });
  });

  /** Whose receivers are asked, whose entries are left to the timer, and what waits in backlogs. */
  test.each<[string, StoredSubscription[], failing: string, asked: string, left: string[], waiting: string]>([
    [
      'that no subscription asks for',
      [
        receiving('a', { resource: { text: '', operationId: 'another', filter: undefined } }),
        receiving('b', { changeTypes: ['deleted'] }),
        receiving('c', { expiration: new Date(NOW - EXPIRATION_GRACE_MS) }),
      ],
      ...(['', '', [], ''] as [string, string, string[], string]),
    ],
    ['that some do not accept', ['a', 'b', 'c', 'd'].map((id) => receiving(id)), 'bd', 'abcd', [], 'bd'],
    ['of a subscription that may just have been renewed', [mayBeRenewed('a')], '', '', ['a'], ''],
    [
      'of one that may just have been renewed, among others',
      [mayBeRenewed('a'), receiving('b'), receiving('c')],
      ...(['c', 'bc', ['a'], 'c'] as [string, string, string[], string]),
    ],
    [
      'of a saturated subscription, among others',
      [behind('a', { isSaturated: true }), receiving('b')],
      '',
      'b',
      [],
      '',
    ],
  ])('%s', async (_, subscriptions, failing, expectedAsked, expectedLeft, expectedWaiting) => {
    const { beforeWrite, afterWrite, asked, left, waiting } = setUp(subscriptions, failing);
    await beforeWrite();
    await afterWrite();
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

  test('is notified only as its last attempt was asked for', async () => {
    const { posted, beforeWrite, afterWrite, left } = setUp([onlyCreated, receiving('b')]);
    await beforeWrite(created);
    await beforeWrite();
    await afterWrite();
    expect([posted, left()]).toMatchObject([[{ id: 'b', value: [{ changeType: 'updated' }] }], []]);
  });

  test('that became one of another type at its last attempt is notified as that, also by the timer', async () => {
    const { posted, beforeWrite, afterWrite, left, changesOf } = setUp([receiving('a')], 'a');
    await beforeWrite();
    await beforeWrite(created);
    await afterWrite();
    expect(new Set(posted.map(({ value }) => value[0]?.changeType))).toEqual(new Set(['created']));
    expect([left(), changesOf('a')]).toMatchObject([[], [{ change: { changeType: 'created' } }]]);
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
    const { entries, beforeWrite, afterWrite, asked } = setUp([receiving('a')]);
    entries.create = async () => undefined;
    await beforeWrite();
    await afterWrite();
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
    const { entries, changesOf, posted, listener, beforeWrite, afterWrite, left } = setUp([receiving('a')], 'a');
    await beforeWrite();
    const { id, createdAt } = entries.only().entry;
    const written = afterWrite();
    listener.settled();
    await written;
    expect([left(), posted.length]).toEqual([[], FIRST_PAUSES_MS.length]);
    expect(changesOf('a')).toMatchObject([{ id, createdAt, change: { writeId: 'w' } }]);
  });

  test.each([
    [0, FIRST_PAUSES_MS.length],
    [1, 1],
  ])('whose receiver failed in %i runs is sent %i times', async (failures, attempts) => {
    const { posted, beforeWrite, afterWrite } = setUp([behind('a', { failures })], 'a');
    await beforeWrite();
    await afterWrite();
    expect(posted).toHaveLength(attempts);
  });

  test('of a saturated subscription is not stored, and is counted', async () => {
    const { entries, beforeWrite, afterWrite, asked } = setUp([behind('a', { isSaturated: true })]);
    await recorded('');
    await beforeWrite();
    expect(entries.all()).toEqual([]);
    await afterWrite();
    expect(asked()).toBe('');
    expect(await recorded('playpromptoperation.notifications')).toEqual([
      { value: 1, attributes: { result: 'dropped', cause: 'saturated' } },
    ]);
  });
});

test('what is stored beside a version is not kept while its notifications wait', async () => {
  const delivered: unknown[] = [];
  const deliver: Delivery['deliver'] = async (_, made) => {
    delivered.push(made.version);
    return 'accepted';
  };
  const { beforeWrite, afterWrite } = setUp([receiving('a')], '', { deliver });
  await beforeWrite();
  await afterWrite();
  expect(delivered).toEqual([version]);
});

test('a store that fails in the background leaves the entry, and fails nothing else', async () => {
  const rejections: unknown[] = [];
  const record = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', record);
  try {
    const fail = () => Promise.reject(new Error('down'));
    const { listener, beforeWrite, afterWrite, left } = setUp([receiving('a')], '', { deliver: fail, keepFor: fail });
    await beforeWrite();
    listener.settled();
    await afterWrite();
    await settled();
    expect([rejections, left()]).toEqual([[], ['a']]);
  } finally {
    process.off('unhandledRejection', record);
  }
});
