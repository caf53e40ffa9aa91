import { describe, expect, test } from '@jest/globals';
import { createKeyedMutex } from '../../../shared/operation/keyedMutex.ts';

const { signal } = new AbortController();
const settled = () => new Promise(setImmediate);

describe('work of one key', () => {
  test('is done in the order in which it came, one after the other', async () => {
    const inTurn = createKeyedMutex();
    const log: string[] = [];
    const work = (name: string) => async () => {
      log.push(`${name} begins`);
      await settled();
      log.push(`${name} ends`);
      return name;
    };
    const results = await Promise.all(['a', 'b', 'c'].map((name) => inTurn('key', signal, work(name))));
    expect(results).toEqual(['a', 'b', 'c']);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  test('continues after work that fails', async () => {
    const inTurn = createKeyedMutex();
    const failing = inTurn('key', signal, () => Promise.reject(new Error('failed')));
    const following = inTurn('key', signal, async () => 'done');
    await expect(failing).rejects.toThrow('failed');
    expect(await following).toBe('done');
  });

  test.each([
    ['before it waits', true],
    ['while it waits', false],
  ])('waits no longer than until its deadline: %s', async (_title, before) => {
    const inTurn = createKeyedMutex();
    const deadline = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = inTurn('key', signal, () => promise);
    if (before) deadline.abort();
    const second = inTurn('key', deadline.signal, async () => 'let through');
    deadline.abort();
    expect(await second).toBe('let through');
    resolve();
    await first;
  });
});

test('work of different keys does not wait', async () => {
  const inTurn = createKeyedMutex();
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = inTurn('one', signal, () => promise);
  expect(await inTurn('other', signal, async () => 'done')).toBe('done');
  resolve();
  await first;
});
