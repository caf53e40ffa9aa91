// `npm start -- --host func`, with a program in the place of Azure Functions Core Tools that is started and stopped like
// them.
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { isListening } from '../support/httpsStore.ts';
import { freePorts, newFolder, patch, startService } from '../support/service.ts';

// The program on the path is a shell script.
const testWithShell = process.platform === 'win32' ? test.skip : test;

const folder = newFolder();
beforeAll(() => {
  const file = join(folder.path, 'func');
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${resolve('test/support/func.ts')}' "$@"\n`);
  chmodSync(file, 0o755);
});
afterAll(folder.remove);

testWithShell.each([
  ['func start where it is installed', 'func', () => [folder.path, process.env.PATH].join(delimiter)],
  ['the embedded host elsewhere', 'embedded', () => join(folder.path, 'empty')],
])('without --host, npm start takes %s, which serves on the port that is asked for, until Ctrl-C', async (...row) => {
  const [, host, path] = row;
  const [port = ''] = await freePorts(1);
  const service = await startService({ PATH: path() }, ['--port', port], { host: undefined });
  expect([service.facts.host, new URL(service.facts.baseUrl).port]).toEqual([host, port]);
  expect((await patch(service, { id: host })).status).toBe(200);
  expect(await service.end('SIGINT')).toBe(0);
  expect(await isListening(Number(port))).toBe(false);
});
