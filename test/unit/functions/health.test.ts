import { InvocationContext } from '@azure/functions';
import { expect, jest, test } from '@jest/globals';
import { CHECK_INTERVAL_MS, createReady, type Dependency } from '../../../functions/health.ts';

/** Asks whether a service is ready that needs these. */
const readyOf = (dependencies: readonly Dependency[], now?: () => number) => {
  const ready = createReady(dependencies, now);
  return () => ready(request, new AbortController().signal, new InvocationContext());
};
const request = {
  requestId: 'r',
  method: 'GET',
  url: new URL('http://a/'),
  headers: new Headers(),
  params: {},
  body: null,
};

/** What the service needs, which answers as long as nothing is wrong, and a clock. */
function aService() {
  const state = { now: 0, wrong: undefined as Error | undefined };
  const need = jest.fn(async () => {
    if (state.wrong) throw state.wrong;
  });
  const other = jest.fn(async () => {});
  return { state, need, checkReady: readyOf([other, need], () => state.now) };
}

test('it is ready when all that it needs answers', async () => {
  const { checkReady, need } = aService();
  await expect(checkReady()).resolves.toMatchObject({ status: 200 });
  expect(need).toHaveBeenCalledTimes(1);
});

test('it is a 503 when one does not; the response has no details, and the log has the cause', async () => {
  const { checkReady, state } = aService();
  state.wrong = new Error('10.0.0.4 refused');
  const ready = checkReady();
  await expect(ready).rejects.toMatchObject({ reason: 'unavailable', cause: state.wrong });
  await expect(ready).rejects.toThrow('The service is not ready.');
});

test('for any number of callers, its dependencies are checked once in 5 seconds, with any result', async () => {
  const { checkReady, state, need } = aService();
  const asking = () => Promise.allSettled(Array.from({ length: 100 }, checkReady));
  expect(new Set((await asking()).map(({ status }) => status))).toEqual(new Set(['fulfilled']));
  state.now = CHECK_INTERVAL_MS - 1;
  state.wrong = new Error('down');
  expect(new Set((await asking()).map(({ status }) => status))).toEqual(new Set(['fulfilled']));
  expect(need).toHaveBeenCalledTimes(1);

  state.now = CHECK_INTERVAL_MS;
  expect(new Set((await asking()).map(({ status }) => status))).toEqual(new Set(['rejected']));
  state.now = 2 * CHECK_INTERVAL_MS - 1;
  state.wrong = undefined;
  expect(new Set((await asking()).map(({ status }) => status))).toEqual(new Set(['rejected']));
  expect(need).toHaveBeenCalledTimes(2);

  state.now = 2 * CHECK_INTERVAL_MS;
  await expect(checkReady()).resolves.toMatchObject({ status: 200 });
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
