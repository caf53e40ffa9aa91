import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { createFindSubscriptions, KNOWN_AFTER_MS } from '../../../shared/notifications/activeSubscriptions.ts';
import type { StoredSubscription } from '../../../shared/notifications/subscription.ts';
import { aSubscription } from '../../support/notifications.ts';
import { TENANT } from '../../support/operations.ts';

/** What runs in the background has come to its end: it waits for promises only. */
const settled = () => new Promise(setImmediate);

/** A cache in front of a store whose n-th read has the subscription `n`, unless `list` says something else. */
function setUp(list: (n: number) => Promise<StoredSubscription[]> = async (n) => [aSubscription({ id: `${n}` })]) {
  const time = { monotonic: 0, wall: 0 };
  const seen = { reads: 0 };
  const find = createFindSubscriptions({
    subscriptions: { list: () => list(++seen.reads) },
    monotonicNow: () => time.monotonic,
    now: () => time.wall,
  });
  return {
    seen,
    setTime: (monotonic: number, wall = monotonic) => Object.assign(time, { monotonic, wall }),
    find: (signal?: AbortSignal) => find(TENANT, signal),
  };
}

describe('the list of subscriptions', () => {
  test('is read once for all who wait, and again before it is too old', async () => {
    const { seen, setTime, find } = setUp();
    const idsAt = async (at: number) => {
      setTime(at);
      return (await find()).map(({ id }) => id);
    };
    await Promise.all([find(), find()]);
    expect([seen.reads, await idsAt(1000)]).toEqual([1, ['1']]);
    // It is refreshed in the background.
    expect([await idsAt(2000), seen.reads]).toEqual([['1'], 2]);
    await settled();
    expect(await idsAt(2001)).toEqual(['2']);
    expect(await idsAt(2000 + KNOWN_AFTER_MS)).toEqual(['3']);
  });

  test('that cannot be read again is used until it is too old; then requests fail, until it is read', async () => {
    const { seen, setTime, find } = setUp(async (n) => {
      if (n % 3 !== 1) throw new Error('down');
      return [];
    });
    expect(await find()).toEqual([]);
    setTime(KNOWN_AFTER_MS - 1);
    expect([await find(), seen.reads]).toEqual([[], 2]);
    await settled();
    setTime(KNOWN_AFTER_MS);
    await expect(find()).rejects.toThrow('down');
    expect([await find(), seen.reads]).toEqual([[], 4]);
  });

  test('whose read began too long ago is not waited for by new requests, whichever read ends first', async () => {
    const reads = [Promise.withResolvers<StoredSubscription[]>(), Promise.withResolvers<StoredSubscription[]>()];
    const { seen, setTime, find } = setUp((n) => reads[n - 1]?.promise ?? Promise.reject());
    const first = find();
    setTime(KNOWN_AFTER_MS - 1);
    const second = find();
    setTime(KNOWN_AFTER_MS);
    const third = find();
    expect(seen.reads).toBe(2);
    reads[0]?.resolve([]);
    expect([await first, await second]).toEqual([[], []]);
    await settled();
    // The second read goes on, and serves whoever asks now.
    const fourth = find();
    const subscriptions = [aSubscription()];
    reads[1]?.resolve(subscriptions);
    expect([await third, await fourth, seen.reads]).toEqual([subscriptions, subscriptions, 2]);
  });

  test.each([
    ['although the monotonic clock stops while the machine is suspended', 0, KNOWN_AFTER_MS],
    ['although the time is set back', KNOWN_AFTER_MS, -KNOWN_AFTER_MS],
  ])('is too old after 3 seconds, %s', async (_, monotonic, wall) => {
    const { setTime, find } = setUp();
    await find();
    setTime(monotonic, wall);
    expect(await find()).toMatchObject([{ id: '2' }]);
  });

  test('is waited for until the request ends, and the others still get it', async () => {
    const reading = Promise.withResolvers<StoredSubscription[]>();
    const { seen, find } = setUp(() => reading.promise);
    const controller = new AbortController();
    const ended = find(controller.signal);
    const { signal } = new AbortController();
    const other = find(signal);
    controller.abort();
    const message = 'The subscriptions cannot be read now. Try again.';
    const cause = controller.signal.reason;
    await expect(ended).rejects.toMatchObject({ reason: 'unavailable', message, cause });
    await expect(find(AbortSignal.abort())).rejects.toMatchObject({ reason: 'unavailable' });
    const subscriptions = [aSubscription()];
    reading.resolve(subscriptions);
    expect([await other, seen.reads]).toEqual([subscriptions, 1]);
    await settled();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
