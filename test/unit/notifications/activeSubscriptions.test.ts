import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { createFindSubscriptions, KNOWN_AFTER_MS } from '../../../shared/notifications/activeSubscriptions.ts';
import type { StoredSubscription } from '../../../shared/notifications/subscription.ts';
import { aSubscription } from '../../support/notifications.ts';
import { TENANT } from '../../support/operations.ts';

/** What runs in the background has come to its end: it waits for promises only. */
const settled = () => new Promise(setImmediate);

describe('the list of subscriptions', () => {
  test('is read once for all who wait, and again before it is too old', async () => {
    let reads = 0;
    let time = 0;
    const list = async () => {
      reads += 1;
      return [aSubscription({ id: String(reads) })];
    };
    const find = createFindSubscriptions({ subscriptions: { list }, monotonicNow: () => time, now: () => time });
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
    const find = createFindSubscriptions({ subscriptions: { list } });
    await expect(find(TENANT)).rejects.toThrow('down');
    isDown = false;
    expect(await find(TENANT)).toEqual([]);
  });

  test('that cannot be read again in the background is used until it is too old', async () => {
    let time = 0;
    let reads = 0;
    const list = async () => {
      reads += 1;
      if (reads > 1) throw new Error('down');
      return [];
    };
    const find = createFindSubscriptions({ subscriptions: { list }, monotonicNow: () => time, now: () => time });
    expect(await find(TENANT)).toEqual([]);
    time = KNOWN_AFTER_MS - 1;
    expect([await find(TENANT), reads]).toEqual([[], 2]);
    await settled();
    time = KNOWN_AFTER_MS;
    await expect(find(TENANT)).rejects.toThrow('down');
  });

  test('whose read began too long ago is not waited for by new requests, whichever read ends first', async () => {
    let time = 0;
    const reads: PromiseWithResolvers<StoredSubscription[]>[] = [];
    const list = () => {
      const read = Promise.withResolvers<StoredSubscription[]>();
      reads.push(read);
      return read.promise;
    };
    const find = createFindSubscriptions({ subscriptions: { list }, monotonicNow: () => time, now: () => time });
    const first = find(TENANT);
    time = KNOWN_AFTER_MS - 1;
    const second = find(TENANT);
    time = KNOWN_AFTER_MS;
    const third = find(TENANT);
    expect(reads).toHaveLength(2);
    reads[0]?.resolve([]);
    expect([await first, await second]).toEqual([[], []]);
    await settled();
    // The second read goes on, and serves whoever asks now.
    const fourth = find(TENANT);
    expect(reads).toHaveLength(2);
    const subscriptions = [aSubscription({})];
    reads[1]?.resolve(subscriptions);
    expect([await third, await fourth]).toEqual([subscriptions, subscriptions]);
  });

  test.each([
    ['although the monotonic clock stops while the machine is suspended', 0, 1],
    ['although the time is set back', 1, -1],
  ])('is too old after 3 seconds, %s', async (_, monotonic, wall) => {
    const time = { monotonic: 0, wall: 0 };
    let reads = 0;
    const list = async () => [aSubscription({ id: String(++reads) })];
    const find = createFindSubscriptions({
      subscriptions: { list },
      monotonicNow: () => time.monotonic,
      now: () => time.wall,
    });
    await find(TENANT);
    time.monotonic = monotonic * KNOWN_AFTER_MS;
    time.wall = wall * KNOWN_AFTER_MS;
    expect(await find(TENANT)).toMatchObject([{ id: '2' }]);
  });

  test('is waited for until the request ends, and the others still get it', async () => {
    const reading = Promise.withResolvers<StoredSubscription[]>();
    let reads = 0;
    const list = () => {
      reads += 1;
      return reading.promise;
    };
    const find = createFindSubscriptions({ subscriptions: { list } });
    const controller = new AbortController();
    const ended = find(TENANT, controller.signal);
    const { signal } = new AbortController();
    const other = find(TENANT, signal);
    controller.abort();
    const message = 'The subscriptions cannot be read now. Try again.';
    const cause = controller.signal.reason;
    await expect(ended).rejects.toMatchObject({ reason: 'unavailable', message, cause });
    await expect(find(TENANT, AbortSignal.abort())).rejects.toMatchObject({ reason: 'unavailable' });
    const subscriptions = [aSubscription({})];
    reading.resolve(subscriptions);
    expect([await other, reads]).toEqual([subscriptions, 1]);
    await settled();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
