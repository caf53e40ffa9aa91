import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Shares } from '../../../shared/notifications/shares.ts';

/** Takes one at a time until there is no room; how many that were. */
function takeAll(shares: Shares, holder: string) {
  let taken = 0;
  while (shares.take(holder)) taken += 1;
  return taken;
}

test('one holder gets half, the next a quarter, and whoever comes then finds room', () => {
  const shares = new Shares(64);
  expect(['a', 'b', 'c', 'd'].map((holder) => takeAll(shares, holder))).toEqual([32, 16, 8, 4]);
});

test('what is given back goes to those that hold less', () => {
  const shares = new Shares(64);
  takeAll(shares, 'a');
  takeAll(shares, 'b');
  for (let n = 0; n < 16; n++) shares.release('a');
  expect([shares.take('a'), takeAll(shares, 'b')]).toEqual([true, 7]);
});

test('no more is taken than there is, a newcomer that wants one finds it, and nothing given back is lost', async () => {
  const step = fc.record({ holder: fc.constantFrom('a', 'b', 'c', 'd'), amount: fc.integer({ min: 1, max: 9 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const shares = new Shares(32);
      const taken = steps.filter(({ holder, amount }) => shares.take(holder, amount));
      const sum = (holder?: string) =>
        taken
          .filter((each) => holder === undefined || each.holder === holder)
          .reduce((all, { amount }) => all + amount, 0);
      expect(sum()).toBeLessThanOrEqual(32);
      if (sum() < 32) expect(shares.hasRoom('newcomer')).toBe(true);
      for (const { holder, amount } of taken) shares.release(holder, amount);
      expect([shares.isUnused, shares.hasRoom('newcomer', 32)]).toEqual([true, true]);
    }),
  );
});
