// What all contenders of one run share: the store, the token issuer and its token, the table service's address.
import { TableClient } from '@azure/data-tables';
import * as z from 'zod';
import { type Child, startChild } from '../local/childProcess.ts';
import { startIssuer } from '../local/issuer.ts';
import { PROBE } from './load/usage.ts';
import { startPostgres } from './postgres.ts';

export const TENANT = '11111111-1111-4111-8111-111111111111';
export const AUDIENCE = 'api://playpromptoperation';
export const ROLE = 'Calls.Initiate.All';

/** Azurite's account, whose key is public. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** The connection string of a store on this machine. */
export const connectionString = (port: number) =>
  `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};TableEndpoint=http://127.0.0.1:${port}/${ACCOUNT};`;

export const listening = z.object({ port: z.number() });

export interface Environment {
  readonly token: string;
  readonly tenant: string;
  readonly azurite: Child;
  readonly hasPostgres: boolean;
  /** The settings of a server with a table of its own, at the store or at a port in front of it. */
  settings(table: string, storePort?: number): NodeJS.ProcessEnv;
  /** Creates a table, and opens it to look into it behind the servers' backs. */
  openTable(name: string): Promise<TableClient>;
  close(): Promise<void>;
}

export async function startEnvironment({ postgres: withPostgres = false } = {}): Promise<Environment> {
  const postgres = withPostgres ? await startPostgres() : undefined;
  const azurite = await startChild(
    'azurite.ts',
    { ...process.env, AZURITE_TABLE_PORT: '0', AZURITE_LOCATION: '' },
    { execArgv: PROBE },
  );
  const { port } = listening.parse(azurite.ready);
  const issuer = await startIssuer(0);
  return {
    token: await issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] }),
    tenant: TENANT,
    azurite,
    hasPostgres: postgres !== undefined,
    settings: (table, storePort = port) => ({
      ...process.env,
      NODE_ENV: 'production',
      PORT: '0',
      AUTH_AUTHORITY: issuer.authority,
      AUTH_TENANTS: TENANT,
      AUTH_AUDIENCES: AUDIENCE,
      AUTH_APP_ROLES: ROLE,
      TABLES_CONNECTION: connectionString(storePort),
      TABLES_NAME: table,
      ...(postgres && { BENCH_POSTGRES_PORT: String(postgres.port) }),
    }),
    async openTable(name) {
      const client = TableClient.fromConnectionString(connectionString(port), name, { allowInsecureConnection: true });
      await client.createTable();
      return client;
    },
    async close() {
      await azurite.stop();
      await issuer.close();
      await postgres?.stop();
    },
  };
}
