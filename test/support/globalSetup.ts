// Builds the app and starts one table store in memory for all tests; each test file has a table of its own there.
import { execFileSync } from 'node:child_process';
import { type Child, startChild } from '../../local/childProcess.ts';

declare global {
  var azurite: Child | undefined;
}

export default async function globalSetup(): Promise<void> {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', 'functions'], { stdio: 'inherit' });
  globalThis.azurite = await startChild('azurite.ts', {
    ...process.env,
    AZURITE_TABLE_PORT: '0',
    AZURITE_LOCATION: '',
  });
  const { port } = globalThis.azurite.ready as { port: number };
  process.env.TEST_AZURITE_PORT = String(port);
}
