import { interleave, quantile } from '../statistics.ts';
import type { Contender } from './contenders.ts';
import { type Sample, sendByCallers } from './drive.ts';
import { updatesOf } from './updates.ts';

interface Turn extends Sample {
  readonly cpuMs: number;
}

/** What one contender did in one round; times in milliseconds. */
export interface Figures {
  readonly perSecond: number;
  readonly p50: number;
  /** For each update. */
  readonly cpu: number;
}

export type Round = ReadonlyMap<string, Figures>;

export async function takeRound<Entrant extends Contender>(
  contenders: readonly Entrant[],
  turns: number,
  run: (contender: Entrant) => Promise<Sample>,
): Promise<Round> {
  const taken = await interleave(contenders, turns, async (contender): Promise<Turn> => {
    const before = await contender.cpuMs();
    const sample = await run(contender);
    return { ...sample, cpuMs: (await contender.cpuMs()) - before };
  });
  return new Map([...taken].map(([{ key }, own]) => [key, figuresOf(own)]));
}

/** The figures of all the turns that a contender took, however many updates each has. */
export function figuresOf(turns: readonly Turn[]): Figures {
  const latencies = turns.flatMap((turn) => turn.latencies);
  const total = (of: (turn: Turn) => number) => turns.reduce((sum, turn) => sum + of(turn), 0);
  return {
    perSecond: (latencies.length - total(({ failed }) => failed)) / total(({ seconds }) => seconds),
    p50: quantile(latencies, 0.5),
    cpu: total(({ cpuMs }) => cpuMs) / latencies.length,
  };
}

export const valuesOf = (rounds: readonly Round[], key: string, measure: keyof Figures): number[] =>
  rounds.map((round) => round.get(key)?.[measure] ?? Number.NaN);

/** How many callers warm each contender up: all at once must not overload the store that they share. */
const WARM_UP_CALLERS = 4;

/** How much time of two cores each contender gets to have its code compiled. */
const WARM_UP_MS = 7500;

export async function seedAndWarmUp(
  contenders: readonly Contender[],
  operations: readonly string[],
  isQuick: boolean,
): Promise<void> {
  const all = ((isQuick ? 500 : WARM_UP_MS) * contenders.length) / 2;
  await Promise.all(
    contenders.map(async ({ seed, send }) => {
      const next = updatesOf(operations);
      for (const _ of operations) await seed(next());
      await sendByCallers(next, send, WARM_UP_CALLERS, all);
    }),
  );
}
