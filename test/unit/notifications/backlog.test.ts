import { describe, expect, jest, test } from '@jest/globals';
import { createBacklogs, MOST_WAITING, type WaitingChange } from '../../../shared/notifications/backlog.ts';
import { registerMetrics } from '../../support/metrics.ts';
import { aSubscription, change, memoryBacklogs, memoryOutbox } from '../../support/notifications.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const recorded = registerMetrics();

const NOW = Date.parse('2026-01-01T00:00:00Z');
const { signal } = new AbortController();
const subscription = aSubscription({ id: 's', lifecycleNotificationUrl: 'https://bot.example/lifecycle' });
const waiting = (n: number) => ({ id: String(n).padStart(5, '0'), createdAt: new Date(NOW), change });
const turn = () => new Promise(setImmediate);

/** Backlogs in memory, and the instances that add the n-th change of the subscription, by a clock that stands still. */
function setUp() {
  const repository = memoryBacklogs();
  const entries = memoryOutbox();
  const clock = { now: NOW };
  const requests = {
    count: jest.spyOn(repository, 'count'),
    touch: jest.spyOn(repository, 'touch'),
    add: jest.spyOn(repository, 'add'),
  };
  const instance = () => {
    const { add } = createBacklogs({ repository, entries, now: () => clock.now, sleep: turn });
    return (n: number, retryAfterMs = 0) => add(subscription, waiting(n), retryAfterMs);
  };
  const backlog = () => {
    const [only, ...others] = repository.backlogs.values();
    if (!only || others.length > 0) throw new Error(`There are ${repository.backlogs.size} backlogs.`);
    return only;
  };
  const waitingNow = () => repository.changesOf('s').length;
  return { repository, entries, clock, requests, instance, add: instance(), backlog, waitingNow };
}

async function fill(add: (n: number) => Promise<void>, from: number, to: number) {
  for (let n = from; n < to; n++) await add(n);
}

describe('a change that is added', () => {
  test('waits in the backlog of its subscription, which is made known first, and is due at once', async () => {
    const { add, repository, backlog, entries, requests } = setUp();
    await add(1);
    const order = [requests.count, requests.touch, requests.add].map(({ mock }) => mock.invocationCallOrder);
    expect(order.flat()).toEqual(order.flat().toSorted((a, b) => a - b));
    expect(repository.changesOf('s')).toEqual([waiting(1)]);
    const at = new Date(NOW);
    expect(backlog()).toMatchObject({ retryAt: at, touchedAt: at, isSaturated: false, failures: 0 });
    expect(entries.all()).toEqual([]);
  });

  test('is not due before the time that its receiver asks for, and neither is anything else', async () => {
    const { add, backlog } = setUp();
    await add(1);
    await add(2, 7000);
    const until = new Date(NOW + 7000);
    expect(backlog()).toMatchObject({ retryAt: until, quietUntil: until });
    await add(3, 5000);
    expect(backlog()).toMatchObject({ retryAt: until });
  });

  test('makes known that changes are added, once a minute for each instance', async () => {
    const { add, requests, clock, backlog, instance } = setUp();
    await add(1);
    clock.now += 59_999;
    await add(2);
    expect(requests.touch).toHaveBeenCalledTimes(1);
    await instance()(3);
    expect(requests.touch).toHaveBeenCalledTimes(2);
    clock.now += 60_000;
    await add(4);
    expect(requests.touch).toHaveBeenCalledTimes(3);
    expect(backlog().touchedAt).toEqual(new Date(clock.now));
  });

  test('is not added while the others cannot be counted, which is attempted again', async () => {
    const { add, requests, waitingNow } = setUp();
    requests.count.mockRejectedValueOnce(new Error('down'));
    await expect(add(1)).rejects.toThrow('down');
    expect(waitingNow()).toBe(0);
    await add(1);
    expect(waitingNow()).toBe(1);
  });
});

describe('a full backlog', () => {
  test('takes nothing more, of any instance: its subscription is saturated, and gets missed', async () => {
    const { add, instance, waitingNow, backlog, entries } = setUp();
    await fill(add, 0, MOST_WAITING);
    expect(backlog().isSaturated).toBe(false);
    await recorded('');
    await fill(add, MOST_WAITING, MOST_WAITING + 10);
    await fill(instance(), MOST_WAITING + 10, MOST_WAITING + 15);
    expect([waitingNow(), backlog().isSaturated]).toEqual([MOST_WAITING, true]);
    expect(entries.only().entry.content).toMatchObject({ lifecycleEvent: 'missed', subscriptionId: 's' });
    expect(await recorded('playpromptoperation.notifications')).toEqual([
      { value: 15, attributes: { result: 'dropped', cause: 'saturated' } },
    ]);
  });

  test('has at most 100 more for each instance that adds at the same time, and counting costs a request for as many', async () => {
    const { add, instance, waitingNow, requests } = setUp();
    const instances = [add, instance(), instance()];
    for (let n = 0; n < 2 * MOST_WAITING; n++) await instances[n % 3]?.(n);
    expect(waitingNow()).toBeLessThanOrEqual(MOST_WAITING + 300);
    expect(requests.count.mock.calls.length).toBeLessThan(30);
  });

  test('takes changes again some seconds after it has been delivered', async () => {
    const { add, repository, clock, waitingNow } = setUp();
    await fill(add, 0, MOST_WAITING + 1);
    for (const each of repository.changesOf('s')) await repository.removeWaiting('s', each, signal);
    clock.now += 10_001;
    await add(MOST_WAITING + 2);
    expect(waitingNow()).toBe(1);
  });
});

test('changes of a subscription are added together, of two subscriptions of a tenant at a time, and no tenant waits for another', async () => {
  const { repository, entries } = setUp();
  const held: { readonly changes: number; readonly release: () => void }[] = [];
  const adding = {
    ...repository,
    add: (_: string, { length: changes }: readonly WaitingChange[]) =>
      new Promise<void>((resolve) => held.push({ changes, release: resolve })),
  };
  const { add } = createBacklogs({ repository: adding, entries, now: () => NOW, sleep: turn });
  const turns = async () => {
    for (let n = 0; n < 3; n++) await turn();
  };
  const failing = [subscription, aSubscription(), aSubscription()];
  const all = Array.from({ length: 360 }, (_, n) => add(failing[n % 3] ?? subscription, waiting(n), 0));
  await turns();
  expect(held).toHaveLength(2);
  all.push(add(aSubscription({ tenant: OTHER_TENANT }), waiting(9), 0));
  await turns();
  expect(held).toHaveLength(3);
  for (let n = 0; n < held.length; n++) {
    held[n]?.release();
    await turns();
  }
  await Promise.all(all);
  expect(held.map(({ changes }) => changes).toSorted((a, b) => a - b)).toEqual([1, 20, 20, 20, 100, 100, 100]);
});
