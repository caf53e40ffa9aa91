import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { newFolder } from '../../support/service.ts';

const preflight = resolve('local/preflight.js');
const run = (flags: readonly string[], cwd = '.') =>
  promisify(execFile)(process.execPath, [...flags, preflight], { cwd });

/** Makes Node take itself for another version. */
const pretend = (version: string) => [
  '--import',
  `data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"${version}"}})`,
];

test('an older Node than the project needs is refused in one sentence', async () => {
  for (const version of ['22.18.0', '24.0.0']) expect(await run(pretend(version))).toEqual({ stdout: '', stderr: '' });
  const stderr = expect.stringMatching(/^Node .* npm rebuild node .*\n$/);
  for (const version of ['20.20.2', '22.17.1'])
    await expect(run(pretend(version))).rejects.toMatchObject({ code: 1, stderr });
});

test('a folder without packages is refused in one sentence', async () => {
  const { path, remove } = newFolder();
  await expect(run([], path)).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/^.*npm ci.*\n$/) });
  remove();
});

test('every script is checked so, but those that run others, or npm alone', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const script of Object.values(scripts)) {
    expect(script).toMatch(/^(?:node local\/preflight\.js && |node --import \.\/local\/preflight\.js |npm )/);
  }
});
