// What must be there before anything of the bench can be loaded: the peers' packages, and the built app. It imports
// nothing that is not Node's own.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { commandOf } from '../local/command.ts';
import { installPackages } from '../local/installPackages.ts';

export const BENCH_FOLDER = import.meta.dirname;
export const ROOT_FOLDER = resolve(BENCH_FOLDER, '..');

/** Where the packaged app is, with its host.json and package.json. */
export const APP_FOLDER = resolve(ROOT_FOLDER, 'dist/app');

/** Installs the peers' packages unless they are as the lock file has them, and packages the app. */
export function prepare(): void {
  installPackages(BENCH_FOLDER);
  const { file, args, shell } = commandOf('npm', ['run', '--silent', 'package']);
  const { status } = spawnSync(file, args, { cwd: ROOT_FOLDER, stdio: ['ignore', 2, 2], shell });
  if (status !== 0) throw new Error('npm run package failed.');
}
