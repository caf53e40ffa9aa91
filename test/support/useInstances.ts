import { afterAll, beforeAll } from '@jest/globals';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { type FaultProxy, startFaultProxy } from './faultProxy.ts';
import { killService, startService, type TestService } from './service.ts';
import { azuriteConnection, newTableName, tableClient } from './tables.ts';
import { AUDIENCE, ROLE } from './tokens.ts';

interface Options {
  readonly tenants: readonly string[];
  readonly settings?: NodeJS.ProcessEnv;
  /** Where another store is than that of all tests. */
  readonly storePort?: () => number;
}

/**
 * Instances of one service, for all tests of a file: started before them, and killed after. They share a table, behind a
 * proxy that fails when a test asks for it, and an issuer.
 */
export function useInstances(count: number, { tenants, settings, storePort }: Options) {
  const table = newTableName();
  const tokens = new Map<string, string>();
  const services: TestService[] = [];
  let issuer: Issuer;
  let proxy: FaultProxy;
  const newToken = (tenant: string) => issuer.issueToken({ tenant, audience: AUDIENCE, roles: [ROLE] });
  const start = () =>
    startService({
      AUTH_AUTHORITY: issuer.authority,
      AUTH_TENANTS: tenants.join(),
      AUTH_AUDIENCES: AUDIENCE,
      TABLES_CONNECTION: azuriteConnection(proxy.port),
      TABLES_NAME: table,
      NOTIFICATION_HOSTS: '127.0.0.1',
      ...settings,
    });
  beforeAll(async () => {
    [issuer, proxy] = await Promise.all([startIssuer(0), startFaultProxy(storePort?.())]);
    for (const tenant of tenants) tokens.set(tenant, await newToken(tenant));
    services.push(...(await Promise.all(Array.from({ length: count }, start))));
  }, 60_000);
  afterAll(async () => {
    await Promise.all(services.map(killService));
    if (!storePort) await tableClient(table).deleteTable();
    await Promise.all([issuer?.close(), proxy?.close()]);
  });

  return {
    ...{ table, services, newToken },
    rotateKey: () => issuer.rotate(),
    setFault(fault: FaultProxy['fault']) {
      proxy.fault = fault;
    },
    /** What a request of a tenant to the n-th instance needs. */
    as: (tenant: string, n = 0) => ({
      facts: { baseUrl: services[n % count]?.facts.baseUrl ?? '', token: tokens.get(tenant) ?? '' },
    }),
    kill: async (n: number) => services[n] && killService(services[n]),
    /** Starts an instance again after it was killed. */
    async restart(n: number) {
      services[n] = await start();
    },
  };
}
