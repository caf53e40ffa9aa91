import { describe, expect, test } from '@jest/globals';
import { createBacklogs, MOST_WAITING, type WaitingChange } from '../../../shared/notifications/backlog.ts';
import { registerMetrics } from '../../support/metrics.ts';
import { aSubscription, memoryBacklogs, memoryOutbox } from '../../support/notifications.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const recorded = registerMetrics();

const NOW = Date.parse('2026-01-01T00:00:00Z');
const { signal } = new AbortController();
const sleep = () => new Promise((resolve) => setImmediate(resolve));
const subscription = aSubscription({ id: 's', lifecycleNotificationUrl: 'https://bot.example/lifecycle' });
const change = { operationId: 'o', writeId: 'w', changeType: 'updated', replaces: 'v' } as const;
const waiting = (n: number) => ({ id: String(n).padStart(5, '0'), createdAt: new Date(NOW), change });

function setUp() {
  const repository = memoryBacklogs();
  const entries = memoryOutbox();
  const clock = { now: NOW };
  const requests = { count: 0, touch: 0 };
  const counting = {
    ...repository,
    count: (...args: Parameters<typeof repository.count>) => {
      requests.count += 1;
      return repository.count(...args);
    },
    touch: (...args: Parameters<typeof repository.touch>) => {
      requests.touch += 1;
      return repository.touch(...args);
    },
  };
  const instance = () => createBacklogs({ repository: counting, entries, now: () => clock.now, sleep });
  const backlog = () => {
    const [only, ...others] = repository.backlogs.values();
    if (!only || others.length > 0) throw new Error(`There are ${repository.backlogs.size} backlogs.`);
    return only;
  };
  return { repository, entries, clock, requests, instance, ...instance(), backlog };
}

async function fill({ add }: Pick<ReturnType<typeof setUp>, 'add'>, from: number, to: number) {
  for (let n = from; n < to; n++) await add(subscription, waiting(n), 0);
}

describe('a change that is added', () => {
  test('waits in the backlog of its subscription, which is due at once', async () => {
    const { add, repository, backlog, entries } = setUp();
    await add(subscription, waiting(1), 0);
    expect(repository.changesOf('s')).toEqual([waiting(1)]);
    expect(backlog()).toMatchObject({
      retryAt: new Date(NOW),
      touchedAt: new Date(NOW),
      isSaturated: false,
      failures: 0,
    });
    expect(entries.all()).toEqual([]);
  });

  test('is not due before the time that its receiver asks for, and neither is anything else', async () => {
    const { add, backlog, requests } = setUp();
    await add(subscription, waiting(1), 0);
    await add(subscription, waiting(2), 7000);
    const until = new Date(NOW + 7000);
    expect(backlog()).toMatchObject({ retryAt: until, quietUntil: until });
    for (const sooner of [5000, 7500]) await add(subscription, waiting(sooner), sooner);
    expect(backlog()).toMatchObject({ retryAt: until, quietUntil: until });
    expect(requests.touch).toBe(2);
  });

  test('makes the backlog known first: what waits in one that is not would wait for ever', async () => {
    const { repository, entries } = setUp();
    const steps: string[] = [];
    const stepping = {
      ...repository,
      touch: async () => void steps.push('touch'),
      add: async () => void steps.push('add'),
    };
    await createBacklogs({ repository: stepping, entries, now: () => NOW, sleep }).add(subscription, waiting(1), 0);
    expect(steps).toEqual(['touch', 'add']);
  });

  test('makes known that changes are added, once a minute for each instance', async () => {
    const { add, requests, clock, backlog, instance } = setUp();
    await add(subscription, waiting(1), 0);
    clock.now += 59_999;
    await add(subscription, waiting(2), 0);
    expect(requests.touch).toBe(1);
    await instance().add(subscription, waiting(3), 0);
    expect(requests.touch).toBe(2);
    clock.now += 60_000;
    await add(subscription, waiting(4), 0);
    expect([requests.touch, backlog().touchedAt]).toEqual([3, new Date(clock.now)]);
  });

  test('makes the backlog known again although another instance has removed it, which was empty for minutes', async () => {
    const { add, repository, clock, backlog } = setUp();
    await add(subscription, waiting(1), 0);
    await repository.remove(backlog(), signal);
    clock.now += 5 * 60_000;
    await add(subscription, waiting(2), 0);
    expect(backlog()).toMatchObject({ touchedAt: new Date(clock.now), isSaturated: false });
  });
});

