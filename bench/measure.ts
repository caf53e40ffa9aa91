import * as z from 'zod';
import { measureColdStart } from './coldStart/measure.ts';
import { measureCompute } from './compute/measure.ts';
import { SERVICE } from './load/contenders.ts';
import { measureLoads } from './load/measure.ts';
import { describeRun } from './machine.ts';
import { plans } from './plan.ts';
import { writeReport } from './report/report.ts';
import { addResults, type Results } from './results.ts';

const kind = z.enum(['load', 'compute', 'coldstart']);

/**
 * Measures, writes the results of it, and says what was wrong.
 *
 * @returns the exit code: 1 when an answer of the service was not 2xx, or a write that it acknowledged was not there
 */
export async function measure(kinds: readonly string[], quick: boolean, folder: string): Promise<number> {
  const plan = quick ? plans.quick : plans.full;
  const run = describeRun(quick);
  const added: Results = {};
  for (const asked of z.array(kind).parse(kinds)) {
    if (asked === 'load') added.loads = { ...(await measureLoads(plan, progress)), run };
    if (asked === 'compute') added.compute = { ...(await measureCompute(plan, progress)), run };
    if (asked === 'coldstart') added.coldStart = { ...(await measureColdStart(plan, progress)), run };
  }
  const all = addResults(folder, added);
  await writeReport(folder, all);
  console.error(`Written: ${folder}/results.md`);
  return faults(added);
}

function progress(what: string) {
  console.error(`[${(performance.now() / 1000).toFixed(0).padStart(4)} s] ${what}`);
}

function faults({ loads }: Results) {
  const points = loads ? [...loads.comparison, ...loads.concurrency, ...loads.hot, ...loads.stored] : [];
  const wrong = points.filter(({ failed, lost }) => failed > 0 || lost > 0);
  for (const { contender, concurrency, failed, lost } of wrong) {
    console.error(`${contender} at ${concurrency}: ${failed} answers were not 2xx, ${lost} writes were not there.`);
  }
  // What becomes of the others under load is theirs; it is told, and in the report.
  return wrong.some(({ contender }) => contender === SERVICE.key) ? 1 : 0;
}
