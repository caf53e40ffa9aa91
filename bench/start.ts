// `npm run bench`, `npm run bench:compute`, `npm run bench:coldstart`: runs those measurements and writes
// bench/results.json, results.md, the plot, and the goals in docs/performance.md; with --quick less of it, and into
// bench/dist/quick/ instead.
import { resolve } from 'node:path';
import { readCommandLine } from '../local/commandLine.ts';
import { BENCH_FOLDER, prepare } from './prepare.ts';

const USAGE = `
npm run bench, npm run bench:compute or npm run bench:coldstart, with -- [options]

Measures the service beside others and writes bench/results.json, bench/results.md, the plot, and the goals in
docs/performance.md.

  --quick     measures less, in five minutes or less, and writes into bench/dist/quick/
  --stored N  stores up to N operations instead of 100,000 (npm run bench); 1,000,000 of them take 20 minutes more
  --help      print this text
`;

const { values, positionals } = readCommandLine(
  USAGE,
  { quick: { type: 'boolean', default: false }, stored: { type: 'string' } },
  true,
);
const stored = values.stored === undefined ? undefined : Number(values.stored);
if (stored !== undefined && !(Number.isSafeInteger(stored) && stored > 0)) {
  console.error('--stored is a number of operations, such as 1000000. See --help.');
  process.exit(1);
}
const wanted: readonly string[] = positionals;
if (stored !== undefined && !wanted.includes('lists')) {
  console.error('--stored is an option of npm run bench only. See --help.');
  process.exit(1);
}
prepare();
// What follows has packages that were perhaps just installed.
const { measure } = await import('./measure.ts');
const folder = values.quick ? resolve(BENCH_FOLDER, 'dist/quick') : BENCH_FOLDER;
await measure(wanted, values.quick, stored, folder);
