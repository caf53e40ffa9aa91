// What all contenders of one run share: the store, the token issuer and its token.
import * as z from 'zod';
import { startChild } from '../local/childProcess.ts';
import { startIssuer } from '../local/issuer.ts';
import { azuriteConnection, tableClient } from '../test/support/tables.ts';
import { PROBE } from './load/probe.ts';

export const TENANT = '11111111-1111-4111-8111-111111111111';
export const AUDIENCE = 'api://playpromptoperation';
export const ROLE = 'Calls.Initiate.All';

export const listening = z.object({ port: z.number() });

export type Environment = Awaited<ReturnType<typeof startEnvironment>>;

/** `preload` is a module that the store's process loads before its own. */
export async function startEnvironment(preload?: string) {
  const store = await startChild(
    'azurite.ts',
    { ...process.env, AZURITE_TABLE_PORT: '0', AZURITE_LOCATION: '' },
    { execArgv: preload === undefined ? PROBE : [...PROBE, '--import', preload] },
  );
  const { port } = listening.parse(store.ready);
  const issuer = await startIssuer(0);
  return {
    token: await issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] }),
    store,
    storePort: port,
    /** Creates a table unless it exists, and returns the settings of a server with it, at the store or a port in front of it. */
    async settings(table: string, storePort = port): Promise<NodeJS.ProcessEnv> {
      await tableClient(table, port).createTable();
      return {
        ...process.env,
        NODE_ENV: 'production',
        PORT: '0',
        AUTH_AUTHORITY: issuer.authority,
        AUTH_TENANTS: TENANT,
        AUTH_AUDIENCES: AUDIENCE,
        AUTH_APP_ROLES: ROLE,
        TABLES_CONNECTION: azuriteConnection(storePort),
        TABLES_NAME: table,
      };
    },
    async close() {
      await store.stop();
      await issuer.close();
    },
  };
}
