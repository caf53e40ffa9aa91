/** The smallest value that at least this share of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (value === undefined) throw new RangeError('There is no quantile of no values.');
  return value;
}

export function median(values: readonly number[]): number {
  const negative = values.map((value) => -value);
  return (quantile(values, 0.5) - quantile(negative, 0.5)) / 2;
}

/** What a figure is to be at most, or at least. */
export interface Bound {
  readonly most?: number;
  readonly least?: number;
}

/** A median over rounds, and its 95 % confidence interval: none of fewer than 6 rounds. */
export interface Estimate {
  readonly median: number;
  readonly interval?: readonly [low: number, high: number];
  readonly rounds: number;
}

/**
 * Estimates the median that more rounds would have. The interval is that of the sign test: it assumes no distribution,
 * and a round that something disturbed hardly moves it.
 */
export function estimate(values: readonly number[]): Estimate {
  const rounds = values.length;
  const sorted = values.toSorted((a, b) => a - b);
  // The number of values below the median is binomial: from each end as many are left out as have 2.5 % together.
  let probability = 0.5 ** rounds;
  let tail = probability;
  let rank = 0;
  while (tail <= 0.025) {
    probability *= (rounds - rank) / (rank + 1);
    tail += probability;
    rank++;
  }
  const [low, high] = [sorted[rank - 1], sorted[rounds - rank]];
  return { median: median(values), ...(low !== undefined && high !== undefined && { interval: [low, high] }), rounds };
}

/** What was counted, not sampled. */
export const exactly = (value: number): Estimate => ({ median: value, interval: [value, value], rounds: 1 });

/** The width of the interval, in parts of the median. */
export function width({ median, interval }: Estimate): number {
  return interval ? (interval[1] - interval[0]) / median : Number.POSITIVE_INFINITY;
}

/** The same items in a random order, so that none always follows the same other. */
export function shuffled<Item>(items: readonly Item[]): Item[] {
  const ranked = items.map((item) => ({ item, rank: Math.random() }));
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ item }) => item);
}

/**
 * Lets each contender of a round take several short turns, every time in another order: what disturbs the machine for
 * longer than a turn disturbs all of them.
 */
export async function interleave<Contender, Result>(
  contenders: readonly Contender[],
  turns: number,
  takeTurn: (contender: Contender) => Promise<Result>,
): Promise<Map<Contender, Result[]>> {
  const results = new Map(contenders.map((contender): [Contender, Result[]] => [contender, []]));
  for (let turn = 0; turn < turns; turn++) {
    for (const contender of shuffled(contenders)) results.get(contender)?.push(await takeTurn(contender));
  }
  return results;
}

export const WIDEST = 0.1;

/**
 * Takes rounds, of which each contains every contender: at least so many, and then until every figure is narrow or the time
 * is over.
 */
export async function inRounds<Round, Result extends { readonly figure: Estimate }>(
  { least, budgetMs }: { readonly least: number; readonly budgetMs: number },
  takeRound: (index: number) => Promise<Round>,
  resultsOf: (rounds: readonly Round[]) => Result[],
): Promise<Result[]> {
  const deadline = performance.now() + budgetMs;
  const rounds: Round[] = [];
  const isEnough = () =>
    performance.now() > deadline || resultsOf(rounds).every(({ figure }) => width(figure) <= WIDEST);
  while (rounds.length < least || !isEnough()) rounds.push(await takeRound(rounds.length));
  return resultsOf(rounds);
}

/** A goal is met, or not met, only if the whole interval is on one side of its bound. */
export function judge({ interval }: Estimate, { most = Number.POSITIVE_INFINITY, least = 0 }: Bound) {
  if (!interval) return 'undecided';
  const [low, high] = interval;
  if (low >= least && high <= most) return 'met';
  return high < least || low > most ? 'not met' : 'undecided';
}
