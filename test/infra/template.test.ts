// What `infra/` deploys: it compiles without a complaint, and the compiled template has, one by one, the properties that
// keep the service safe, and the settings that the app reads.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { findBicep, type Printed } from '../../infra/bicep.ts';
import { settingNames } from '../../shared/settings.ts';

const bicep = findBicep();
const environments = ['staging', 'production'];

const resource = z.looseObject({
  type: z.string(),
  existing: z.boolean().default(false),
  properties: z.unknown().optional(),
});
const template = z.looseObject({ resources: z.record(z.string(), resource) });
const deployment = z.object({ template, parameters: z.record(z.string(), z.unknown()) });
const definition = z.object({ type: z.string(), nullable: z.boolean().default(false) });
const main = template.extend({
  parameters: z.record(z.string(), z.looseObject({ defaultValue: z.unknown().optional() })),
  outputs: z.record(z.string(), z.looseObject({ type: z.string() })),
  definitions: z.object({ Settings: z.looseObject({ properties: z.record(z.string(), definition) }) }),
});
const compiled = z.object({ templateJson: z.string(), parametersJson: z.string() });
const parametersFile = z.object({ parameters: z.record(z.string(), z.object({ value: z.unknown() })) });

if (typeof bicep === 'string') {
  console.warn(`${bicep}\nWhat infra/ deploys is not checked here.`);
  test.skip('what infra/ deploys, for want of the Bicep CLI', () => {});
} else {
  const printed = new Map<string, Printed>();
  const before = { ...process.env };
  beforeAll(async () => {
    process.env.AUTH_TENANTS = '11111111-1111-4111-8111-111111111111';
    process.env.AUTH_AUDIENCES = '22222222-2222-4222-8222-222222222222';
    const compile = async (environment: string) =>
      printed.set(environment, await bicep('build-params', `infra/main.${environment}.bicepparam`));
    await Promise.all(environments.map(compile));
  }, 180_000);
  afterAll(() => {
    process.env = before;
  });
  describeTemplate((environment = 'staging') => printed.get(environment) ?? { output: '', complaints: 'not compiled' });
}

