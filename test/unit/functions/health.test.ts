import { InvocationContext } from '@azure/functions';
import { expect, jest, test } from '@jest/globals';
import { CHECK_INTERVAL_MS, createReady, type Dependency } from '../../../functions/health.ts';

/** Asks whether a service is ready that needs these. */
const readyOf = (dependencies: readonly Dependency[], now?: () => number) => {
  const ready = createReady(dependencies, now);
  return () => ready(request, new AbortController().signal, new InvocationContext());
};
const empty = { headers: new Headers(), params: {}, body: null };
const request = { requestId: 'r', method: 'GET', url: new URL('http://a/'), ...empty };

test('for any number of callers, its dependencies are checked once in 5 seconds, with any result', async () => {
  let now = 0;
  const need = jest.fn(async () => {});
  const checkReady = readyOf([async () => {}, need], () => now);
  /** What 100 callers get. */
  const outcomes = async () => {
    const asked = await Promise.allSettled(Array.from({ length: 100 }, checkReady));
    return new Set(asked.map((each) => (each.status === 'fulfilled' ? each.value.status : each.reason.reason)));
  };
  expect(await outcomes()).toEqual(new Set([200]));
  now = CHECK_INTERVAL_MS - 1;
  need.mockRejectedValue(new Error('down'));
  expect(await outcomes()).toEqual(new Set([200]));
  expect(need).toHaveBeenCalledTimes(1);

  now = CHECK_INTERVAL_MS;
  expect(await outcomes()).toEqual(new Set(['unavailable']));
  now = 2 * CHECK_INTERVAL_MS - 1;
  need.mockResolvedValue();
  expect(await outcomes()).toEqual(new Set(['unavailable']));
  expect(need).toHaveBeenCalledTimes(2);

  now = 2 * CHECK_INTERVAL_MS;
  expect(await outcomes()).toEqual(new Set([200]));
});

test('a check that takes too long is aborted', async () => {
  jest.useFakeTimers();
  try {
    const checkReady = readyOf([
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
    const ready = expect(checkReady()).rejects.toMatchObject({ cause: { name: 'TimeoutError' } });
    await jest.advanceTimersByTimeAsync(3000);
    await ready;
  } finally {
    jest.useRealTimers();
  }
});
