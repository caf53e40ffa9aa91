/** Runs work with the same key one after the other, and work with different keys concurrently. */
export type KeyedMutex = <Result>(key: string, signal: AbortSignal, work: () => Promise<Result>) => Promise<Result>;

/** When `signal` is aborted, work that waits runs at once, so that its own use of the signal ends it. */
export function createKeyedMutex(): KeyedMutex {
  const last = new Map<string, Promise<void>>();

  return async (key, signal, work) => {
    const before = last.get(key);
    const { promise: mine, resolve: done } = Promise.withResolvers<void>();
    last.set(key, mine);
    try {
      if (before) await Promise.race([before, aborted(signal)]);
      return await work();
    } finally {
      if (last.get(key) === mine) last.delete(key);
      done();
    }
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
