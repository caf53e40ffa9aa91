/** Runs work of one key in turn; of different keys at the same time. */
export type InTurn = <Result>(key: string, signal: AbortSignal, work: () => Promise<Result>) => Promise<Result>;

/**
 * Lets those who would only get in each other's way wait for each other. Who waits when `signal` is aborted is let
 * through at once, to be refused by what it then does.
 */
export function createInTurn(): InTurn {
  const last = new Map<string, Promise<void>>();

  return async (key, signal, work) => {
    const before = last.get(key);
    const { promise: mine, resolve: done } = Promise.withResolvers<void>();
    last.set(key, mine);
    try {
      if (before) await Promise.race([before, abortOf(signal)]);
      return await work();
    } finally {
      if (last.get(key) === mine) last.delete(key);
      done();
    }
  };
}

function abortOf(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
