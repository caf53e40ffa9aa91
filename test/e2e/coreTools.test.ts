// `npm start -- --host func`, with a program in the place of Azure Functions Core Tools that is started and stopped like
// them.
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePorts, newFolder, patch, startService } from '../support/service.ts';

// The program on the path is a shell script.
const testWithShell = process.platform === 'win32' ? test.skip : test;

const folder = newFolder();
const env = { PATH: [folder.path, process.env.PATH].join(delimiter), AZURITE_LOCATION: join(folder.path, 'tables') };
beforeAll(() => {
  const file = join(folder.path, 'func');
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${resolve('test/support/func.ts')}' "$@"\n`);
  chmodSync(file, 0o755);
});
afterAll(folder.remove);

testWithShell.each([
  ['func start where it is installed', 'func', () => env.PATH],
  ['the embedded host elsewhere', 'embedded', () => join(folder.path, 'empty')],
])('without --host, npm start takes %s', async (_, host, path) => {
  const service = await startService({ ...env, PATH: path() }, [], { host: undefined });
  expect(service.facts.host).toBe(host);
  expect((await patch(service, { id: host })).status).toBe(200);
  expect(await service.end('SIGINT')).toBe(0);
});

testWithShell.each([
  ['the port that is asked for', async () => (await freePorts(1))[0]],
  ['a free port', async () => '0'],
])('func start serves on %s, and is stopped by Ctrl-C', async (_, choosePort) => {
  const port = (await choosePort()) ?? '';
  const service = await startService(env, ['--host', 'func', '--port', port]);
  const { host, baseUrl } = service.facts;
  expect(host).toBe('func');
  expect(new URL(baseUrl).port).toMatch(port === '0' ? /^[1-9]\d+$/ : new RegExp(`^${port}$`));
  expect((await patch(service, { id: 'a', status: 'Running' })).status).toBe(200);
  expect(await service.end('SIGINT')).toBe(0);
  await expect(fetch(baseUrl)).rejects.toThrow();
});
