// What a deployment makes, by Bicep's own evaluation of the template: for both environments, and with each switch.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { findBicep } from '../../infra/bicep.ts';
import { readSettings, settingNames } from '../../shared/settings.ts';

const TENANT = '11111111-1111-4111-8111-111111111111';
const AUDIENCE = '22222222-2222-4222-8222-222222222222';
/** Every setting that a deployment may choose. */
const chosen = {
  AUTH_TENANTS: TENANT,
  AUTH_AUDIENCES: AUDIENCE,
  AUTH_AUTHORITY: 'https://login.microsoftonline.us',
  AUTH_APP_ROLES: 'Calls.Initiate.All',
  AUTH_SCOPES: 'Calls.Initiate',
  AUTH_V1_ISSUER: 'https://sts.windows.net/{tenantid}/',
  AUTH_ALGORITHMS: 'RS256,PS256',
  TABLES_NAME: 'operations',
  RETENTION_DAYS: '30',
  PAGES: 'board',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example',
};

const resource = z.looseObject({ id: z.string(), type: z.string(), properties: z.unknown().optional() });
const snapshot = z.object({ predictedResources: z.array(resource), diagnostics: z.array(z.unknown()) });

const cosmos = `using 'main.bicep'
param environmentName = 'cosmos'
param tableStore = 'cosmos'
param settings = {
${Object.entries(chosen)
  .map(([name, value]) => `  ${name}: '${value}'`)
  .join('\n')}
}
`;
const written = { cosmos, privateCosmos: `${cosmos}param privateNetwork = true\n` };
const deployments = ['staging', 'production', 'cosmos', 'privateCosmos'] as const;
type Deployment = (typeof deployments)[number];

