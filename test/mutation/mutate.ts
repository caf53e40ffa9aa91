// `npm run mutation`: changes each file of shared/ in many small ways, and finds out whether its unit tests fail for
// each. `npm run mutation -- odata settings` does so for some files only.
import { existsSync, globSync } from 'node:fs';
import { basename } from 'node:path';
import { Stryker } from '@stryker-mutator/core';
import * as z from 'zod';
import { startChild } from '../../local/childProcess.ts';

/** The share of changes, in percent, that the tests must notice. */
const WANTED = 90;

// One store for all runs: the tests are started anew for every change.
const azurite = await startChild('azurite.ts', { ...process.env, AZURITE_TABLE_PORT: '0', AZURITE_LOCATION: '' });
process.env.TEST_AZURITE_PORT = String(z.object({ port: z.number() }).parse(azurite.ready).port);

/** Files that the unit tests of another prove as well. */
const alsoBy: Readonly<Record<string, string>> = { playPromptOperation: 'patchRequest' };

const asked = process.argv.slice(2);
const names = globSync('shared/*.ts')
  .map((file) => basename(file, '.ts'))
  .filter((name) => existsSync(`test/unit/${name}.test.ts`) && (asked.length === 0 || asked.includes(name)))
  .sort();
const unitTestOf = (name: string) => `<rootDir>/test/unit/${name}.test.ts`;
const counts: [string, number, number][] = [];
for (const name of names) {
  const results = await new Stryker({
    mutate: [`shared/${name}.ts`],
    testRunner: 'jest',
    testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    jest: { configFile: 'jest.config.js', config: { testMatch: [name, alsoBy[name] ?? name].map(unitTestOf) } },
    coverageAnalysis: 'perTest',
    tsconfigFile: 'none',
    ignorePatterns: ['.azurite', 'coverage', 'dist'],
    tempDirName: 'coverage/mutation',
    reporters: ['clear-text'],
    clearTextReporter: { logTests: false, reportTests: false, allowColor: false },
    concurrency: 2,
    timeoutMS: 10_000,
  }).runMutationTest();
  const judged = results.filter(({ status }) => status !== 'Ignored' && status !== 'CompileError');
  counts.push([name, judged.filter(({ status }) => status === 'Killed' || status === 'Timeout').length, judged.length]);
}
await azurite.stop();

const score = (noticed: number, all: number) => ((100 * noticed) / all).toFixed(1);
const [noticed, all] = counts.reduce(([n, a], [, noticed, all]) => [n + noticed, a + all], [0, 0]);
for (const [name, n, a] of counts) console.log(`${name}: ${n} of ${a} changes noticed, ${score(n, a)} %`);
console.log(`In all: ${noticed} of ${all} changes noticed, ${score(noticed, all)} %`);
process.exit((100 * noticed) / all >= WANTED ? 0 : 1);