describe('a full backlog', () => {
  test('takes nothing more: its subscription is saturated, which is stored first, and gets missed', async () => {
    const { add, repository, backlog, entries } = setUp();
    await fill({ add }, 0, MOST_WAITING);
    expect(backlog().isSaturated).toBe(false);
    await recorded('');
    await fill({ add }, MOST_WAITING, MOST_WAITING + 10);
    expect(repository.changesOf('s')).toHaveLength(MOST_WAITING);
    expect(backlog().isSaturated).toBe(true);
    expect(entries.only().entry.content).toMatchObject({ lifecycleEvent: 'missed', subscriptionId: 's' });
    expect(await recorded('playpromptoperation.notifications')).toEqual([
      { value: 10, attributes: { result: 'dropped', cause: 'saturated' } },
    ]);
  });

  test('is full for every instance, and after one has started again', async () => {
    const { add, instance, repository } = setUp();
    await fill({ add }, 0, MOST_WAITING);
    await fill(instance(), MOST_WAITING, MOST_WAITING + 5);
    expect(repository.changesOf('s')).toHaveLength(MOST_WAITING);
  });

  test('has at most 100 more for each instance that adds at the same time, and counting costs a request for as many', async () => {
    const { add, instance, repository, requests } = setUp();
    const others = [add, instance().add, instance().add];
    for (let n = 0; n < 2 * MOST_WAITING; n++) await others[n % 3]?.(subscription, waiting(n), 0);
    expect(repository.changesOf('s').length).toBeLessThanOrEqual(MOST_WAITING + 300);
    expect(requests.count).toBeLessThan(30);
  });

  test('takes changes again some seconds after it has been delivered', async () => {
    const { add, repository, clock } = setUp();
    await fill({ add }, 0, MOST_WAITING + 1);
    for (const each of repository.changesOf('s')) await repository.removeWaiting('s', each, signal);
    clock.now += 10_001;
    await add(subscription, waiting(MOST_WAITING + 2), 0);
    expect(repository.changesOf('s')).toHaveLength(1);
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
  const { add } = createBacklogs({ repository: adding, entries, now: () => NOW, sleep });
  const turn = async () => {
    for (let n = 0; n < 3; n++) await sleep();
  };
  const failing = [subscription, aSubscription(), aSubscription()];
  const all = Array.from({ length: 360 }, (_, n) => add(failing[n % 3] ?? subscription, waiting(n), 0));
  await turn();
  expect(held).toHaveLength(2);
  all.push(add(aSubscription({ tenant: OTHER_TENANT }), waiting(9), 0));
  await turn();
  expect(held).toHaveLength(3);
  for (let n = 0; n < held.length; n++) {
    held[n]?.release();
    await turn();
  }
  await Promise.all(all);
  expect(held.map(({ changes }) => changes).toSorted((a, b) => a - b)).toEqual([1, 20, 20, 20, 100, 100, 100]);
});

test('what cannot be counted now is not added, and is counted again', async () => {
  const { repository, entries } = setUp();
  let isDown = true;
  const count = async () => {
    if (isDown) throw new Error('down');
    return 0;
  };
  const { add } = createBacklogs({ repository: { ...repository, count }, entries, now: () => NOW, sleep });
  await expect(add(subscription, waiting(1), 0)).rejects.toThrow('down');
  expect(repository.changesOf('s')).toEqual([]);
  isDown = false;
  await add(subscription, waiting(1), 0);
  expect(repository.changesOf('s')).toHaveLength(1);
});
