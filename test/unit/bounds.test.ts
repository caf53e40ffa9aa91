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

test.each<[what: string, sizes: number[], limit: number, pulls: number, isRead: boolean]>([
  ['empty', [], 0, 1, true],
  ['shorter than the limit', [2, 1], 4, 3, true],
  ['as long as the limit', [2, 1, 1], 4, 4, true],
  ['as long as the limit, with empty chunks', [0, 4, 0], 4, 4, true],
  ['longer in its first chunk', [5, 1, 1], 4, 1, false],
  ['longer in a later chunk', [2, 2, 1, 1, 1], 4, 3, false],
  ['longer where no byte is allowed', [1, 1], 0, 1, false],
])(
  'a stream is read to its end, in order, or given up and cancelled: %s',
  async (...[, sizes, limit, pulls, isRead]) => {
    const chunks = sizes.map((size, n) => new Uint8Array(size).fill(n));
    const { stream, asked } = streamOf(chunks);
    expect(await readBounded(stream, limit)).toEqual(isRead ? Buffer.concat(chunks) : undefined);
    expect(asked).toEqual({ pulls, cancelled: !isRead });
  },
);

test('no stream is an empty one', async () => {
  expect(await readBounded(null, 4)).toEqual(Buffer.alloc(0));
});

test('a stream that fails rejects with its error', async () => {
  const stream = new ReadableStream({ pull: (controller) => controller.error(new Error('the connection broke')) });
  await expect(readBounded(stream, 4)).rejects.toThrow('the connection broke');
});
