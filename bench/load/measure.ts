// All contenders under the same loads, in one go.
import { setTimeout as delay } from 'node:timers/promises';
import { startEnvironment } from '../environment.ts';
import type { Plan } from '../plan.ts';
import type { Loads, Point } from '../results.ts';
import { type Contender, servers, startBareTables, startServer } from './contenders.ts';
import { operationIds } from './load.ts';
import { measurePoint } from './point.ts';
import { countRoundTrips } from './roundTrips.ts';
import { measureStored } from './stored.ts';

type Progress = (what: string) => void;

export async function measureLoads(plan: Plan, progress: Progress): Promise<Loads> {
  const environment = await startEnvironment();
  const contenders: Contender[] = [];
  try {
    for (const server of servers) contenders.push(await startServer(server, environment));
    contenders.push(...(await startBareTables(environment)));
    const operations = operationIds(plan.operations);
    for (const contender of contenders) await contender.seed(operations);

    const measure = (contender: Contender, round: number, concurrency: number, ids: readonly string[]) => {
      progress(`round ${round + 1}, ${concurrency} at once, ${ids.length} operations: ${contender.title}`);
      return measurePoint(contender, environment.azurite, { round, concurrency, operations: [...ids] }, plan);
    };
    for (const contender of contenders) {
      progress(`heating up: ${contender.title}`);
      const heating = contender.drive({ concurrency: 16, operations, tag: 'heating up' });
      await delay(plan.heatUpMs);
      await heating.stop();
    }
    const comparison: Point[] = [];
    for (let round = 0; round < plan.rounds; round++) {
      for (const concurrency of plan.comparedAt) {
        // Each round begins with another of them, so that none is always first or always after the same one.
        for (const contender of rotated(contenders, round * 2)) {
          comparison.push(await measure(contender, round, concurrency, operations));
        }
      }
    }
    const concurrency: Point[] = [];
    for (const callers of plan.alsoAt) {
      for (const contender of contenders) concurrency.push(await measure(contender, 0, callers, operations));
    }
    const hot: Point[] = [];
    for (const writers of plan.hotWriters) {
      for (const contender of contenders.filter(({ isServer }) => isServer)) {
        hot.push(await measure(contender, 0, writers, operations.slice(0, 1)));
      }
    }
    return {
      contenders: contenders.map(({ key, title, isServer }) => ({ key, title, isServer })),
      comparison,
      concurrency,
      hot,
      stored: await measureStored(environment, plan, progress),
      roundTrips: await countRoundTrips(environment, progress),
    };
  } finally {
    for (const contender of contenders) await contender.process.stop();
    await environment.close();
  }
}

function rotated<Item>(items: readonly Item[], by: number) {
  const first = by % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}
