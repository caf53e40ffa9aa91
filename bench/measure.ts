import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { measureColdStart } from './coldStart/measure.ts';
import { measureCompute } from './compute/measure.ts';
import { measureLists } from './lists/measure.ts';
import { measureDistance } from './load/distance.ts';
import { measureLoads } from './load/measure.ts';
import { measurePaced } from './load/paced.ts';
import { describeRun } from './machine.ts';
import { measureNotifications } from './notifications/measure.ts';
import { type Plan, plans, withStored } from './plan.ts';
import { ROOT_FOLDER } from './prepare.ts';
import { updateGoals, writeReport } from './report/report.ts';
import { addResults, type Kind, kinds, type Part, type Results } from './results.ts';

const PERFORMANCE_PAGE = resolve(ROOT_FOLDER, 'docs/performance.md');

type Measure = (plan: Plan, progress: (what: string) => void, folder: string) => Promise<Part>;

const measures: Record<Kind, Measure> = {
  paced: measurePaced,
  load: measureLoads,
  distance: measureDistance,
  lists: measureLists,
  notifications: measureNotifications,
  compute: measureCompute,
  coldstart: measureColdStart,
};

/** Measures, and writes the results into a folder. */
export async function measure(
  wanted: readonly string[],
  quick: boolean,
  stored: number | undefined,
  folder: string,
): Promise<void> {
  const standard = quick ? plans.quick : plans.full;
  const plan = stored === undefined ? standard : withStored(standard, stored);
  const run = describeRun(quick);
  const added: Results = {};
  mkdirSync(folder, { recursive: true });
  for (const kind of z.array(z.enum(kinds)).parse(wanted)) {
    added[kind] = { ...(await measures[kind](plan, progress, folder)), run };
    const results = addResults(folder, added);
    writeReport(folder, results);
    if (!quick) updateGoals(PERFORMANCE_PAGE, results);
  }
  console.error(`Written: ${folder}/results.md`);
}

function progress(what: string) {
  console.error(`[${(performance.now() / 1000).toFixed(0).padStart(4)} s] ${what}`);
}
