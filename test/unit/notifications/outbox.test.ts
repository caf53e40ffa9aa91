import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { createFindSubscriptions, KNOWN_AFTER_MS } from '../../../shared/notifications/activeSubscriptions.ts';
import { createDelivery } from '../../../shared/notifications/delivery.ts';
import { createOutbox } from '../../../shared/notifications/outbox.ts';
import type { StoredSubscription, Subscription } from '../../../shared/notifications/subscription.ts';
import { aSubscription, memoryOutbox } from '../../support/notifications.ts';
import { anOperation, TENANT } from '../../support/operations.ts';

const signal = AbortSignal.timeout(60_000);
const operation = anOperation({ id: 'o', status: 'Completed' });
const version = { operation, etag: 'e' };
const change = { changeType: 'updated', operation, replaces: 'v' } as const;

function setUp(subscriptions: Subscription[], status = 200) {
  const entries = memoryOutbox();
  const posted: string[] = [];
  const receivers = {
    post: async (url: string) => {
      posted.push(url);
      return { status, headers: { 'retry-after': '60' }, body: '' };
    },
  };
  const delivery = createDelivery({ entries, subscriptions: { update: async () => true }, receivers });
  const listen = createOutbox({ entries, findSubscriptions: async () => subscriptions, delivery });
  return { entries, posted, listener: listen(TENANT, 'o', 'w') };
}

/** What runs in the background has come to its end. */
const settled = () => delay(20);

describe('a change', () => {
  test('that no subscription asks for leaves no entry', async () => {
    const other = aSubscription({ resource: { text: '', operationId: 'another', filter: undefined } });
    const { entries, posted, listener } = setUp([other, aSubscription({ changeTypes: ['deleted'] })]);
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version);
    await settled();
    expect([entries.all(), posted]).toEqual([[], []]);
  });

  test('that is asked for is stored before it is written, and delivered after', async () => {
    const { entries, posted, listener } = setUp([aSubscription({ id: 'a' }), aSubscription({ id: 'b' })]);
    await listener.beforeWrite(change, signal);
    await listener.beforeWrite(change, signal);
    expect(entries.only().entry.content).toMatchObject({ writeId: 'w', replaces: 'v', subscriptions: ['a', 'b'] });
    expect(posted).toEqual([]);
    listener.afterWrite(version);
    listener.afterRefusal();
    await settled();
    expect([entries.all().length, posted.length]).toEqual([0, 2]);
  });

  test('that is refused leaves no entry', async () => {
    const { entries, posted, listener } = setUp([aSubscription()]);
    await listener.beforeWrite(change, signal);
    listener.afterRefusal();
    await settled();
    expect([entries.all(), posted]).toEqual([[], []]);
  });

  test.each([
    ['one subscription', ['a']],
    ['several', ['a', 'b']],
  ])('that is not accepted stays for later, for each of %s', async (_, ids) => {
    const { entries, listener } = setUp(
      ids.map((id) => aSubscription({ id })),
      503,
    );
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version);
    await settled();
    expect(entries.all().map(({ entry }) => entry.attempts)).toEqual(ids.map(() => 1));
  });

  test('for a subscription that may just have been renewed is left to the timer', async () => {
    const { entries, posted, listener } = setUp([aSubscription({ expiration: new Date(Date.now() - 1000) })]);
    await listener.beforeWrite(change, signal);
    listener.afterWrite(version);
    await settled();
    expect([entries.all().length, posted]).toEqual([1, []]);
  });
});

describe('the list of subscriptions', () => {
  test('is read once for all who wait, and again before it is too old', async () => {
    let reads = 0;
    let time = 0;
    const list = async () => {
      reads += 1;
      return [aSubscription({ id: String(reads) })];
    };
    const find = createFindSubscriptions({ list }, () => time);
    const idsAt = async (at: number) => {
      time = at;
      return (await find(TENANT)).map(({ id }) => id);
    };
    expect(await Promise.all([find(TENANT), find(TENANT)])).toHaveLength(2);
    expect([reads, await idsAt(1000)]).toEqual([1, ['1']]);
    // It is refreshed in the background.
    expect([await idsAt(2000), reads]).toEqual([['1'], 2]);
    await settled();
    expect(await idsAt(2001)).toEqual(['2']);
    expect(await idsAt(2000 + KNOWN_AFTER_MS)).toEqual(['3']);
  });

  test('that cannot be read fails the requests that need it, and is read again', async () => {
    let isDown = true;
    const list = async () => {
      if (isDown) throw new Error('down');
      return [];
    };
    const find = createFindSubscriptions({ list });
    await expect(find(TENANT)).rejects.toThrow('down');
    isDown = false;
    expect(await find(TENANT)).toEqual([]);
  });

  test('is waited for until the request ends, and the others still get it', async () => {
    const reading = Promise.withResolvers<StoredSubscription[]>();
    let reads = 0;
    const list = () => {
      reads += 1;
      return reading.promise;
    };
    const find = createFindSubscriptions({ list });
    const controller = new AbortController();
    const ended = find(TENANT, controller.signal);
    const other = find(TENANT, new AbortController().signal);
    controller.abort();
    await expect(ended).rejects.toMatchObject({ reason: 'unavailable' });
    await expect(find(TENANT, AbortSignal.abort())).rejects.toMatchObject({ reason: 'unavailable' });
    const subscriptions = [aSubscription({})];
    reading.resolve(subscriptions);
    expect([await other, reads]).toEqual([subscriptions, 1]);
  });
});
