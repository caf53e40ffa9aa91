// Builds the app and unpacks what is deployed, and starts one table store in memory for all tests; each test file has a
// table of its own there. A run that is started many times over, as for mutations, brings a store of its own by
// TEST_AZURITE_PORT.
import './environment.js';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import * as z from 'zod';
import { type Child, startChild } from '../../local/childProcess.ts';

declare global {
  var azurite: Child | undefined;
  /** A folder outside of the checkout, so that the app finds no package but what is in its own. */
  var appFolder: string | undefined;
}

const run = (...args: string[]) => promisify(execFile)(process.execPath, args);

export default async function globalSetup(): Promise<void> {
  if (process.env.TEST_AZURITE_PORT) return;
  const store = startChild('azurite.ts', { ...process.env, AZURITE_TABLE_PORT: '0', AZURITE_LOCATION: '' });
  const built = run('node_modules/typescript/bin/tsc', '--project', 'functions');
  await Promise.all([built, run('infra/package.ts')]);
  globalThis.appFolder = unpack('dist/app.zip');
  globalThis.azurite = await store;
  process.env.TEST_APP ??= globalThis.appFolder;
  process.env.TEST_AZURITE_PORT = String(z.object({ port: z.number() }).parse(globalThis.azurite.ready).port);
}

function unpack(zip: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'playpromptoperation-app-'));
  for (const [name, content] of Object.entries(unzipSync(readFileSync(zip)))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}
