// Updates while the store is large.
import * as z from 'zod';
import { startEnvironment } from '../environment.ts';
import { type Goal, ratioGoal } from '../goals.ts';
import { type Contender, startServer } from '../load/contenders.ts';
import { sendAtRate } from '../load/drive.ts';
import { type Fill, storedId } from '../load/fill.ts';
import { ask } from '../load/probe.ts';
import { type Round, seedAndWarmUp, takeRound, valuesOf } from '../load/turns.ts';
import { updatesOf } from '../load/updates.ts';
import type { Plan } from '../plan.ts';

const TABLE = 'stored';

/** The operations that are updated: always as many, so that only the store grows. */
const UPDATED = Array.from({ length: 64 }, (_, index) => storedId(index));
const FEWEST = 100;

/** Of a round and of a turn. */
const [TURNS, REQUESTS] = [12, 5];

/** Low, because an update costs Azurite the more, the more rows it has: with a million of them, it can do no more. */
const PER_SECOND = 25;

export async function measure(plan: Plan): Promise<Goal[]> {
  const stored = plan.isQuick ? 20_000 : 1_000_000;
  const contenders: Contender[] = [];
  await using started = new AsyncDisposableStack();
  for (const [key, count] of Object.entries({ few: FEWEST, many: stored })) {
    plan.progress(`${count} operations stored`);
    const preload = new URL('../load/fill.ts', import.meta.url).href;
    const environment = started.adopt(await startEnvironment(preload), ({ close }) => close());
    const settings = await environment.settings(TABLE);
    const service = started.adopt(await startServer('service', environment, settings), ({ stop }) => stop());
    contenders.push({ ...service, key });
    await service.seed({ id: storedId(0), message: 'the first' });
    const order: Fill = { table: TABLE, template: storedId(0), from: UPDATED.length, to: count };
    await ask(environment.store, order, z.object({ filled: z.literal(count) }));
  }
  await seedAndWarmUp(contenders, UPDATED, plan.isQuick);
  const run = ({ send }: Contender) => sendAtRate(updatesOf(UPDATED), send, REQUESTS, PER_SECOND);
  const bound = { measure: `CPU of an update with ${stored} operations stored, to ${FEWEST}`, most: 1.5 };
  const goalsOf = (rounds: readonly Round[]) => [
    ratioGoal(bound, valuesOf(rounds, 'many', 'cpu'), valuesOf(rounds, 'few', 'cpu'), 'ms'),
  ];
  return await plan.rounds(9, 90_000, () => takeRound(contenders, TURNS, run), goalsOf);
}
