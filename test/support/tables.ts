import { TableClient } from '@azure/data-tables';

const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** The connection string of Azurite's well-known account on a port, which is that of all tests if none is given. */
export function azuriteConnection(port: string | number | undefined = process.env.TEST_AZURITE_PORT): string {
  const endpoint = `http://127.0.0.1:${port}/devstoreaccount1`;
  return `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${KEY};TableEndpoint=${endpoint};`;
}

/** A table name that no other test uses. */
export function newTableName(): string {
  return `t${crypto.randomUUID().replaceAll('-', '')}`;
}

/** The table that the service uses when no setting names one. */
export const DEFAULT_TABLE = 'playPromptOperations';

/** A client of the tests' own, to look into a store behind the service's back. */
export function tableClient(name: string, port?: string | number): TableClient {
  return TableClient.fromConnectionString(azuriteConnection(port), name, { allowInsecureConnection: true });
}

/** The settings of a table that no other test uses, or of another one, at a port in front of the store if one is given. */
export const newTableSettings = (name = newTableName(), port?: number) => ({
  name,
  connection: azuriteConnection(port),
  endpoint: undefined,
  managedIdentityClientId: undefined,
});