const bicep = findBicep();
if (typeof bicep === 'string') {
  console.warn(`${bicep}\nWhat a deployment makes is not checked here.`);
  test.skip('what a deployment makes, for want of the Bicep CLI', () => {});
} else {
  const predictions = new Map<Deployment, z.infer<typeof snapshot>>();
  const before = { ...process.env };
  beforeAll(async () => {
    Object.assign(process.env, { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: AUDIENCE });
    mkdirSync('dist', { recursive: true });
    const folder = mkdtempSync('dist/infra-');
    try {
      cpSync('infra', folder, { recursive: true });
      for (const [name, text] of Object.entries(written)) writeFileSync(join(folder, `main.${name}.bicepparam`), text);
      const fileOf = (name: Deployment, ending: string) => join(folder, `main.${name}.${ending}`);
      const printed = await Promise.all(deployments.map((name) => bicep('snapshot', fileOf(name, 'bicepparam'))));
      expect(printed.map(({ complaints }) => complaints).join('')).toBe('');
      for (const name of deployments) {
        const text = readFileSync(fileOf(name, 'snapshot.json'), 'utf8');
        predictions.set(name, snapshot.parse(JSON.parse(text)));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 180_000);
  afterAll(() => {
    process.env = before;
  });
  describePredictions((name) => snapshot.parse(predictions.get(name)));
}

function describePredictions(predictionOf: (name: Deployment) => z.infer<typeof snapshot>) {
  const ofType = (name: Deployment, type: string) =>
    predictionOf(name).predictedResources.filter((one) => one.type === type);
  /** The settings of the app; what another module gives stands as the module's and the output's name. */
  const settingsOf = (name: Deployment) => {
    const [config] = ofType(name, 'Microsoft.Web/sites/config');
    const given = /^\[reference\(.*format\('(\w+)-\{0\}'.*\.outputs\.(\w+)\.value\]$/s;
    const settings = z.record(z.string(), z.string()).parse(config?.properties);
    return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, value.replace(given, '$1.$2')]));
  };

  test.each(deployments)('of %s is all known beforehand', (name) => {
    expect(predictionOf(name).diagnostics).toEqual([]);
    expect(predictionOf(name).predictedResources.length).toBeGreaterThan(30);
  });

  describe('the app', () => {
    test.each(deployments)('of %s starts with its settings, and is given none that nobody reads', (name) => {
      const settings = settingsOf(name);
      const ofHost = /^(?:AzureWebJobsStorage__\w+|FUNCTIONS_\w+|APPLICATIONINSIGHTS_\w+|OTEL_TRACES_\w+)$/;
      const known = (key: string) => settingNames.includes(key) || ofHost.test(key);
      expect(Object.keys(settings).filter((key) => !known(key))).toEqual([]);
      const { auth, tables } = readSettings({
        ...settings,
        TABLES_ENDPOINT: 'https://store.example',
        AZURE_CLIENT_ID: AUDIENCE,
        APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${TENANT};IngestionEndpoint=https://in.example/`,
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `ClientId=${AUDIENCE};Authorization=AAD`,
      });
      expect(auth).toMatchObject({ tenants: [TENANT], audiences: [AUDIENCE] });
      expect(tables).toMatchObject({ endpoint: 'https://store.example', managedIdentityClientId: AUDIENCE });
    });

    test.each([
      ['production', 'operations.tableEndpoint'],
      ['cosmos', 'cosmos.tableEndpoint'],
    ] as const)('of %s asks the store at %s, by its own identity', (name, endpoint) => {
      expect(settingsOf(name)).toMatchObject({
        TABLES_ENDPOINT: endpoint,
        AZURE_CLIENT_ID: 'identity.clientId',
        AzureWebJobsStorage__blobServiceUri: 'host.blobEndpoint',
        AzureWebJobsStorage__clientId: 'identity.clientId',
        AzureWebJobsStorage__credential: 'managedidentity',
        APPLICATIONINSIGHTS_CONNECTION_STRING: 'monitoring.connectionString',
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: expect.stringMatching(
          /^\[format\('ClientId=\{0\};Authorization=AAD', .*format\('identity-.*\.outputs\.clientId\.value\)\]$/,
        ),
      });
    });

    test('is given all that a deployment chooses, and nothing for what it leaves empty', () => {
      expect(settingsOf('cosmos')).toMatchObject(chosen);
      expect(Object.keys(settingsOf('production'))).not.toContain('RETENTION_DAYS');
    });
  });

  describe('the stores', () => {
    const accountsOf = (name: Deployment) => ofType(name, 'Microsoft.Storage/storageAccounts');
    const cosmosOf = (name: Deployment) => ofType(name, 'Microsoft.DocumentDB/databaseAccounts');

    test('are two storage accounts that let in the subnet of the app alone', () => {
      expect(accountsOf('staging')).toHaveLength(2);
      for (const { properties, sku } of accountsOf('staging')) {
        expect(sku).toEqual({ name: 'Standard_LRS' });
        expect(properties).toMatchObject({
          publicNetworkAccess: 'Enabled',
          networkAcls: { defaultAction: 'Deny', bypass: 'None', virtualNetworkRules: [{ action: 'Allow' }] },
        });
        expect(JSON.stringify(properties)).toContain('outputs.appSubnetId.value');
      }
      expect(serviceEndpointsOf('staging')).toEqual(['Microsoft.Storage']);
      expect(ofType('staging', 'Microsoft.Network/privateEndpoints')).toEqual([]);
    });

    test('have private addresses alone in production, in all zones', () => {
      expect(accountsOf('production')).toHaveLength(2);
      for (const { properties, sku } of accountsOf('production')) {
        expect(sku).toEqual({ name: 'Standard_ZRS' });
        expect(properties).toMatchObject({
          publicNetworkAccess: 'Disabled',
          networkAcls: { defaultAction: 'Deny', bypass: 'None', virtualNetworkRules: [] },
        });
      }
      expect(serviceEndpointsOf('production')).toEqual([]);
      expect(connectionsOf('production')).toEqual([
        ['blob', 'host.id'],
        ['table', 'operations.id'],
      ]);
    });

    test('are the host’s account and Azure Cosmos DB, where that is wanted', () => {
      expect(accountsOf('cosmos')).toHaveLength(1);
      expect(cosmosOf('cosmos')).toMatchObject([
        {
          properties: {
            capabilities: [{ name: 'EnableTable' }],
            disableLocalAuth: true,
            publicNetworkAccess: 'Enabled',
            isVirtualNetworkFilterEnabled: true,
          },
        },
      ]);
      expect(serviceEndpointsOf('cosmos')).toEqual(['Microsoft.Storage', 'Microsoft.AzureCosmosDB']);
      expect(cosmosOf('staging')).toEqual([]);
    });

    test('are as private in Azure Cosmos DB', () => {
      expect(cosmosOf('privateCosmos')).toMatchObject([
        { properties: { publicNetworkAccess: 'Disabled', virtualNetworkRules: [] } },
      ]);
      expect(connectionsOf('privateCosmos')).toEqual([
        ['blob', 'host.id'],
        ['Table', 'cosmos.id'],
      ]);
    });

    test.each([
      ['production', 'operations.id', 'ResponseType'],
      ['cosmos', 'cosmos.id', 'StatusCode'],
    ] as const)('of %s are watched for throttling', (name, store, dimension) => {
      const alert = JSON.stringify(
        ofType(name, 'Microsoft.Insights/metricAlerts').find(({ id }) => id.endsWith('storeThrottling')),
      );
      expect(alert).toContain(`format('${store.split('.')[0]}-{0}'`);
      expect(alert).toContain(dimension);
    });

    /** What each private endpoint leads to. */
    function connectionsOf(name: Deployment) {
      return ofType(name, 'Microsoft.Network/privateEndpoints').map(({ properties }) => {
        const [, group] = /"groupIds":\["(\w+)"\]/.exec(JSON.stringify(properties)) ?? [];
        const [, module, output] =
          /"privateLinkServiceId":"\[.*?format\('(\w+)-.*?outputs\.(\w+)\.value/.exec(JSON.stringify(properties)) ?? [];
        return [group, `${module}.${output}`];
      });
    }

    function serviceEndpointsOf(name: Deployment) {
      const [network] = ofType(name, 'Microsoft.Network/virtualNetworks');
      return [...JSON.stringify(network).matchAll(/"service":"([\w.]+)"/g)].map(([, service]) => service);
    }
  });
}
