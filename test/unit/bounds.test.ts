import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { readBounded, untilAborted, withDeadline } from '../../shared/bounds.ts';
import { streamOf } from '../support/streams.ts';

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

/** A stream of chunks of these sizes, each filled with its number. */
const streamOfSizes = (sizes: readonly number[]) => streamOf(sizes.map((size, n) => new Uint8Array(size).fill(n)));

test.each([
  ['empty', [], 0],
  ['shorter than the limit', [2, 1], 4],
  ['as long as the limit', [2, 1, 1], 4],
  ['as long as the limit, with empty chunks', [0, 4, 0], 4],
])('a stream that is %s is read to its end, in order', async (_title, sizes, limit) => {
  const { stream, asked } = streamOfSizes(sizes);
  const bytes = await readBounded(stream, limit);
  expect([...(bytes ?? [])]).toEqual(sizes.flatMap((size, index) => Array(size).fill(index)));
  expect(asked).toEqual({ pulls: sizes.length + 1, cancelled: false });
  expect(await readBounded(null, limit)).toEqual(Buffer.alloc(0));
});

test.each([
  ['in its first chunk', [5, 1, 1], 4, 1],
  ['in a later chunk', [2, 2, 1, 1, 1], 4, 3],
  ['with no byte allowed', [1, 1], 0, 1],
])('a stream that is longer than the limit %s is given up and cancelled', async (_title, sizes, limit, pulls) => {
  const { stream, asked } = streamOfSizes(sizes);
  expect(await readBounded(stream, limit)).toBeUndefined();
  expect(asked).toEqual({ pulls, cancelled: true });
});

test('a stream that fails rejects with its error', async () => {
  const stream = new ReadableStream({ pull: (controller) => controller.error(new Error('the connection broke')) });
  await expect(readBounded(stream, 4)).rejects.toThrow('the connection broke');
});
