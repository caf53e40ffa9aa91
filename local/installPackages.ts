import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { commandOf } from './command.ts';

/**
 * Installs the packages of a folder that has its own package.json, unless they are already as its lock file has them. It
 * imports no package.
 */
export function installPackages(folder: string): void {
  const installed = statSync(join(folder, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  if ((installed?.mtimeMs ?? 0) >= statSync(join(folder, 'package-lock.json')).mtimeMs) return;
  const { file, args, shell } = commandOf('npm', ['ci', '--ignore-scripts']);
  const { status } = spawnSync(file, args, { cwd: folder, stdio: ['ignore', 2, 2], shell });
  if (status !== 0) throw new Error(`npm ci failed in ${folder}.`);
}
