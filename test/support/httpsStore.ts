import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort, LOOPBACK } from '../../local/loopback.ts';

const MAIN = createRequire(import.meta.url).resolve('azurite/dist/src/table/main.js');

/** Starts Azurite by its own command line, which takes a certificate and checks tokens: a table service as in Azure. */
export async function startHttpsStore({ cert, key }: { readonly cert: string; readonly key: string }) {
  const port = await findFreePort();
  const place = ['--tableHost', LOOPBACK, '--tablePort', String(port), '--inMemoryPersistence'];
  const flags = ['--oauth', 'basic', '--cert', cert, '--key', key, '--silent', '--disableTelemetry'];
  const azurite = spawn(process.execPath, [MAIN, ...place, ...flags, '--skipApiVersionCheck'], { stdio: 'ignore' });
  const exited = once(azurite, 'exit');
  while (!(await isListening(port))) await delay(50);
  return {
    port,
    async stop() {
      azurite.kill('SIGKILL');
      await exited;
    },
  };
}

/** Whether anything listens on a port of this machine. Any answer will do, or none: only a refusal shows that nothing does. */
export async function isListening(port: number): Promise<boolean> {
  return fetch(`http://${LOOPBACK}:${port}`).then(
    () => true,
    ({ cause }) => cause?.code !== 'ECONNREFUSED',
  );
}
