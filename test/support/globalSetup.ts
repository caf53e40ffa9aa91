// Builds and packages the app, and starts one table store in memory for all tests; each test file has a table of its own there. A
// run that is started many times over, as for mutations, brings a store of its own by TEST_AZURITE_PORT.
import { execFileSync } from 'node:child_process';
import * as z from 'zod';
import { type Child, startChild } from '../../local/childProcess.ts';

declare global {
  var azurite: Child | undefined;
}

export default async function globalSetup(): Promise<void> {
  if (process.env.TEST_AZURITE_PORT) return;
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', 'functions'], { stdio: 'inherit' });
  execFileSync(process.execPath, ['infra/package.ts'], { stdio: 'inherit' });
  globalThis.azurite = await startChild('azurite.ts', {
    ...process.env,
    AZURITE_TABLE_PORT: '0',
    AZURITE_LOCATION: '',
  });
  process.env.TEST_AZURITE_PORT = String(z.object({ port: z.number() }).parse(globalThis.azurite.ready).port);
}
