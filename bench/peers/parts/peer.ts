import type { Server } from 'node:http';
import { serveUntilStopped } from '../../../local/childProcess.ts';
import { close, LOOPBACK, listen } from '../../../local/loopback.ts';

/** The settings of every peer, under the names of the service's own settings. */
export interface PeerSettings {
  readonly authority: string;
  readonly tenant: string;
  readonly audience: string;
  readonly role: string;
  readonly connection: string;
  readonly table: string;
}

/** What a peer reports once it listens. */
export interface PeerReady {
  readonly title: string;
  readonly port: number;
  /** Where the operations are: in the table that it was given, or in a store of its own that GET reads. */
  readonly store: 'table' | 'own';
}

/**
 * Runs this process as a peer: a server that takes the same token, and the same PATCH with the id in the address and
 * the same body, as the service does, and answers 2xx with the merged entity. Any file of `bench/peers/` is one.
 */
export async function servePeer(
  title: string,
  store: PeerReady['store'],
  start: (settings: PeerSettings) => Promise<Server> | Server,
): Promise<void> {
  await serveUntilStopped(async () => {
    const server = await start(readPeerSettings(process.env));
    const port = server.listening ? portOf(server) : await listen(server, 0, 'PORT');
    const ready: PeerReady = { title, port, store };
    return { ready, stop: () => close(server) };
  });
}

export function readPeerSettings(env: NodeJS.ProcessEnv): PeerSettings {
  const setting = (name: string) => {
    const value = env[name];
    if (!value) throw new Error(`${name} is not set.`);
    return value;
  };
  return {
    authority: setting('AUTH_AUTHORITY'),
    tenant: setting('AUTH_TENANTS'),
    audience: setting('AUTH_AUDIENCES'),
    role: setting('AUTH_APP_ROLES'),
    connection: setting('TABLES_CONNECTION'),
    table: setting('TABLES_NAME'),
  };
}

function portOf(server: Server) {
  const address = server.address();
  if (address === null || typeof address === 'string' || address.address !== LOOPBACK) {
    throw new Error(`A peer must listen on ${LOOPBACK} only.`);
  }
  return address.port;
}
