import type { Goal } from './goals.ts';
import { inRounds } from './statistics.ts';

/** How much a part measures, and where it says how far it is. */
export interface Plan {
  /** Less, to see that everything works. */
  readonly isQuick: boolean;
  progress(what: string): void;
  /** Takes at least so many rounds, then more until the goals are narrow or the time is over. */
  rounds<Round>(
    least: number,
    budgetMs: number,
    takeRound: () => Promise<Round>,
    goalsOf: (rounds: readonly Round[]) => Goal[],
  ): Promise<Goal[]>;
}

export function planOf(part: string, isQuick: boolean): Plan {
  const progress = (what: string) =>
    console.error(`[${(performance.now() / 1000).toFixed(0).padStart(4)} s] ${part}: ${what}`);
  return {
    isQuick,
    progress,
    rounds(least, budgetMs, takeRound, goalsOf) {
      const round = (index: number) => {
        progress(`round ${index + 1}`);
        return takeRound();
      };
      return inRounds(isQuick ? { least: 2, budgetMs: 0 } : { least, budgetMs }, round, goalsOf);
    },
  };
}
