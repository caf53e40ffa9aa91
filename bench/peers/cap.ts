// SAP CAP with PostgreSQL, over a socket as the table store is.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LOOPBACK } from '../../local/loopback.ts';
import { servePeer } from './parts/peer.ts';

process.env.cds_requires_db_credentials_port = process.env.BENCH_POSTGRES_PORT;
const { default: cds } = await import('@sap/cds');

await servePeer(async () => {
  cds.root = fileURLToPath(new URL('cap', import.meta.url));
  await cds.deploy('model.cds').to('db');
  // CAP listens on the address that its port is given with.
  const port = { host: LOOPBACK, port: 0 };
  const server = await cds.server({ from: 'model.cds', service: 'all', in_memory: false, port });
  if (!server.listening) await once(server, 'listening');
  return server;
});
