// What the goals of the bench rest on.
import { expect, test } from '@jest/globals';
import { figuresOf } from '../../../bench/load/turns.ts';
import { estimate, exactly, inRounds, interleave, judge, median, quantile, width } from '../../../bench/statistics.ts';

test.each([
  ['the median', median([3, 1, 2]), 2],
  ['the median of an even number', median([4, 1, 3, 2]), 2.5],
  ['quantiles', [0, 0.5, 0.51, 0.99, 1].map((share) => quantile([40, 10, 30, 20], share)), [10, 20, 30, 40, 40]],
  [
    'intervals, which have the ranks of the tables of the sign test',
    [5, 6, 10, 20, 50].map((count) => estimate(Array.from({ length: count }, (_, n) => n + 1)).interval),
    [undefined, [1, 6], [2, 9], [6, 15], [18, 33]],
  ],
  [
    'the figures of a round, which are of all responses of its turns',
    figuresOf([
      { latencies: [1, 2, 3], seconds: 2, failed: 1, cpuMs: 6 },
      { latencies: [4, 100], seconds: 1, failed: 0, cpuMs: 4 },
    ]),
    { perSecond: 4 / 3, p50: 3, cpu: 2 },
  ],
])('the bench computes %s', (_title, actual, expected) => expect(actual).toEqual(expected));

test('a goal is met or not only by the whole interval, and without one nothing is decided', () => {
  const figure = { median: 0.95, interval: [0.9, 1] as const, rounds: 10 };
  const bounds = [{ most: 1 }, { most: 0.95 }, { most: 0.89 }, { least: 0.9 }, { least: 0.95 }, { least: 1.01 }];
  const verdicts = ['met', 'undecided', 'not met'];
  expect(bounds.map((bound) => judge(figure, bound))).toEqual([...verdicts, ...verdicts]);
  expect([judge(exactly(1), { most: 1 }), judge(estimate([1, 1, 1]), { most: 2 })]).toEqual(['met', 'undecided']);
  expect([width(estimate([1, 1, 1])), width(figure)]).toEqual([Number.POSITIVE_INFINITY, expect.closeTo(0.105, 3)]);
});

test.each([
  ['the least, though the time is over', 8, -1, 11, 8],
  ['the least, where every figure is narrow', 8, 1_000_000, 1, 8],
  ['more, until it is', 8, 1_000_000, 11, 11],
])('rounds are taken: %s', async (_title, least, budgetMs, narrowFrom, expected) => {
  const wide = { median: 1, interval: [0.5, 1.5] as const, rounds: 1 };
  const figureOf = (rounds: number) => (rounds >= narrowFrom ? exactly(1) : wide);
  const [result] = await inRounds(
    { least, budgetMs },
    async (index) => index,
    (rounds) => [{ figure: figureOf(rounds.length), rounds }],
  );
  expect(result?.rounds).toEqual(Array.from({ length: expected }, (_, index) => index));
});

test('contenders take their turns one after the other, each once before any takes the next, in random orders', async () => {
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
  expect([...results.values()].map((orders) => orders.length)).toEqual([40, 40, 40]);
});
