import { untilAborted } from '../bounds.ts';

/**
 * Makes what runs work with the same key one after the other, and work with different keys concurrently. When `signal` is
 * aborted, work that waits runs at once, so that its own use of the signal ends it.
 */
export function createKeyedMutex() {
  const last = new Map<string, Promise<void>>();

  return async <Result>(key: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> => {
    const before = last.get(key);
    const { promise: mine, resolve: done } = Promise.withResolvers<void>();
    last.set(key, mine);
    try {
      if (before) await untilAborted(signal, before).catch(() => {});
      return await work();
    } finally {
      if (last.get(key) === mine) last.delete(key);
      done();
    }
  };
}
