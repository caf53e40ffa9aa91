// `npm run bench`: see USAGE.
import { resolve } from 'node:path';
import { readCommandLine } from '../local/commandLine.ts';
import type { Goal } from './goals.ts';
import type { Plan } from './plan.ts';
import { BENCH_FOLDER, prepare, ROOT_FOLDER } from './prepare.ts';

const PARTS = ['handler', 'rate', 'callers', 'requests', 'growth', 'notifications', 'start'];

const USAGE = `
npm run bench [-- options] [parts]

Measures the service beside others, in 20 minutes or less, and writes bench/results.md and the goals in docs/performance.md.
With names of parts it measures only these, prints the goals, and writes nothing.

  parts    ${PARTS.join(', ')};
           or cost, which only computes the table of docs/cost.md
  --quick  measures less, in a few minutes, to see that everything works, and writes nothing
  --help   print this text
`;

const { values, positionals } = readCommandLine(USAGE, { quick: { type: 'boolean', default: false } }, true);
if (positionals.join() === 'cost') {
  console.log((await import('../infra/cost.ts')).costTable());
  process.exit();
}
const unknown = positionals.find((name) => !PARTS.includes(name));
if (unknown !== undefined) throw new Error(`There is no part ${unknown}. See --help.`);
prepare();
// What follows has packages that were perhaps just installed.
const { describeRun, goalsTable, writeResults } = await import('./goals.ts');
const { planOf } = await import('./plan.ts');
const goals: Goal[] = [];
for (const name of positionals.length > 0 ? positionals : PARTS) {
  const part: { measure(plan: Plan): Promise<Goal[]> } = await import(`./parts/${name}.ts`);
  goals.push(...(await part.measure(planOf(name, values.quick))));
}
if (positionals.length === 0 && !values.quick) {
  writeResults(goals, resolve(BENCH_FOLDER, 'results.md'), resolve(ROOT_FOLDER, 'docs/performance.md'));
}
console.log(`${describeRun()}\n\n${goalsTable(goals)}`);
