import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  enoughRounds,
  estimate,
  exactly,
  interleave,
  judge,
  median,
  quantile,
  shuffled,
  width,
} from '../../../bench/statistics.ts';

const values = fc.array(fc.double({ min: 0.001, max: 1000, noNaN: true }), { minLength: 1, maxLength: 60 });
const rounds = fc.array(fc.double({ min: 0.001, max: 1000, noNaN: true }), { minLength: 6, maxLength: 60 });

describe('quantile and median', () => {
  test('the median has as many values below as above', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
  });

  test('at least the share of the values does not exceed a quantile', async () => {
    await fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
        const found = quantile(all, share);
        expect(all).toContain(found);
        expect(all.filter((value) => value <= found).length).toBeGreaterThanOrEqual(Math.floor(all.length * share));
      }),
    );
  });
});

describe('estimate', () => {
  test('the interval has the ranks of the tables of the sign test', () => {
    const oneTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
    expect(estimate(oneTo(5)).interval).toBeUndefined();
    expect(estimate(oneTo(6)).interval).toEqual([1, 6]);
    expect(estimate(oneTo(10)).interval).toEqual([2, 9]);
    expect(estimate(oneTo(20)).interval).toEqual([6, 15]);
    expect(estimate(oneTo(50)).interval).toEqual([18, 33]);
  });

  test('the interval contains the median, for any order of the rounds', async () => {
    await fc.assert(
      fc.property(rounds, (all) => {
        const { median, interval: [low, high] = [Number.NaN, Number.NaN] } = estimate(all);
        expect(low).toBeLessThanOrEqual(median);
        expect(high).toBeGreaterThanOrEqual(median);
        expect(estimate(all.toReversed())).toEqual(estimate(all));
      }),
    );
  });

  test('one disturbed round among many does not widen the interval beyond the others', () => {
    const quiet = [1, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08, 1.09];
    const { interval: [, high] = [0, Number.NaN] } = estimate([...quiet, 1000]);
    expect(high).toBeLessThanOrEqual(1.09);
  });

  test('the interval holds the true median in at least 95 of 100 experiments, to within chance', () => {
    // A fixed sequence of pseudo-random numbers: mulberry32.
    let state = 1;
    const random = () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
    const hits = Array.from({ length: 2000 }, () => {
      // Log-logistic, a distribution with a heavy tail, whose median is 1.
      const draw = Array.from({ length: 24 }, () => {
        const share = random();
        return share / (1 - share);
      });
      const { interval: [low, high] = [0, 0] } = estimate(draw);
      return low <= 1 && 1 <= high;
    }).filter(Boolean);
    expect(hits.length / 2000).toBeGreaterThan(0.94);
  });
});

describe('judge', () => {
  const figure = { median: 0.95, interval: [0.9, 1] as const, rounds: 10 };

  test('a goal is met or not only by the whole interval', () => {
    expect(judge(figure, { most: 1 })).toBe('met');
    expect(judge(figure, { most: 0.95 })).toBe('undecided');
    expect(judge(figure, { most: 0.89 })).toBe('not met');
    expect(judge(figure, { least: 0.9 })).toBe('met');
    expect(judge(figure, { least: 0.95 })).toBe('undecided');
    expect(judge(figure, { least: 1.01 })).toBe('not met');
    expect(judge(exactly(1), { most: 1 })).toBe('met');
  });

  test('without an interval nothing is decided', () => {
    expect(judge(estimate([1, 1, 1]), { most: 2 })).toBe('undecided');
    expect(width(estimate([1, 1, 1]))).toBe(Number.POSITIVE_INFINITY);
    expect(width(figure)).toBeCloseTo(0.105, 3);
  });
});

describe('enoughRounds', () => {
  const wide = { median: 1, interval: [0.5, 1.5] as const, rounds: 10 };

  test('is never before the least number of rounds', () => {
    expect(enoughRounds(8, 0, () => [exactly(1)])(7)).toBe(false);
    expect(enoughRounds(8, 0, () => [exactly(1)])(8)).toBe(true);
  });

  test('is when every figure is narrow', () => {
    expect(enoughRounds(8, 1_000_000, () => [exactly(1), exactly(2)])(8)).toBe(true);
    expect(enoughRounds(8, 1_000_000, () => [exactly(1), wide])(8)).toBe(false);
  });

  test('is when the time is over', () => {
    expect(enoughRounds(8, -1, () => [wide])(8)).toBe(true);
  });
});

test('what is shuffled has the same items', () => {
  const items = [3, 1, 2, 2, 5];
  expect(shuffled(items).toSorted((a, b) => a - b)).toEqual([1, 2, 2, 3, 5]);
  expect(items).toEqual([3, 1, 2, 2, 5]);
});

test('contenders take their turns one after the other, each once before any takes the next', async () => {
  const contenders = ['a', 'b', 'c'];
  const taken: string[] = [];
  let running = 0;
  const results = await interleave(contenders, 40, async (contender) => {
    expect(++running).toBe(1);
    await Promise.resolve();
    running--;
    return taken.push(contender);
  });
  const passes = Array.from({ length: 40 }, (_, pass) => taken.slice(3 * pass, 3 * pass + 3));
  for (const pass of passes) expect(pass.toSorted()).toEqual(contenders);
  expect(new Set(passes.map((pass) => pass.join(''))).size).toBeGreaterThan(1);
  expect([...results.keys()]).toEqual(contenders);
  for (const [contender, orders] of results) {
    expect(orders.map((order) => taken[order - 1])).toEqual(taken.filter((each) => each === contender));
  }
});
