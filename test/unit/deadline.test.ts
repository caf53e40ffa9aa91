import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { untilAborted, withDeadline } from '../../shared/deadline.ts';

/** Work that ignores its signal. */
const ignoring = (signal: AbortSignal) => untilAborted(signal, new Promise<never>(() => {}));

describe('work with a deadline', () => {
  test('gives its result, or what it throws', async () => {
    expect(await withDeadline(10_000, async () => 7)).toBe(7);
    const failure = new Error('failed');
    await expect(withDeadline(10_000, () => Promise.reject(failure))).rejects.toBe(failure);
  });

  test('is aborted when its time is over', async () => {
    await expect(withDeadline(1, ignoring)).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test('is aborted when the time of the whole is over, with its reason', async () => {
    const outer = new AbortController();
    const reason = new Error('over');
    const result = withDeadline(10_000, ignoring, outer.signal);
    outer.abort(reason);
    await expect(result).rejects.toBe(reason);
    await expect(withDeadline(10_000, ignoring, outer.signal)).rejects.toBe(reason);
  });

  test('leaves no listener and no running timer behind', async () => {
    const { signal: outer } = new AbortController();
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const inner = await withDeadline(10_000, async (signal) => signal, outer);
    expect([getEventListeners(outer, 'abort'), timers(), inner.aborted]).toEqual([[], before, false]);
  });
});

test('what is waited for until a signal is aborted gives its result, or what it throws, and leaves no listener behind', async () => {
  const { signal } = new AbortController();
  expect(await untilAborted(signal, Promise.resolve(7))).toBe(7);
  const failure = new Error('failed');
  await expect(untilAborted(signal, Promise.reject(failure))).rejects.toBe(failure);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
