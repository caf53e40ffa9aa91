// The handler beside one that is written by hand, each on a store in its process.
import * as z from 'zod';
import { startChild } from '../../local/childProcess.ts';
import { type Goal, ratioGoal } from '../goals.ts';
import { ask } from '../load/probe.ts';
import type { Plan } from '../plan.ts';

const answer = z.object({ round: z.object({ handler: z.number(), handWritten: z.number() }) });

export function measure(plan: Plan): Promise<Goal[]> {
  return plan.rounds(12, 0, startAndTakeRound, (rounds) => [
    ratioGoal(
      { measure: 'CPU of the handler, to the one written by hand', most: 1.2 },
      rounds.map(({ handler }) => handler),
      rounds.map(({ handWritten }) => handWritten),
      'us',
    ),
  ]);
}

/** So that no turn, for which this is room enough, has to collect what was left by another, or by making its requests. */
const COLLECTED_BETWEEN_TURNS = ['--expose-gc', '--min-semi-space-size=16'];

/** In a process of its own: how V8 compiles the same code differs from process to process. */
async function startAndTakeRound() {
  const child = await startChild(new URL('../handler/process.ts', import.meta.url).href, process.env, {
    execArgv: COLLECTED_BETWEEN_TURNS,
  });
  const { round } = await ask(child, 'round', answer);
  await child.stop();
  return round;
}
