// `npm run client`: packs the typed client, and prints the path of the tarball.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';

mkdirSync('dist', { recursive: true });
const { status, stdout } = spawnSync('npm', ['pack', './client', '--pack-destination', 'dist', '--silent'], {
  stdio: ['ignore', 'pipe', 2],
  encoding: 'utf8',
  shell: process.platform === 'win32',
});
if (status !== 0) throw new Error('npm pack failed.');
console.log(resolve('dist', stdout.trim().split('\n').at(-1) ?? ''));
