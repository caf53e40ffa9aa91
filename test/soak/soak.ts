// `npm run soak`: the random tests of this folder, for long.
import { spawnSync } from 'node:child_process';
import * as z from 'zod';
import { commandOf } from '../../local/command.ts';
import { readCommandLine } from '../../local/commandLine.ts';

const MINUTE_MS = 60_000;

const USAGE = `
npm run soak -- [options]

Runs the random tests for long, with choices that no run before had: mixed load on a store that fails, is stopped and started
again, changes of the signing key, two instances of which one is killed, and any requests at all.

  --minutes NUMBER  how long each test goes on, by default 1
  --seed NUMBER     repeats the choices of another run
  --help            print this text
`;

const { values } = readCommandLine(USAGE, { minutes: { type: 'string' }, seed: { type: 'string' } });
const minutes = z.coerce
  .number()
  .positive()
  .max(600)
  .parse(values.minutes ?? '1');
const seed = z.coerce
  .number()
  .int()
  .parse(values.seed ?? Date.now() % 2 ** 32);

console.log(`Soak of ${minutes} minutes each, seed ${seed}.`);
// A round that has begun comes to its end, and what was started is stopped.
const timeout = `--testTimeout=${(minutes + 5) * MINUTE_MS}`;
const { file, args, shell } = commandOf('npm', ['test', '--', 'test/soak', timeout]);
const { status } = spawnSync(file, args, {
  env: { ...process.env, SOAK_MINUTES: String(minutes), SOAK_SEED: String(seed) },
  stdio: 'inherit',
  shell,
});
process.exit(status ?? 1);
