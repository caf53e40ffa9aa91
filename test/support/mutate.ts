// `npm run mutation`: changes shared/ in many small ways and finds out whether a test fails for each. The tests run
// once for every change, against one table store.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as z from 'zod';
import { startChild } from '../../local/childProcess.ts';

const azurite = await startChild('azurite.ts', { ...process.env, AZURITE_TABLE_PORT: '0', AZURITE_LOCATION: '' });
const { port } = z.object({ port: z.number() }).parse(azurite.ready);
const stryker = spawn(
  process.execPath,
  ['node_modules/@stryker-mutator/core/bin/stryker.js', 'run', ...process.argv.slice(2)],
  { env: { ...process.env, TEST_AZURITE_PORT: String(port) }, stdio: 'inherit' },
);
const [code] = await once(stryker, 'exit');
await azurite.stop();
process.exit(code);
