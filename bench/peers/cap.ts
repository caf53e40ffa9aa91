// SAP CAP with its SQLite in memory and in process: no network on the way to the store.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import cds from '@sap/cds';
import { LOOPBACK } from '../../local/loopback.ts';
import { servePeer } from './parts/peer.ts';

await servePeer('SAP CAP', 'own', async () => {
  cds.root = fileURLToPath(new URL('cap', import.meta.url));
  // CAP listens on whatever address its port is given with.
  const server = await cds.server({
    from: 'model.cds',
    service: 'all',
    in_memory: true,
    port: { host: LOOPBACK, port: 0 },
  });
  if (!server.listening) await once(server, 'listening');
  return server;
});
