// The smoke test of a deployment, against a service that works and against broken ones.
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { close, listen } from '../../local/loopback.ts';
import { newFolder, startService, type TestService } from '../support/service.ts';

const folder = newFolder();
let service: TestService;
beforeAll(async () => {
  service = await startService({ AZURITE_LOCATION: folder.path });
});
afterAll(async () => {
  await service.end('SIGTERM');
  folder.remove();
});

const run = (address: string, token = service.facts.token ?? '', ...options: string[]) =>
  promisify(execFile)(process.execPath, ['--import', './local/preflight.js', 'infra/smoke.ts', ...options, address], {
    env: { ...process.env, TOKEN: token },
  });

test('a service that works passes', async () => {
  const address = service.facts.baseUrl.replace(/\/$/, '');
  expect((await run(address)).stdout).toBe(`${address} works.\n`);
});

test('one that does not is named, with the expected status', async () => {
  const server = createServer((_request, response) => response.end('{}'));
  const port = await listen(server, 0, 'PORT');
  try {
    await expect(run(`http://127.0.0.1:${port}`)).rejects.toThrow('without a token: 200 instead of 401');
  } finally {
    await close(server);
  }
});

test('without a token it says that it has seen less, and only if it was asked to', async () => {
  const address = service.facts.baseUrl.replace(/\/$/, '');
  const { stdout } = await run(address, '', '--without-token');
  expect(stdout).toBe(`${address} works, as far as it can be seen without a token.\n`);
  await expect(run(address, '')).rejects.toThrow('The variable TOKEN has no access token');
});

test('a token that is not valid is noticed', async () => {
  await expect(run(service.facts.baseUrl.replace(/\/$/, ''), 'a.b.c')).rejects.toThrow('PATCH: 401 instead of 200');
});
