// The local table store: Azurite in a process of its own, so that however the app ends, Azurite is stopped in order
// and so writes to disk what it acknowledged.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
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
  const file = resolve(location, '__azurite_db_table__.json');
  const server: TableServer = new TableServer(
    new TableConfiguration(
      ...[LOOPBACK, port, keepAliveSeconds, file],
      ...[false, false, undefined, undefined, false, true, '', '', '', undefined, false, inMemory],
    ),
  );
  try {
    await server.start();
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new Error(`${file} is damaged. Move it away to start with an empty store, or put a copy in its place.`);
    }
    throw portError(error as NodeJS.ErrnoException, port, 'AZURITE_TABLE_PORT');
  }
  return { ready: { port: Number(new URL(server.getHttpServerAddress()).port) }, stop: () => server.close() };
});
