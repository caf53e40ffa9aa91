// The local table store: Azurite in a process of its own, so that however the app ends, Azurite is stopped in order
// and so writes to disk what it acknowledged.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { serveUntilStopped } from './childProcess.ts';
import { LOOPBACK, portError } from './loopback.ts';

interface TableServer {
  start(): Promise<void>;
  close(): Promise<void>;
  getHttpServerAddress(): string;
}

const require = createRequire(import.meta.url);
const {
  default: TableConfiguration,
}: { default: new (...values: unknown[]) => object } = require('azurite/dist/src/table/TableConfiguration.js');
const {
  default: TableServer,
}: { default: new (configuration: object) => TableServer } = require('azurite/dist/src/table/TableServer.js');

await serveUntilStopped(async () => {
  const port = Number(process.env.AZURITE_TABLE_PORT);
  const location = process.env.AZURITE_LOCATION ?? '';
  const keepAliveSeconds = 30;
  const inMemory = location === '';
  const server: TableServer = new TableServer(
    new TableConfiguration(
      ...[LOOPBACK, port, keepAliveSeconds, join(location, '__azurite_db_table__.json')],
      ...[false, false, undefined, undefined, false, true, '', '', '', undefined, false, inMemory],
    ),
  );
  try {
    await server.start();
  } catch (error) {
    throw portError(error as NodeJS.ErrnoException, port, 'AZURITE_TABLE_PORT');
  }
  return { ready: { port: Number(new URL(server.getHttpServerAddress()).port) }, stop: () => server.close() };
});