function describeTemplate(printedOf: (environment?: string) => Printed) {
  const outputOf = (environment?: string) => compiled.parse(JSON.parse(printedOf(environment).output));
  const whole = () => main.parse(JSON.parse(outputOf().templateJson));
  const parametersOf = (environment: string) => {
    const { parameters } = parametersFile.parse(JSON.parse(outputOf(environment).parametersJson));
    return Object.fromEntries(Object.entries(parameters).map(([name, { value }]) => [name, value]));
  };

  /** The deployment of a module. */
  const moduleOf = (name: string) => deployment.parse(whole().resources[name]?.properties);
  /** A resource of a module, by their names in Bicep. */
  const find = (module: string, name: string) => moduleOf(module).template.resources[name];
  /** Every resource that is made, of all modules. */
  const made = () =>
    Object.entries(whole().resources).flatMap(([module, { properties }]) => {
      const inner = deployment.safeParse(properties).data?.template.resources ?? {};
      return Object.entries(inner).flatMap(([name, one]) =>
        one.existing ? [] : [{ at: `${module}/${name}`, ...one }],
      );
    });
  const ofType = (type: string) => made().filter((one) => one.type === type);

  test.each(environments)('compiles and lints for %s without a complaint', (environment) => {
    expect(printedOf(environment).complaints).toBe('');
  });

  test('every module is part of it', () => {
    const source = readFileSync('infra/main.bicep', 'utf8');
    const modules = readdirSync('infra/modules').filter((file) => file.endsWith('.bicep'));
    for (const file of modules) expect(source).toContain(`'modules/${file}'`);
    expect(source).not.toMatch(/'br[:/]/);
  });

  test('every rule of the linter that is named makes an error', () => {
    const { analyzers } = JSON.parse(readFileSync('infra/bicepconfig.json', 'utf8'));
    const levels = Object.values(z.record(z.string(), z.object({ level: z.string() })).parse(analyzers.core.rules));
    expect(new Set(levels.map(({ level }) => level))).toEqual(new Set(['error']));
  });

  describe('no secret', () => {
    test('is taken, made or given away', () => {
      const text = outputOf().templateJson;
      expect(text).not.toMatch(/securestring|secureobject|listKeys|listAccountSas|AccountKey=|"SharedAccess/i);
      expect(Object.keys(whole().outputs).sort()).toEqual([
        ...['appName', 'hostName', 'identityClientId', 'resourceGroupName', 'tablesEndpoint'],
      ]);
    });

    test('serves: neither storage account takes keys, nor Cosmos DB, nor Application Insights', () => {
      expect(find('host', 'account')?.properties).toMatchObject({ allowSharedKeyAccess: false });
      expect(find('operations', 'account')?.properties).toMatchObject({ allowSharedKeyAccess: false });
      expect(find('cosmos', 'account')?.properties).toMatchObject({ disableLocalAuth: true });
      expect(find('monitoring', 'appInsights')?.properties).toMatchObject({ DisableLocalAuth: true });
      expect(
        made().filter(({ properties }) => JSON.stringify(properties ?? '').includes('"allowSharedKeyAccess":true')),
      ).toEqual([]);
    });

    test('publishes: no basic credentials, no FTP', () => {
      const policies = ofType('Microsoft.Web/sites/basicPublishingCredentialsPolicies');
      expect(policies.map(({ at }) => at).sort()).toEqual(['app/app::ftp', 'app/app::scm']);
      for (const { properties } of policies) expect(properties).toEqual({ allow: false });
      expect(find('app', 'app')?.properties).toMatchObject({ siteConfig: { ftpsState: 'Disabled' } });
    });
  });

  describe('the identity of the app', () => {
    test('is one that the user assigns, and deploys its package too', () => {
      expect(find('app', 'app')).toMatchObject({ identity: { type: 'UserAssigned' } });
      expect(find('app', 'app')?.properties).toMatchObject({
        functionAppConfig: {
          deployment: { storage: { type: 'blobContainer', authentication: { type: 'UserAssignedIdentity' } } },
        },
      });
    });

    test('has a role on the operations’ table, on the host’s account and on telemetry, and no other', () => {
      const roles = ofType('Microsoft.Authorization/roleAssignments');
      expect(roles.map(({ at }) => at).sort()).toEqual(['roles/hostRole', 'roles/tableRole', 'roles/telemetryRole']);
      const scope = (name: string) => z.looseObject({ scope: z.string() }).parse(find('roles', name)).scope;
      expect(scope('tableRole')).toMatch(/tableServices\/tables'.*'operationsAccountName'/);
      expect(scope('hostRole')).toBe(
        "[resourceId('Microsoft.Storage/storageAccounts', parameters('hostAccountName'))]",
      );
      expect(scope('telemetryRole')).toMatch(/^\[resourceId\('Microsoft\.Insights\/components'/);
      const granted = (name: string) => JSON.stringify(find('roles', name)?.properties);
      expect(granted('tableRole')).toContain('storageTableDataContributor');
      expect(granted('hostRole')).toContain('storageBlobDataOwner');
      expect(granted('telemetryRole')).toContain('monitoringMetricsPublisher');
    });

    test('has the data plane of Cosmos DB where that is the store', () => {
      expect(find('cosmos', 'account::role')?.type).toBe('Microsoft.DocumentDB/databaseAccounts/tableRoleAssignments');
      const condition = (module: string) =>
        z.looseObject({ condition: z.string() }).parse(whole().resources[module]).condition;
      expect(condition('cosmos')).toBe("[variables('cosmosDb')]");
      expect(condition('operations')).toBe("[not(variables('cosmosDb'))]");
    });
  });

  describe('the network', () => {
    test.each(['host', 'operations'])('of the %s account lets nobody in but the subnet of the app', (module) => {
      expect(find(module, 'account')?.properties).toMatchObject({
        allowBlobPublicAccess: false,
        minimumTlsVersion: 'TLS1_2',
        supportsHttpsTrafficOnly: true,
        networkAcls: { defaultAction: 'Deny', bypass: 'None' },
        publicNetworkAccess: "[if(parameters('privateNetwork'), 'Disabled', 'Enabled')]",
      });
      expect(moduleOf(module).parameters.privateNetwork).toEqual({ value: "[parameters('privateNetwork')]" });
    });

    test('of Cosmos DB lets nobody in but that either', () => {
      expect(find('cosmos', 'account')?.properties).toMatchObject({
        minimalTlsVersion: 'Tls12',
        isVirtualNetworkFilterEnabled: true,
        networkAclBypass: 'None',
        publicNetworkAccess: "[if(parameters('privateNetwork'), 'Disabled', 'Enabled')]",
      });
    });

    test('has private endpoints and their zones for the blobs and the table, where it is private', () => {
      for (const module of ['hostEndpoint', 'storeEndpoint']) {
        expect(whole().resources[module]).toMatchObject({ condition: "[parameters('privateNetwork')]" });
        expect(Object.values(moduleOf(module).template.resources).map(({ type }) => type)).toEqual(
          expect.arrayContaining(['Microsoft.Network/privateEndpoints', 'Microsoft.Network/privateDnsZones']),
        );
      }
      expect(JSON.stringify(moduleOf('hostEndpoint').parameters)).toContain('privatelink.blob.');
      expect(JSON.stringify(moduleOf('storeEndpoint').parameters)).toContain('privatelink.table.');
    });

    test('of the app takes https only, in TLS 1.2 at least', () => {
      expect(find('app', 'app')?.properties).toMatchObject({
        httpsOnly: true,
        siteConfig: { minTlsVersion: "[parameters('minTlsVersion')]", scmMinTlsVersion: '1.3' },
        virtualNetworkSubnetId: "[parameters('subnetId')]",
      });
      expect(whole().parameters.minTlsVersion).toMatchObject({ defaultValue: '1.3', allowedValues: ['1.2', '1.3'] });
    });
  });

  test('the app runs on Flex Consumption, with what it takes as parameters', () => {
    expect(find('app', 'plan')).toMatchObject({ sku: { tier: 'FlexConsumption', name: 'FC1' } });
    const node = { name: 'node', version: "[parameters('nodeVersion')]" };
    expect(find('app', 'app')?.properties).toMatchObject({ functionAppConfig: { runtime: node } });
    const { parameters } = whole();
    expect(parameters.nodeVersion).toMatchObject({ defaultValue: '24', allowedValues: ['22', '24'] });
    for (const name of ['zoneRedundant', 'privateNetwork', 'lock']) expect(parameters[name]?.defaultValue).toBe(false);
    for (const name of ['alwaysReady', 'maximumInstanceCount', 'perInstanceConcurrency'])
      expect(parameters).toHaveProperty(name);
  });

  describe('the settings', () => {
    const chosen = () => whole().definitions.Settings.properties;
    const expression = () => String(find('app', 'app::appSettings')?.properties);
    const fixed = () => [...expression().matchAll(/'(\w+)', (?:parameters|format|')/g)].map(([, name = '']) => name);

    test('that the app reads are set under the names by which it reads them, and no others', () => {
      // A connection string holds a key; the endpoint and the identity stand in its place. Azure sets WEBSITE_ by itself.
      const read = settingNames.filter((name) => name !== 'TABLES_CONNECTION' && !name.startsWith('WEBSITE_'));
      const ofHost = /^(?:AzureWebJobsStorage__\w+|FUNCTIONS_\w+|APPLICATIONINSIGHTS_\w+|OTEL_TRACES_\w+)$/;
      const set = [...Object.keys(chosen()), ...fixed()];
      expect(set.filter((name) => !ofHost.test(name)).sort()).toEqual(read.filter((name) => !ofHost.test(name)).sort());
      expect(set).toEqual(expect.arrayContaining(read));
      expect(new Set(set).size).toBe(set.length);
    });

    test('that the app cannot start without cannot be left out', () => {
      const required = Object.entries(chosen()).filter(([, { nullable }]) => !nullable);
      expect(required.map(([name]) => name).sort()).toEqual(['AUTH_AUDIENCES', 'AUTH_TENANTS']);
      expect(fixed()).toEqual(expect.arrayContaining(['TABLES_ENDPOINT', 'AZURE_CLIENT_ID']));
    });

    test('name the identity for the host’s storage and for telemetry', () => {
      expect(fixed()).toEqual(
        expect.arrayContaining([
          ...[
            'AzureWebJobsStorage__blobServiceUri',
            'AzureWebJobsStorage__credential',
            'AzureWebJobsStorage__clientId',
          ],
          ...['APPLICATIONINSIGHTS_CONNECTION_STRING', 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'],
        ]),
      );
      expect(expression()).toContain('ClientId={0};Authorization=AAD');
      // Flex Consumption refuses it.
      expect(expression()).not.toContain('FUNCTIONS_WORKER_RUNTIME');
    });
  });

  test('app, stores and their services tell Log Analytics what happens', () => {
    expect(
      ofType('Microsoft.Insights/diagnosticSettings')
        .map(({ at }) => at)
        .sort(),
    ).toEqual([
      ...['app/diagnostics', 'cosmos/diagnostics', 'host/blobDiagnostics', 'host/tableDiagnostics'],
      ...['operations/blobDiagnostics', 'operations/tableDiagnostics'],
    ]);
  });

  test('there are alerts on availability, throttling, 5xx, latency and refused callers, and all tell the action group', () => {
    expect(
      ofType('Microsoft.Insights/metricAlerts')
        .map(({ at }) => at)
        .sort(),
    ).toEqual([...['metricAlerts/availability', 'metricAlerts/storeThrottling']]);
    for (const name of ['serverErrors', 'latency', 'refusedCallers'])
      expect(outputOf().templateJson).toContain(`"${name}"`);
    const alerts = ['Microsoft.Insights/metricAlerts', 'Microsoft.Insights/scheduledQueryRules'].flatMap(ofType);
    for (const { properties } of alerts) expect(JSON.stringify(properties)).toContain("parameters('actionGroupId')");
  });

  test('a workbook draws what the runbook speaks of, in pictures', () => {
    const drawn = z.object({
      items: z.array(z.object({ name: z.string(), content: z.looseObject({ visualization: z.string().optional() }) })),
    });
    const { items } = drawn.parse(JSON.parse(readFileSync('infra/modules/workbook.json', 'utf8')));
    const [, ...charts] = items.map(({ name, content }) => [name, content.visualization]);
    expect(Object.fromEntries(charts)).toEqual({
      requests: 'areachart',
      statuses: 'piechart',
      latency: 'timechart',
      operations: 'areachart',
      conflicts: 'barchart',
      updateRetries: 'barchart',
      storeLatency: 'timechart',
      storeRetries: 'barchart',
      refused: 'barchart',
      coldStarts: 'barchart',
    });
    expect(find('workbook', 'workbook')?.properties).toMatchObject({
      sourceId: "[parameters('workspaceId')]",
      serializedData: expect.stringMatching(/^\[string\(variables\(/),
    });
  });

  test('production is private, in all zones, warm, locked and within a budget; staging is not', () => {
    expect(parametersOf('production')).toMatchObject({
      environmentName: 'production',
      privateNetwork: true,
      zoneRedundant: true,
      lock: true,
      alwaysReady: 2,
      monthlyBudget: 1000,
    });
    expect(Object.keys(parametersOf('staging'))).not.toContain('privateNetwork');
    for (const environment of environments) {
      expect(parametersOf(environment).settings).toMatchObject({ AUTH_TENANTS: process.env.AUTH_TENANTS });
    }
  });
}
