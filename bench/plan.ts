/** How much is measured: all of it in some eight minutes, or enough in one to see that everything works. */
export interface Plan {
  readonly rounds: number;
  /** How long each contender is put under load before the first round, so that its code is compiled. */
  readonly heatUpMs: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** How many operations the callers share. */
  readonly operations: number;
  readonly comparedAt: readonly number[];
  /** For the growth of concurrency, beside those. */
  readonly alsoAt: readonly number[];
  readonly hotWriters: readonly number[];
  readonly storedInTable: readonly number[];
  readonly storedInProcess: readonly number[];
  readonly computeBatches: number;
  readonly coldStarts: number;
}

const full: Plan = {
  rounds: 5,
  heatUpMs: 2000,
  warmUpMs: 400,
  measureMs: 1500,
  operations: 512,
  comparedAt: [1, 16, 64],
  alsoAt: [2, 4, 8, 32, 128, 256],
  hotWriters: [1, 4, 16, 64, 256],
  storedInTable: [100, 1000, 10_000, 30_000],
  storedInProcess: [100, 10_000, 1_000_000],
  computeBatches: 31,
  coldStarts: 10,
};

const quick: Plan = {
  ...full,
  rounds: 2,
  heatUpMs: 500,
  warmUpMs: 200,
  measureMs: 400,
  alsoAt: [4, 256],
  hotWriters: [1, 64],
  storedInTable: [100, 1000],
  storedInProcess: [100, 100_000],
  computeBatches: 7,
  coldStarts: 3,
};

export const plans = { full, quick };
