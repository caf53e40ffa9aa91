// The handler beside one that is written by hand, each on a store in its process.
import * as z from 'zod';
import { startChild } from '../../local/childProcess.ts';
import { type Goal, ratioGoal } from '../goals.ts';
import { ask } from '../load/probe.ts';
import type { Plan } from '../plan.ts';

const answer = z.object({ round: z.object({ handler: z.number(), handWritten: z.number() }) });

export async function measure(plan: Plan): Promise<Goal[]> {
  plan.progress('warming up');
  const child = await startChild(new URL('../handler/process.ts', import.meta.url).href, process.env);
  const goals = await plan.rounds(
    50,
    0,
    async () => (await ask(child, 'round', answer)).round,
    (rounds) => [
      ratioGoal(
        { measure: 'CPU of the handler, to the one written by hand', most: 1.2 },
        rounds.map(({ handler }) => handler),
        rounds.map(({ handWritten }) => handWritten),
        'us',
      ),
    ],
  );
  await child.stop();
  return goals;
}
