// The smoke test of a deployment, against a service that works and against broken ones.
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { close, listen } from '../../local/loopback.ts';
import { useService } from '../support/useService.ts';

const service = useService();

const run = (address: string, token = service.facts.token ?? '', ...options: string[]) =>
  promisify(execFile)(process.execPath, ['--import', './local/preflight.js', 'infra/smoke.ts', ...options, address], {
    env: { ...process.env, TOKEN: token },
  });

test('a service that works passes; without a token less of it is seen, and only if that was asked for', async () => {
  const address = service.facts.baseUrl;
  expect((await run(address)).stdout).toBe(`${address} works.\n`);
  const { stdout } = await run(address, '', '--without-token');
  expect(stdout).toBe(`${address} works, as far as it can be seen without a token.\n`);
  await expect(run(address, '')).rejects.toThrow('The variable TOKEN has no access token');
  await expect(run(address, 'a.b.c')).rejects.toThrow('PATCH: 401 instead of 200');
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
