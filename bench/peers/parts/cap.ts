import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LOOPBACK } from '../../../local/loopback.ts';
import { servePeer } from './peer.ts';

/** Runs this process as SAP CAP, on the database of a profile in cap/.cdsrc.json, or else on SQLite in this process. */
export async function serveCap(title: string, profile?: string): Promise<void> {
  if (profile !== undefined) process.env.CDS_ENV = profile;
  const { default: cds } = await import('@sap/cds');
  await servePeer(title, 'own', async () => {
    cds.root = fileURLToPath(new URL('../cap', import.meta.url));
    if (profile !== undefined) await cds.deploy('model.cds').to('db');
    const server = await cds.server({
      from: 'model.cds',
      service: 'all',
      in_memory: profile === undefined,
      // CAP listens on the address that its port is given with.
      port: { host: LOOPBACK, port: 0 },
    });
    if (!server.listening) await once(server, 'listening');
    return server;
  });
}
