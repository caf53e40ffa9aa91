// What must be there before anything of the bench can be loaded: the peers' packages, and the built app. It imports
// nothing that is not Node's own.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { installPackages } from '../local/installPackages.ts';

export const BENCH_FOLDER = import.meta.dirname;
export const ROOT_FOLDER = resolve(BENCH_FOLDER, '..');

/** Where the packaged app is, with its host.json and package.json. */
export const APP_FOLDER = resolve(ROOT_FOLDER, 'dist/app');

/** Installs the peers' packages unless they are as the lock file has them, and builds the app in both its forms. */
export function prepare(): void {
  installPackages(BENCH_FOLDER);
  npm(['run', '--silent', 'build'], ROOT_FOLDER);
  npm(['run', '--silent', 'package'], ROOT_FOLDER);
}

function npm(args: readonly string[], cwd: string) {
  const { status } = spawnSync('npm', args, { cwd, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed.`);
}
