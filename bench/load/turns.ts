// Turns of contenders, in rounds.
import type { Environment } from '../environment.ts';
import type { Goal } from '../results.ts';
import { type Estimate, enoughRounds, estimate, quantile, shuffled } from '../statistics.ts';
import type { Contender } from './contenders.ts';
import type { Sample } from './drive.ts';
import { usageOf } from './usage.ts';

/** Moderate: the slowest contender and its store need half of one core for it. */
export const PER_SECOND = 125;

/** How many callers the contenders are compared at. */
export const COMPARED_AT = 16;

/** What one contender did in one turn; times in milliseconds. */
export interface Turn {
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

/** Runs a turn, and measures what the contender and the store used in it. */
export async function takeTurn(
  environment: Environment,
  contender: Contender,
  round: number,
  callers: number,
  run: () => Promise<Sample>,
): Promise<Turn> {
  const usages = () => Promise.all([usageOf(contender.process), usageOf(environment.azurite)]);
  const [before, storeBefore] = await usages();
  const { latencies, seconds, failed } = await run();
  const [after, storeAfter] = await usages();
  const { length } = latencies;
  return {
    contender: contender.key,
    round,
    callers,
    perSecond: (length - failed) / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpu: (after.cpuMs - before.cpuMs) / length,
    storeCpu: contender.usesTable ? (storeAfter.cpuMs - storeBefore.cpuMs) / length : undefined,
    rssMiB: after.rssMiB,
    failed,
  };
}

/** Creates the operations, and compiles the code of each contender. */
export async function heatUp(
  contenders: readonly Contender[],
  operations: readonly string[],
  milliseconds: number,
  progress: (what: string) => void,
): Promise<void> {
  for (const contender of contenders) {
    progress(`heating up: ${contender.title}`);
    await contender.seed(operations);
    await contender.closed(operations, COMPARED_AT, milliseconds);
  }
}

/**
 * Rounds of one turn each, in random order, until the intervals of the goals are narrow or the time is over.
 *
 * @returns the turns of one contender after those of another
 */
export async function inRounds(
  contenders: readonly Contender[],
  least: number,
  budgetMs: number,
  turn: (contender: Contender, round: number) => Promise<Turn>,
  goals: (turns: readonly Turn[]) => Goal[],
  progress: (round: number) => void,
) {
  const turns: Turn[] = [];
  const isEnough = enoughRounds(least, budgetMs, () => goals(turns).map(({ figure }) => figure));
  for (let round = 0; !isEnough(round); round++) {
    progress(round);
    for (const contender of shuffled(contenders)) turns.push(await turn(contender, round));
  }
  return contenders.flatMap(({ key }) => turns.filter(({ contender }) => contender === key));
}

export function valuesOf(turns: readonly Turn[], measure: Measure, contender: string) {
  return turns
    .filter((turn) => turn.contender === contender)
    .toSorted((a, b) => a.round - b.round)
    .map((turn) => turn[measure]);
}

/** The ratio of two contenders in each round. */
export function ratio(turns: readonly Turn[], measure: Measure, contender: string, reference: string): Estimate {
  const references = valuesOf(turns, measure, reference);
  return estimate(valuesOf(turns, measure, contender).map((value, round) => value / (references[round] ?? Number.NaN)));
}
