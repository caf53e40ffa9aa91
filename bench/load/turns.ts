// Turns of contenders, in rounds.
import type { Child } from '../../local/childProcess.ts';
import type { Environment } from '../environment.ts';
import type { Plan } from '../plan.ts';
import type { Goal } from '../results.ts';
import { type Estimate, enoughRounds, estimate, interleave, quantile, ratios } from '../statistics.ts';
import type { Contender } from './contenders.ts';
import type { Sample } from './drive.ts';
import { operationIds } from './updates.ts';
import { usageOf } from './usage.ts';

/** Moderate: the slowest contender and its store need less than one of two cores for it. */
export const PER_SECOND = 125;

/** Of a turn at a fixed rate: few, so that what disturbs the machine disturbs all contenders. */
export const PACED_REQUESTS = 5;

/** How many callers the contenders are compared at. */
export const COMPARED_AT = 16;

/** How many callers warm each contender up: all at once must not overload the store that they share. */
const WARM_UP_CALLERS = 4;

/** What one contender did in one turn, and what it and the store used in it; times in milliseconds. */
export interface Turn extends Sample {
  readonly cpuMs: number;
  readonly storeCpuMs: number;
  readonly rssMiB: number;
}

/** What one contender did in one round; times in milliseconds. */
export interface Figures {
  readonly contender: string;
  readonly round: number;
  readonly callers: number;
  /** Updates that were acknowledged. */
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpu: number;
  /** Undefined for one with another store, or none. */
  readonly storeCpu: number | undefined;
  readonly rssMiB: number;
  readonly failed: number;
}

export type Measure = 'p50' | 'perSecond' | 'cpu';

export async function takeTurn(
  { azurite }: Environment,
  { process }: Contender,
  run: () => Promise<Sample>,
): Promise<Turn> {
  const usages = () => Promise.all([usageOf(process), usageOf(azurite)]);
  const [before, storeBefore] = await usages();
  const taken = await run();
  const [after, storeAfter] = await usages();
  return {
    ...taken,
    cpuMs: after.cpuMs - before.cpuMs,
    storeCpuMs: storeAfter.cpuMs - storeBefore.cpuMs,
    rssMiB: after.rssMiB,
  };
}

/** The figures of all the turns that a contender took in a round. */
export function figuresOf(
  { key, usesTable }: Pick<Contender, 'key' | 'usesTable'>,
  round: number,
  callers: number,
  turns: readonly Turn[],
): Figures {
  const latencies = turns.flatMap((turn) => turn.latencies);
  const { length } = latencies;
  const total = (of: (turn: Turn) => number) => turns.reduce((sum, turn) => sum + of(turn), 0);
  const failed = total((turn) => turn.failed);
  return {
    contender: key,
    round,
    callers,
    perSecond: (length - failed) / total(({ seconds }) => seconds),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpu: total(({ cpuMs }) => cpuMs) / length,
    storeCpu: usesTable ? total(({ storeCpuMs }) => storeCpuMs) / length : undefined,
    rssMiB: Math.max(...turns.map(({ rssMiB }) => rssMiB)),
    failed,
  };
}

/** Creates the operations, and compiles the code of all contenders. Each gets about so much time of two cores. */
export async function seedAndWarmUp(
  contenders: readonly Contender[],
  operations: readonly string[],
  milliseconds: number,
): Promise<void> {
  const all = (milliseconds * contenders.length) / 2;
  await Promise.all(contenders.map((contender) => contender.seed(operations)));
  await Promise.all(contenders.map((contender) => contender.closed(operations, WARM_UP_CALLERS, all)));
}

/**
 * Rounds until the intervals of the goals are narrow or the time is over.
 *
 * @returns the figures of one contender after those of another
 */
export async function inRounds(
  { least, budgetMs }: { readonly least: number; readonly budgetMs: number },
  takeRound: (round: number) => Promise<readonly Figures[]>,
  goals: (figures: readonly Figures[]) => Goal[],
): Promise<Figures[]> {
  const figures: Figures[] = [];
  const isEnough = enoughRounds(least, budgetMs, () => goals(figures).map(({ figure }) => figure));
  for (let round = 0; !isEnough(round); round++) figures.push(...(await takeRound(round)));
  return [...Map.groupBy(figures, ({ contender }) => contender).values()].flat();
}

/** Contenders, and what they share, while they run. */
export interface Running {
  readonly environment: Environment;
  readonly contenders: readonly Contender[];
  stop(): Promise<void>;
}

export const running = (
  environment: Environment,
  contenders: readonly Contender[],
  ...others: readonly Child[]
): Running => ({
  environment,
  contenders,
  async stop() {
    for (const { process } of contenders) await process.stop();
    for (const child of others) await child.stop();
    await environment.close();
  },
});

/**
 * Rounds at the fixed rate. Each starts everything anew: how a process compiles and lays out its code differs from start
 * to start, and would otherwise be the same in every round of a run.
 */
export async function inPacedRounds(
  start: () => Promise<Running>,
  plan: Plan,
  budgetMs: number,
  goals: (figures: readonly Figures[]) => Goal[],
  progress: (what: string) => void,
): Promise<{ readonly figures: readonly Figures[]; readonly contenders: readonly Contender[] }> {
  const operations = operationIds(plan.operations);
  let last: readonly Contender[] = [];
  const takeRound = async (round: number) => {
    progress(`at ${PER_SECOND} requests a second, round ${round + 1}`);
    const { environment, contenders, stop } = await start();
    last = contenders;
    try {
      await seedAndWarmUp(contenders, operations, plan.warmUpMs);
      const turns = await interleave(contenders, plan.pacedTurns, (contender) =>
        takeTurn(environment, contender, () => contender.paced(operations, PACED_REQUESTS, PER_SECOND)),
      );
      return [...turns].map(([contender, taken]) => figuresOf(contender, round, 0, taken));
    } finally {
      await stop();
    }
  };
  const figures = await inRounds({ least: plan.leastRounds, budgetMs }, takeRound, goals);
  return { figures, contenders: last };
}

export function valuesOf(figures: readonly Figures[], measure: Measure, contender: string): number[] {
  return figures
    .filter((each) => each.contender === contender)
    .toSorted((a, b) => a.round - b.round)
    .map((each) => each[measure]);
}

/** The ratio of two contenders in each round. */
export function ratio(figures: readonly Figures[], measure: Measure, contender: string, reference: string): Estimate {
  return estimate(ratios(valuesOf(figures, measure, contender), valuesOf(figures, measure, reference)));
}
