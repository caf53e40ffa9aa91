// Stands in for Azure Functions Core Tools: `func start --port N` serves the app of the folder in which it is started,
// until Ctrl-C; `func --version` succeeds.
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { startChild } from '../../local/childProcess.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string' }, version: { type: 'boolean' } },
});
if (values.version) process.exit();
if (positionals.join() !== 'start') throw new Error(`This stands in for func start only, not for ${positionals}.`);

const interrupted = once(process, 'SIGINT');
const host = await startChild('host.ts', { ...process.env, PORT: values.port }, { cwd: process.cwd() });
await Promise.race([interrupted, host.ended]);
await host.stop();
