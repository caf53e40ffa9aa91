// Looks at the ports of the local set-up before anything is started.
import { createServer } from 'node:net';
import { askLoopback } from './askLoopback.ts';
import { ISSUER_NAME } from './issuer.ts';
import { LOOPBACK } from './loopback.ts';

/** Long enough for a busy machine; only a start that fails anyway waits for it. */
const PROBE_DEADLINE_MS = 3000;

/** A port that a part of the local set-up is to listen on; 0 is any free one. */
export interface WantedPort {
  readonly variable: string;
  readonly part: string;
  readonly port: number;
}

/**
 * Finds out which ports are taken, all at once.
 *
 * @throws Error that names each of them, what listens there as far as that can be seen, and the variable to set
 */
export async function checkPorts(wanted: readonly WantedPort[]): Promise<void> {
  const fixed = wanted.filter(({ port }) => port !== 0);
  const lines = await Promise.all(
    fixed.map(async (each, n) => {
      const twin = fixed.slice(0, n).find(({ port }) => port === each.port);
      if (twin) return `  ${each.variable}: port ${each.port} is in use, as ${twin.variable}.`;
      if (await isFree(each.port)) return undefined;
      return `  ${each.variable} (${each.part}): port ${each.port} is in use${await occupantOf(each.port)}.`;
    }),
  );
  const busy = lines.filter((line) => line !== undefined);
  if (busy.length === 0) return;
  throw new Error(
    `Nothing was started:\n${busy.join('\n')}\n` +
      'Stop what listens there, or set each of these variables to another port, or to 0 for any free one.',
  );
}

function isFree(port: number) {
  const server = createServer();
  return new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}

/** What answers on a port, if it is this service, a part of it, or Azurite. */
async function occupantOf(port: number) {
  const response = await askLoopback(port, '/v1.0', { deadlineMs: PROBE_DEADLINE_MS });
  const { 'odata-version': odataVersion, server = '' } = response?.headers ?? {};
  if (odataVersion) return ': this service already runs there';
  if (server === ISSUER_NAME) return ': the token issuer of this service already runs there';
  if (/^Azurite-Table/i.test(String(server))) {
    return port === 10002
      ? ': an Azurite already runs there, which TABLES_CONNECTION=UseDevelopmentStorage=true makes the app use'
      : ': an Azurite already runs there';
  }
  return '';
}
