// `npm run bench`, `npm run bench:compute`, `npm run bench:coldstart`: runs the measurements that it is told and writes
// bench/results.json, results.md and the plot; with --quick less of it, and into bench/dist/quick/ instead.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BENCH_FOLDER, prepare } from './prepare.ts';

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
prepare();
// What follows has packages that were perhaps just installed.
const { measure } = await import('./measure.ts');
process.exitCode = await measure(
  positionals,
  values.quick,
  values.quick ? resolve(BENCH_FOLDER, 'dist/quick') : BENCH_FOLDER,
);
