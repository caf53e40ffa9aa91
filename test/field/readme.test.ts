// "Your bot's client" of the README, and the first program of the typed client's: as they stand, in an empty folder.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newFolder, startService, type TestService } from '../support/service.ts';

const run = promisify(execFile);
const blocksOf = (text: string) => [...text.matchAll(/^```(console|js)\n([\s\S]*?)^```$/gm)];
const [, section = ''] = readFileSync('README.md', 'utf8').split("## Your bot's client");
const [install, program] = blocksOf(readFileSync('client/README.md', 'utf8'));
const blocks = [...blocksOf(section), program ?? []];

const folder = newFolder();
const bot = join(folder.path, 'bot');
let service: TestService;
beforeAll(async () => {
  service = await startService({ AZURITE_LOCATION: join(folder.path, 'tables') }, ['--host', 'embedded', '--https']);
  mkdirSync(bot);
  symlinkSync(resolve('.'), join(folder.path, 'playPromptOperation'), 'junction');
});
afterAll(async () => {
  await service?.end('SIGINT');
  folder.remove();
});

test('a reader installs the clients, and changes an operation with each of them', async () => {
  expect(blocks.map(([, language]) => language)).toEqual(['console', 'js', 'console', 'js']);
  expect(blocks[2]?.[0]).toBe(install?.[0]);
  const { baseUrl, token, certificate = '' } = service.facts;
  const env = { ...process.env, TOKEN: token ?? '', NODE_EXTRA_CA_CERTS: certificate };
  for (const [n, [, language, text = '']] of blocks.entries()) {
    if (language === 'console') {
      const command = text.replace('{folder of the service}/.keys/certificate.pem', certificate);
      await run('sh', ['-euc', command], { cwd: bot, env });
      continue;
    }
    const own = text
      .replace(/https?:\/\/127\.0\.0\.1:7071/, baseUrl)
      .replace('https://127.0.0.1:7072', new URL(service.facts.issuer).origin);
    const seen = text.includes('completed') ? 'completed.value[0]' : 'operation';
    writeFileSync(join(bot, `${n}.mjs`), `${own}console.log(JSON.stringify(${seen}));`);
    const { stdout } = await run(process.execPath, [`${n}.mjs`], { cwd: bot, env });
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ clientContext: 'call 7' });
  }
});
