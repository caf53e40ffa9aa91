// The bot of the documentation as it is, in a folder of its own, with the packed client.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import * as z from 'zod';
import { testBot } from '../support/bots.ts';
import { newFolder } from '../support/service.ts';

const folder = newFolder();
beforeAll(installBot);
afterAll(folder.remove);
testBot(() => [process.execPath, join(folder.path, 'bot.ts')]);

/** Installs the client and the other packages of the example beside a copy of it. */
function installBot() {
  const modules = join(folder.path, 'node_modules');
  const client = join(modules, '@playpromptoperation/client');
  const tsc = ['node_modules/typescript/bin/tsc', '--project', 'client', '--outDir', join(client, 'dist')];
  execFileSync(process.execPath, tsc, { stdio: 'inherit' });
  copyFileSync('client/package.json', join(client, 'package.json'));
  const { dependencies } = z
    .object({ dependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync('client/package.json', 'utf8')));
  for (const name of [...Object.keys(dependencies), '@hono/node-server']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(resolve('node_modules', name), join(modules, name), 'junction');
  }
  copyFileSync('docs/examples/bot.ts', join(folder.path, 'bot.ts'));
}
