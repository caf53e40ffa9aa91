// `npm run client`: packs the typed client, and prints the path of the tarball.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { commandOf } from '../local/command.ts';

mkdirSync('dist', { recursive: true });
const { file, args, shell } = commandOf('npm', ['pack', './client', '--pack-destination', 'dist', '--silent']);
const { status, stdout } = spawnSync(file, args, { stdio: ['ignore', 'pipe', 2], encoding: 'utf8', shell });
if (status !== 0) throw new Error('npm pack failed.');
console.log(resolve('dist', stdout.trim().split('\n').at(-1) ?? ''));
