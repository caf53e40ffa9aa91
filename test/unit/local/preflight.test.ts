import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import * as z from 'zod';
import { newFolder } from '../../support/service.ts';

const preflight = resolve('local/preflight.js');
const run = (flags: readonly string[], cwd = '.') =>
  promisify(execFile)(process.execPath, [...flags, preflight], { cwd });

/** Makes Node take itself for another version. */
const pretend = (version: string) => [
  '--import',
  `data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"${version}"}})`,
];

test.each(['22.18.0', '24.0.0'])('Node %s is accepted', async (version) => {
  expect(await run(pretend(version))).toEqual({ stdout: '', stderr: '' });
});

test.each(['20.20.2', '22.17.1'])('Node %s is refused in one sentence', async (version) => {
  await expect(run(pretend(version))).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^Node .* npm rebuild node .*\n$/),
  });
});

test('a folder without packages is refused in one sentence', async () => {
  const folder = newFolder();
  await expect(run([], folder.path)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^.*npm ci.*\n$/),
  });
  folder.remove();
});

test('every script is checked so, but those that run others, or npm alone', () => {
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync('package.json', 'utf8')));
  for (const script of Object.values(scripts)) {
    expect(script).toMatch(/^(?:node local\/preflight\.js && |node --import \.\/local\/preflight\.js |npm )/);
  }
});
