import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Results } from '../results.ts';
import { reportColdStart } from './coldStart.ts';
import { reportCompute } from './compute.ts';
import { reportGoals } from './goals.ts';
import { reportLoads } from './loads.ts';
import { plot } from './plot.ts';

const PLOT_FILE = 'latency-throughput.svg';

/** Writes results.md and the plot beside results.json. */
export async function writeReport(folder: string, results: Results): Promise<void> {
  const { loads, compute, coldStart } = results;
  if (loads) writeFileSync(resolve(folder, PLOT_FILE), await plot(loads));
  const sections = [
    reportGoals(results),
    ...(loads ? [reportLoads(loads, PLOT_FILE)] : []),
    ...(compute ? [reportCompute(compute)] : []),
    ...(coldStart ? [reportColdStart(coldStart)] : []),
  ];
  writeFileSync(resolve(folder, 'results.md'), `# How fast it is\n\n${sections.join('\n\n')}\n`);
}
