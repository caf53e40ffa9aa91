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
