/**
 * How much is measured: all of it in an hour (starts take 20 minutes more), or enough in five minutes to see that
 * everything works.
 */
export interface Plan {
  /** The rounds of a comparison: at least so many, then until every interval is narrow enough or the time is over. */
  readonly leastRounds: number;
  readonly pacedBudgetMs: number;
  /** Of each contender in a round at a fixed rate. */
  readonly pacedTurns: number;
  readonly closedBudgetMs: number;
  readonly distanceBudgetMs: number;
  /** Of the greatest number of stored operations. */
  readonly growthBudgetMs: number;
  readonly notificationsBudgetMs: number;
  /** Of each receiver in a round. */
  readonly notificationsTurns: number;
  /** How long a contender is put under load before it is measured, so that its code is compiled. */
  readonly warmUpMs: number;
  /** The time of a turn in which callers wait for their responses. */
  readonly closedMs: number;
  /** How many operations the callers share. */
  readonly operations: number;
  readonly callers: readonly number[];
  readonly storedInTable: readonly number[];
  readonly computeRounds: number;
  readonly coldStarts: number;
  readonly coldStartBudgetMs: number;
}

const full: Plan = {
  // The interval of 9 rounds leaves out the highest and the lowest.
  leastRounds: 9,
  pacedBudgetMs: 1_200_000,
  pacedTurns: 100,
  closedBudgetMs: 600_000,
  distanceBudgetMs: 240_000,
  growthBudgetMs: 420_000,
  notificationsBudgetMs: 720_000,
  // One second each: a round takes a minute, and so contains a run of the timer.
  notificationsTurns: 30,
  warmUpMs: 15_000,
  closedMs: 1000,
  operations: 512,
  callers: [1, 4, 64, 256],
  storedInTable: [100, 10_000, 100_000],
  computeRounds: 50,
  coldStarts: 20,
  coldStartBudgetMs: 1_200_000,
};

const quick: Plan = {
  ...full,
  leastRounds: 2,
  pacedBudgetMs: 0,
  pacedTurns: 25,
  closedBudgetMs: 0,
  distanceBudgetMs: 0,
  growthBudgetMs: 0,
  notificationsBudgetMs: 0,
  notificationsTurns: 3,
  warmUpMs: 400,
  callers: [1, 256],
  closedMs: 400,
  storedInTable: [100, 2000],
  computeRounds: 7,
  coldStarts: 3,
  coldStartBudgetMs: 0,
};

export const plans = { full, quick };

/** The plan, with up to so many operations in the table. */
export function withStored(plan: Plan, largest: number): Plan {
  return { ...plan, storedInTable: [...plan.storedInTable.filter((count) => count < largest), largest] };
}
