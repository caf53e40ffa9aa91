import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createKeyedMutex } from '../../../shared/operation/keyedMutex.ts';

const { signal } = new AbortController();
async function turns(count: number) {
  for (let n = 0; n < count; n++) await new Promise(setImmediate);
}

describe('work of one key', () => {
  test('is in the order in which it came, and never at the same time, whenever it comes and however long it lasts', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 2, maxLength: 6 }), async (all) => {
        const inTurn = createKeyedMutex();
        const log: string[] = [];
        const results: Promise<number>[] = [];
        for (const [n, [pause, lasts]] of all.entries()) {
          await turns(pause);
          const work = async () => {
            log.push(`${n} begins`);
            await turns(lasts);
            log.push(`${n} ends`);
            return n;
          };
          results.push(inTurn('key', signal, work));
        }
        expect(await Promise.all(results)).toEqual([...all.keys()]);
        expect(log).toEqual([...all.keys()].flatMap((n) => [`${n} begins`, `${n} ends`]));
      }),
    ));

  test('continues after work that fails', async () => {
    const inTurn = createKeyedMutex();
    const failing = inTurn('key', signal, () => Promise.reject(new Error('failed')));
    const following = inTurn('key', signal, async () => 'done');
    await expect(failing).rejects.toThrow('failed');
    expect(await following).toBe('done');
  });
});

test.each([
  ['work of another key does not wait', 'other', () => {}, () => {}],
  ['work whose deadline is over does not wait', 'key', (deadline: AbortController) => deadline.abort(), () => {}],
  ['work waits no longer than until its deadline', 'key', () => {}, (deadline: AbortController) => deadline.abort()],
])('%s', async (_title, key, before, after) => {
  const inTurn = createKeyedMutex();
  const deadline = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = inTurn('key', signal, () => promise);
  before(deadline);
  const second = inTurn(key, deadline.signal, async () => 'done');
  after(deadline);
  expect(await second).toBe('done');
  resolve();
  await first;
});
