import type { Goal } from './goals.ts';
import { inRounds } from './statistics.ts';

export type Plan = ReturnType<typeof planOf>;

/** How much a part measures, and where it says how far it is. */
export function planOf(part: string, isQuick: boolean) {
  const progress = (what: string) =>
    console.error(`[${(performance.now() / 1000).toFixed(0).padStart(4)} s] ${part}: ${what}`);
  return {
    /** Less, to see that everything works. */
    isQuick,
    progress,
    /** Takes at least so many rounds, then more until the goals are narrow or the time is over. */
    rounds<Round>(
      least: number,
      budgetMs: number,
      takeRound: () => Promise<Round>,
      goalsOf: (rounds: readonly Round[]) => Goal[],
    ): Promise<Goal[]> {
      const round = (index: number) => {
        progress(`round ${index + 1}`);
        return takeRound();
      };
      return inRounds(isQuick ? { least: 2, budgetMs: 0 } : { least, budgetMs }, round, goalsOf);
    },
  };
}
