// `npm run mutation`: changes each file of shared/ in many small ways, and finds out whether its unit tests fail for each.
import { existsSync, globSync } from 'node:fs';
import { sep } from 'node:path';
import * as z from 'zod';
import { startChild } from '../../local/childProcess.ts';
import { readCommandLine } from '../../local/commandLine.ts';
import { installPackages } from '../../local/installPackages.ts';

/** The share of changes, in percent, that the tests must notice. */
const WANTED = 90;

const USAGE = `
npm run mutation -- [name ...]

Changes the files of shared/ in small ways and reports what no unit test notices. A name is that of a file (filter), of a
folder (odata), or both (odata/filterOption); without one, all files are tried, which takes long.

  --help  print this text
`;

/** Files whose changes the unit tests of another file have to notice as well. */
const alsoBy: Readonly<Record<string, string>> = { 'operation/playPromptOperation': 'odata/patchRequest' };

const { positionals: asked } = readCommandLine(USAGE, {}, true);
const all = globSync('shared/**/*.ts')
  .map((file) => file.split(sep).slice(1).join('/').replace(/\.ts$/, ''))
  .filter((name) => existsSync(`test/unit/${name}.test.ts`))
  .sort();
const isNamed = (name: string, by: string) => name === by || name.startsWith(`${by}/`) || name.endsWith(`/${by}`);
const unknown = asked.filter((by) => !all.some((name) => isNamed(name, by)));
if (unknown.length > 0) {
  console.error(`No file of shared/ with unit tests is called ${unknown.join(', ')}. There are: ${all.join(', ')}.`);
  process.exit(1);
}
const names = all.filter((name) => asked.length === 0 || asked.some((by) => isNamed(name, by)));

installPackages(import.meta.dirname);
const { Stryker } = await import('@stryker-mutator/core');

// One store for all runs: the tests are started anew for every change.
const azurite = await startChild('azurite.ts', { ...process.env, AZURITE_TABLE_PORT: '0', AZURITE_LOCATION: '' });
process.env.TEST_AZURITE_PORT = String(z.object({ port: z.number() }).parse(azurite.ready).port);

const unitTestOf = (name: string) => `<rootDir>/test/unit/${name}.test.ts`;
const counts: [string, number, number][] = [];
for (const name of names) {
  const results = await new Stryker({
    mutate: [`shared/${name}.ts`],
    testRunner: 'jest',
    testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    jest: {
      configFile: 'jest.config.js',
      config: { testMatch: [name, alsoBy[name] ?? name].map(unitTestOf) },
      // The tests are named: they need not be looked for by what every file imports, once for each change.
      enableFindRelatedTests: false,
    },
    coverageAnalysis: 'perTest',
    tsconfigFile: 'none',
    ignorePatterns: ['.azurite', '.keys', 'bench', 'coverage', 'dist', 'test/mutation'],
    tempDirName: 'coverage/mutation',
    reporters: ['clear-text'],
    clearTextReporter: { logTests: false, reportTests: false, allowColor: false },
    concurrency: 2,
    timeoutMS: 10_000,
  }).runMutationTest();
  // Stryker's mutation score. It leaves out a change with which the tests could not run, such as one that fails an import.
  const countOf = (...statuses: string[]) => results.filter(({ status }) => statuses.includes(status)).length;
  const noticed = countOf('Killed', 'Timeout');
  counts.push([name, noticed, noticed + countOf('Survived', 'NoCoverage')]);
}
await azurite.stop();

const score = (noticed: number, all: number) => ((100 * noticed) / all).toFixed(1);
const [noticed, tried] = counts.reduce(([n, a], [, noticed, all]) => [n + noticed, a + all], [0, 0]);
for (const [name, n, a] of counts) console.log(`${name}: ${n} of ${a} changes noticed, ${score(n, a)} %`);
console.log(`In all: ${noticed} of ${tried} changes noticed, ${score(noticed, tried)} %`);
process.exit((100 * noticed) / tried >= WANTED ? 0 : 1);
