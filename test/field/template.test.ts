// What infra/ deploys: it compiles and lints without a word, and Bicep's own evaluation of it, for each environment and
// each option, has the properties that keep the service safe and affordable.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { readSettings, settingNames } from '../../shared/settings.ts';
import { bicepPath, type Infrastructure, type Resource, startBicep } from '../support/bicep.ts';
import { loadLanguageService, queriesIn } from './kusto/languageService.ts';

const TENANT = '11111111-1111-4111-8111-111111111111';
const AUDIENCE = '22222222-2222-4222-8222-222222222222';
const HUB = '/subscriptions/hub/resourceGroups/network/providers/Microsoft.Network';

/** Every setting that a deployment may choose. */
const chosen = {
  AUTH_TENANTS: `${TENANT}, ${AUDIENCE}`,
  AUTH_AUDIENCES: AUDIENCE,
  AUTH_AUTHORITY: 'https://login.microsoftonline.us',
  AUTH_APP_ROLES: 'Calls.Initiate.All',
  AUTH_SCOPES: 'Calls.Initiate',
  AUTH_V1_ISSUER: 'https://sts.windows.net/{tenantid}/',
  AUTH_ALGORITHMS: 'RS256,PS256',
  KEEP_FINAL_STATUS: 'true',
  OVERDUE_MINUTES: '15',
  RETENTION_DAYS: '30',
  PAGES: 'board',
  PUBLIC_URL: 'https://gateway.example/prompts',
  NOTIFICATION_HOSTS: 'bot.example,*.bots.example',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example',
};

/** A file of parameters. */
const main = (lines: string, settings: Partial<typeof chosen> = chosen, name = 'other') => `using 'main.bicep'
param environmentName = '${name}'
param settings = {
${Object.entries(settings)
  .map(([key, value]) => `  ${key}: '${value}'`)
  .join('\n')}
}
${lines}
`;
const bootstrap = (lines: string) => `using 'bootstrap.bicep'
param environmentName = 'production'
param repository = 'contoso/prompts'
${lines}
`;
const budget = "param monthlyBudget = 1000\nparam budgetStart = '2026-12-01'\nparam alertEmails = [' a@example.com']";
const production = readFileSync('infra/main.production.bicepparam', 'utf8');
const evaluated = {
  staging: 'infra/main.staging.bicepparam',
  production: 'infra/main.production.bicepparam',
  cosmos: main("param tableStore = 'cosmos'\nparam zoneRedundant = true"),
  georedundant: main("param secondaryLocation = 'northeurope'\nparam zoneRedundant = true"),
  georedundantCosmos: main(
    "param tableStore = 'cosmos'\nparam zoneRedundant = true\nparam secondaryLocation = 'northeurope'",
  ),
  restricted: main(
    `param allowedSources = ['203.0.113.0/24', 'AzureFrontDoor.Backend']
param frontDoorId = '${AUDIENCE}'
param corsOrigins = ['https://app.example']`,
    { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: AUDIENCE },
  ),
  gateway: main("param allowedSources = ['AzureFrontDoor.Backend']"),
  nat: main(`param natGatewayId = '${HUB}/natGateways/nat'`),
  hub: main(`param subnets = {
  app: '${HUB}/virtualNetworks/hub/subnets/prompts'
  endpoints: '${HUB}/virtualNetworks/hub/subnets/endpoints'
}
param privateDnsZones = { table: '${HUB}/privateDnsZones/privatelink.table.core.windows.net' }`),
  bootstrap: bootstrap(budget),
  bootstrapWithoutOptions: bootstrap('param lock = false'),
};
type Deployment = keyof typeof evaluated;
const isService = (name: string): name is Deployment => name in evaluated && !name.startsWith('bootstrap');
const services = Object.keys(evaluated).filter(isService);

/** Parameters that a deployment must refuse, and what its message must name. */
const refused: readonly (readonly [parameters: string, ...named: string[]])[] = [
  [
    main(
      "param cosmosMaxThroughput = 1500\nparam alertEmails = ['on-call']",
      {
        ...chosen,
        AUTH_TENANTS: `${TENANT},contoso.com`,
        KEEP_FINAL_STATUS: 'yes',
        OVERDUE_MINUTES: '5m',
        RETENTION_DAYS: 'thirty',
      },
      'Production',
    ),
    ...[
      'environmentName',
      'AUTH_TENANTS',
      'KEEP_FINAL_STATUS',
      'OVERDUE_MINUTES',
      'RETENTION_DAYS',
      'cosmosMaxThroughput',
      'alertEmails',
    ],
  ],
  [main('', { ...chosen, AUTH_TENANTS: TENANT.slice(1) }, 'test-'), 'environmentName', 'AUTH_TENANTS'],
  [main('', { ...chosen, AUTH_TENANTS: '' }), 'AUTH_TENANTS'],
  [main("param allowedSources = ['203.0.113.7']\nparam frontDoorId = 'fd'"), 'allowedSources', 'frontDoorId'],
  [main("param natGatewayId = 'n'\nparam subnets = { app: 'a', endpoints: 'e' }"), 'natGatewayId'],
  [main('param tracePercentage = 101'), '101'],
  [main('', { ...chosen, PUBLIC_URL: 'https://gateway.example/' }), 'PUBLIC_URL'],
  // As on GitHub, where a variable that nobody has set is empty.
  [production.replaceAll("'ALERT_EMAILS'", "'UNSET'"), 'ALERT_EMAILS'],
  [
    bootstrap('param monthlyBudget = 1000').replace('contoso/prompts', 'prompts'),
    ...['repository', 'monthlyBudget and budgetStart', 'alertEmails'],
  ],
  [bootstrap(budget.replace('12-01', '12-15')), 'budgetStart'],
];

const analyze = loadLanguageService();

const describeWithBicep = bicepPath === undefined ? describe.skip : describe;

describeWithBicep('what infra/ deploys', () => {
  const snapshots = new Map<Deployment, readonly Resource[]>();
  const compiled = new Map<string, string>();
  let bicep: Infrastructure;

  beforeAll(async () => {
    const env = { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: AUDIENCE, ALERT_EMAILS: 'a@example.com, b@example.com' };
    bicep = await startBicep(bicepPath ?? '', env);
    for (const name of ['main.bicep', 'bootstrap.bicep', 'main.staging.bicepparam', 'main.production.bicepparam']) {
      const { json, complaints } = await bicep.compile(name);
      expect(complaints).toEqual([]);
      if (json !== '') compiled.set(name, json);
    }
    for (const name of Object.keys(evaluated) as Deployment[]) {
      const result = await bicep.evaluate(evaluated[name]);
      if (typeof result === 'string') throw new Error(`${name}: ${result}`);
      expect(result.diagnostics).toEqual([]);
      snapshots.set(name, result.predictedResources);
    }
  }, 300_000);
  afterAll(() => bicep.end());

  const allOf = (name: Deployment) => snapshots.get(name) ?? [];
  const ofType = (name: Deployment, type: string) => allOf(name).filter((one) => one.type === `Microsoft.${type}`);
  const only = (name: Deployment, type: string) => {
    const found = ofType(name, type);
    expect(found).toHaveLength(1);
    return found[0];
  };
  const textOf = (name: Deployment, type: string) => JSON.stringify(ofType(name, type));
  const settingsOf = (name: Deployment) =>
    z.record(z.string(), z.string()).parse(only(name, 'Web/sites/config')?.properties);
  const everyone = (type: string) => services.flatMap((name) => ofType(name, type));

  test('every module is compiled, and none comes from elsewhere, since a closed network could not fetch it', () => {
    const sources = readdirSync('infra', { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.bicep'),
    );
    const text = sources.map((file) => readFileSync(join('infra', file), 'utf8')).join('');
    for (const file of readdirSync('infra/modules')) expect(text).toContain(`'modules/${file}'`);
    expect(text).not.toMatch(/'(?:br|ts)[:/]/);
  });

  test('every resource provider is registered by the first command of the docs', () => {
    const [, registered = ''] = /for provider in ([^;]+);/.exec(readFileSync('docs/deploy.md', 'utf8')) ?? [];
    const namespaces = [...services, 'bootstrap' as const].flatMap(allOf).map(({ type }) => type.split(/[./]/)[1]);
    // These are registered in every subscription.
    const needed = new Set(
      namespaces.filter((name) => !['Authorization', 'Consumption', 'Resources'].includes(name ?? '')),
    );
    expect(registered.split(' ')).toEqual(expect.arrayContaining([...needed]));
  });

  test('a second deployment is the same as the first', async () => {
    for (const name of ['staging', 'production', 'bootstrap'] as const) {
      expect(await bicep.evaluate(evaluated[name])).toMatchObject({ predictedResources: allOf(name) });
    }
    for (const text of compiled.values()) expect(text).not.toMatch(/utcNow|newGuid/);
  });

  test.each(refused)('what is not valid is refused before anything is deployed (%#)', async (parameters, ...named) => {
    const result = await bicep.evaluate(parameters);
    for (const name of named) expect(result).toContain(name);
  });

  test('every parameter is validated or a choice', () => {
    const bounds = ['allowedValues', 'minLength', 'minValue', '$ref', 'items', 'nullable'];
    const { parameters } = z
      .object({ parameters: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(JSON.parse(compiled.get('main.bicep') ?? ''));
    const free = Object.entries(parameters)
      .filter(([, one]) => !bounds.some((bound) => bound in one) && one.type !== 'bool')
      .map(([name]) => name);
    // A name of Azure's, and an address space, which ARM checks before it deploys.
    expect(free).toEqual(['location', 'networkAddressPrefix']);
  });

  describe('the rights of the workflows', () => {
    const roleNamed = (name: string) =>
      ofType('bootstrap', 'Authorization/roleDefinitions').find(({ properties }) =>
        Object(properties).roleName.includes(` ${name} `),
      );
    const roleOf = ({ properties }: Resource) =>
      z.looseObject({ roleDefinitionId: z.string() }).parse(properties).roleDefinitionId.split('/').at(-1);

    test('end at the resource group: main.bicep deploys there, and writes no lock, no budget and nothing above', () => {
      expect(compiled.get('main.bicep')).toContain('/deploymentTemplate.json#"');
      for (const { id, type } of services.flatMap(allOf)) {
        expect(type).not.toMatch(/\/(?:locks|budgets|roleDefinitions|activityLogAlerts)$/);
        expect(id).toMatch(/\/resourceGroups\/rg-playprompt\/|'rg-playprompt'/);
      }
    });

    test('do not reach further than to list the regions', () => {
      const outside = allOf('bootstrap').filter(({ id }) => !id.includes('/resourceGroups/rg-playprompt-production'));
      expect(outside.map(({ type }) => type.split('/').at(-1)).sort()).toEqual(['roleAssignments', 'roleDefinitions']);
      expect(roleNamed('regions')?.properties).toMatchObject({
        permissions: [{ actions: ['Microsoft.Web/geoRegions/read'] }],
      });
    });

    test('to deploy are Contributor, and the assignment of the roles that main.bicep assigns', () => {
      const assigned = [...new Set(everyone('Authorization/roleAssignments').map(roleOf))].sort();
      const [owned, conditional] = ofType('bootstrap', 'Authorization/roleAssignments').filter(({ id }) =>
        id.includes('/resourceGroups/'),
      );
      expect(owned && roleOf(owned)).toBe('b24988ac-6180-42a0-ab88-20f7382dd24c');
      expect(conditional && roleOf(conditional)).toBe('f58310d9-a9f6-439a-9e8d-f62e7b41a168');
      const { condition } = z.looseObject({ condition: z.string() }).parse(conditional?.properties);
      const allowed = [...condition.matchAll(/GuidEquals \{([^}]+)\}/g)].map(([, ids = '']) => ids.split(', ').sort());
      expect(allowed).toEqual([assigned, assigned]);
      expect(condition).toContain('@Request[Microsoft.Authorization/roleAssignments:PrincipalType]');
    });

    test('belong to the jobs of one environment; those of a pull request read the types that are deployed, and no log', () => {
      const type = 'ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials';
      expect(ofType('bootstrap', type).map(({ properties }) => Object(properties).subject)).toEqual([
        'repo:contoso/prompts:environment:production',
        'repo:contoso/prompts:pull_request',
      ]);
      const [{ actions }] = z
        .looseObject({ permissions: z.tuple([z.object({ actions: z.array(z.string()) })]) })
        .parse(roleNamed('what-if')?.properties).permissions;
      const types = [...new Set(services.flatMap(allOf).map((one) => `${one.type}/read`))];
      expect(actions.filter((action) => !action.startsWith('Microsoft.Resources/')).sort()).toEqual(types.sort());
      expect(actions.join()).not.toMatch(/\*|write|delete|query/);
    });

    test.each([...services, 'bootstrap'] as const)(
      'of %s are named by their principal, so that another gets its own',
      (name) => {
        const assignments = allOf(name).filter(({ type }) => /roleAssignments$/i.test(type));
        expect(assignments.length).toBeGreaterThan(1);
        for (const { id } of assignments) expect(id).toMatch(/principalId/);
      },
    );
  });

  test('the owner’s bootstrap has a lock, a budget that starts on a fixed day, and an alert on Azure itself', () => {
    expect(only('bootstrap', 'Authorization/locks')?.properties).toMatchObject({ level: 'CanNotDelete' });
    expect(only('bootstrap', 'Consumption/budgets')?.properties).toMatchObject({
      amount: 1000,
      timePeriod: { startDate: '2026-12-01' },
      notifications: { actual: { threshold: 80, contactEmails: ['a@example.com'] }, forecasted: { threshold: 100 } },
    });
    expect(only('bootstrap', 'Insights/activityLogAlerts')?.properties).toMatchObject({
      scopes: ['/subscriptions/00000000-0000-0000-0000-000000000000'],
      condition: { allOf: [{ field: 'category', equals: 'ServiceHealth' }, expect.anything()] },
    });
    for (const type of ['Authorization/locks', 'Consumption/budgets', 'Insights/activityLogAlerts']) {
      expect(ofType('bootstrapWithoutOptions', type)).toEqual([]);
    }
  });

  describe('no secret', () => {
    test('is taken, made or returned', () => {
      for (const text of compiled.values()) {
        expect(text).not.toMatch(/securestring|secureobject|listKeys|listAccountSas|AccountKey=|"SharedAccess/i);
      }
    });

    test.each(services)('opens anything of %s: neither stores nor Application Insights take keys', (name) => {
      const closed: readonly [type: string, properties: object][] = [
        ['Storage/storageAccounts', { allowSharedKeyAccess: false, allowBlobPublicAccess: false }],
        ['DocumentDB/databaseAccounts', { disableLocalAuth: true }],
        ['Insights/components', { DisableLocalAuth: true }],
        ['OperationalInsights/workspaces', { features: { disableLocalAuth: true } }],
        ['Web/sites/basicPublishingCredentialsPolicies', { allow: false }],
        ['Web/sites', { siteConfig: { ftpsState: 'Disabled' } }],
      ];
      for (const [type, properties] of closed) {
        for (const one of ofType(name, type)) expect(one.properties).toMatchObject(properties);
      }
      expect(ofType(name, 'Web/sites/basicPublishingCredentialsPolicies')).toHaveLength(2);
    });
  });

  describe('the network', () => {
    const groupIds = (name: Deployment) =>
      [...textOf(name, 'Network/privateEndpoints').matchAll(/"groupIds":\["(\w+)"\]/g)].map(([, group]) => group);

    test.each(services)('of %s has private endpoints alone for the stores, and no service endpoint', (name) => {
      for (const type of ['Storage/storageAccounts', 'DocumentDB/databaseAccounts']) {
        for (const { properties } of ofType(name, type)) {
          expect(properties).toMatchObject({ publicNetworkAccess: 'Disabled' });
          expect(properties).not.toHaveProperty('virtualNetworkRules');
        }
      }
      expect(JSON.stringify(allOf(name))).not.toContain('serviceEndpoints');
      expect(groupIds(name)).toEqual(['blob', name.toLowerCase().includes('cosmos') ? 'Table' : 'table']);
    });

    test('keeps subnets that others add, since it names none of them, and has a security group on each of its own', () => {
      for (const { properties } of everyone('Network/virtualNetworks'))
        expect(properties).not.toHaveProperty('subnets');
      const subnets = ofType('production', 'Network/virtualNetworks/subnets').map(({ properties }) => properties);
      expect(subnets).toMatchObject([
        {
          networkSecurityGroup: { id: expect.stringContaining('nsg-app-') },
          delegations: [{ properties: { serviceName: 'Microsoft.App/environments' } }],
        },
        {
          networkSecurityGroup: { id: expect.stringContaining('nsg-endpoints-') },
          privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled',
        },
      ]);
      const [, group] = ofType('production', 'Network/networkSecurityGroups');
      expect(Object(group?.properties).securityRules).toMatchObject([
        { properties: { access: 'Allow', sourceAddressPrefix: '10.0.0.0/24', destinationPortRange: '443' } },
        { properties: { access: 'Deny', sourceAddressPrefix: '*' } },
      ]);
    });

    test('sends through a NAT gateway that is named', () => {
      expect(textOf('nat', 'Network/virtualNetworks/subnets')).toContain(
        `"natGateway":{"id":"${HUB}/natGateways/nat"}`,
      );
    });

    test('can be an existing one, with existing zones', () => {
      for (const type of ['virtualNetworks', 'virtualNetworks/subnets', 'networkSecurityGroups']) {
        expect(ofType('hub', `Network/${type}`)).toEqual([]);
      }
      expect(compiled.get('main.bicep')).toContain("[coalesce(tryGet(parameters('subnets'), 'app'), ");
      expect(textOf('hub', 'Network/privateEndpoints')).toContain(`"${HUB}/virtualNetworks/hub/subnets/endpoints"`);
      // The zone of blobs is its own, and is linked to that network.
      expect(only('hub', 'Network/privateDnsZones')?.id).toContain('privatelink.blob');
      expect(only('hub', 'Network/privateDnsZones/virtualNetworkLinks')?.properties).toMatchObject({
        virtualNetwork: { id: `${HUB}/virtualNetworks/hub` },
      });
      expect(textOf('hub', 'Network/privateEndpoints/privateDnsZoneGroups')).toContain(
        `${HUB}/privateDnsZones/privatelink.table`,
      );
    });

    test('gives each kind of store a private endpoint of its own, whose target Azure does not let change', () => {
      const nameOf = (name: Deployment) => ofType(name, 'Network/privateEndpoints')[1]?.id.split('/').at(-1);
      expect(nameOf('cosmos')).not.toBe(nameOf('restricted'));
    });

    test('takes https from TLS 1.2 on, which every location of the availability test speaks', () => {
      for (const { properties } of everyone('Web/sites')) {
        expect(properties).toMatchObject({ httpsOnly: true, siteConfig: { minTlsVersion: '1.2' } });
      }
      const availability = only('production', 'Insights/webtests')?.properties;
      expect(Object(availability).Locations).toHaveLength(5);
      expect(JSON.stringify(availability)).toContain('/health/ready');
    });

    test('admits everyone, or the named sources and the availability test', () => {
      const rulesOf = (name: Deployment) => Object(only(name, 'Web/sites')?.properties).siteConfig;
      expect(rulesOf('production')).toMatchObject({
        ipSecurityRestrictionsDefaultAction: 'Allow',
        ipSecurityRestrictions: [],
        cors: { allowedOrigins: [] },
      });
      expect(rulesOf('restricted')).toMatchObject({
        ipSecurityRestrictionsDefaultAction: 'Deny',
        ipSecurityRestrictions: [
          { ipAddress: '203.0.113.0/24', tag: 'Default' },
          { ipAddress: 'AzureFrontDoor.Backend', tag: 'ServiceTag', headers: { 'x-azure-fdid': [AUDIENCE] } },
          { ipAddress: 'ApplicationInsightsAvailability', tag: 'ServiceTag' },
        ],
        cors: { allowedOrigins: ['https://app.example'] },
      });
    });

    test('is tested through the gateway that callers use', () => {
      expect(Object(only('gateway', 'Web/sites')?.properties).siteConfig.ipSecurityRestrictions).toHaveLength(1);
      expect(textOf('gateway', 'Insights/webtests')).toContain('"https://gateway.example/prompts/health/ready"');
    });
  });

  test('staging is production in smaller sizes and in one zone: same resources, same rules', () => {
    const kinds = (name: Deployment) => Array.from(allOf(name), ({ type }) => type).sort();
    expect(kinds('staging')).toEqual(kinds('production'));
    const shared = ['siteConfig', 'publicNetworkAccess', 'networkAcls', 'securityRules'];
    const pick = (name: Deployment, type: string) =>
      allOf(name)
        .filter((one) => one.type === type)
        .map(({ properties }) => shared.map((key) => Object(properties)[key]));
    for (const type of new Set(kinds('staging'))) expect(pick('staging', type)).toEqual(pick('production', type));
    expect(only('production', 'Web/serverfarms')?.properties).toMatchObject({ zoneRedundant: true });
    expect(only('staging', 'Web/serverfarms')?.properties).toMatchObject({ zoneRedundant: false });
  });

  test('both environments fit into the memory that a subscription has in a region', () => {
    const sizes = (['staging', 'production'] as const).map((name) => {
      const { functionAppConfig } = Object(only(name, 'Web/sites')?.properties);
      const { maximumInstanceCount, instanceMemoryMB } = functionAppConfig.scaleAndConcurrency;
      return maximumInstanceCount * instanceMemoryMB;
    });
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(512_000);
  });

  describe('the stores', () => {
    const skus = (name: Deployment) => ofType(name, 'Storage/storageAccounts').map(({ sku }) => Object(sku).name);
    const account = (name: Deployment) => Object(only(name, 'DocumentDB/databaseAccounts')?.properties);

    test('are in all zones if they are asked for, and in a second region if one is named', () => {
      expect(skus('staging')).toEqual(['Standard_LRS', 'Standard_LRS']);
      expect(skus('production')).toEqual(['Standard_ZRS', 'Standard_ZRS']);
      expect(skus('georedundant')).toEqual(['Standard_ZRS', 'Standard_GZRS']);
      expect(account('cosmos').locations).toMatchObject([{ locationName: 'westeurope', isZoneRedundant: true }]);
      expect(account('georedundantCosmos').locations).toMatchObject([
        { locationName: 'westeurope', failoverPriority: 0 },
        { locationName: 'northeurope', failoverPriority: 1 },
      ]);
    });

    test('of Azure Cosmos DB gain a region without any other change, since Azure refuses the two together', () => {
      expect({ ...account('georedundantCosmos'), locations: [] }).toEqual({ ...account('cosmos'), locations: [] });
    });

    test.each([
      // A partition, then the account.
      ['production', 'ResponseType', ['ClientThrottlingError', 'ClientAccountRequestThrottlingError']],
      ['cosmos', 'StatusCode', ['429']],
    ] as const)('of %s raise an alert when they throttle', (name, dimension, values) => {
      const alert = ofType(name, 'Insights/metricAlerts').find(({ id }) => id.endsWith('storeThrottling'));
      for (const part of [dimension, ...values]) expect(JSON.stringify(alert)).toContain(`"${part}"`);
    });
  });

  describe('the app', () => {
    test.each(services)('of %s starts with its settings, and gets none that is not used', (name) => {
      const settings = settingsOf(name);
      const ofHost = /^(?:AzureWebJobs\w+|FUNCTIONS_\w+|OTEL_EXPORTER_OTLP_PROTOCOL)$/;
      expect(Object.keys(settings).filter((key) => !settingNames.includes(key) && !ofHost.test(key))).toEqual([]);
      const { auth, tables, telemetry } = readSettings({
        ...settings,
        TABLES_ENDPOINT: 'https://store.example',
        AZURE_CLIENT_ID: AUDIENCE,
        APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${TENANT};IngestionEndpoint=https://in.example/`,
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `ClientId=${AUDIENCE};Authorization=AAD`,
      });
      expect(auth.tenants).toContain(TENANT);
      expect(tables).toMatchObject({ endpoint: 'https://store.example', managedIdentityClientId: AUDIENCE });
      expect(telemetry.traceRatio).toBe(name === 'production' ? 0.01 : 1);
    });

    test('gets everything that a deployment chooses, and nothing for what it leaves empty', () => {
      expect(settingsOf('cosmos')).toMatchObject({ ...chosen, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' });
      const empty = [
        'KEEP_FINAL_STATUS',
        'OVERDUE_MINUTES',
        'RETENTION_DAYS',
        'NOTIFICATION_HOSTS',
        'OTEL_EXPORTER_OTLP_PROTOCOL',
      ];
      for (const name of empty) expect(Object.keys(settingsOf('production'))).not.toContain(name);
      const { properties } = z
        .object({
          definitions: z.object({
            Settings: z.object({
              properties: z.record(z.string(), z.object({ nullable: z.boolean().default(false) })),
            }),
          }),
        })
        .parse(JSON.parse(compiled.get('main.bicep') ?? '')).definitions.Settings;
      expect(Object.keys(properties).sort()).toEqual(Object.keys(chosen).sort());
      const required = Object.entries(properties).filter(([, { nullable }]) => !nullable);
      expect(required.map(([key]) => key).sort()).toEqual(['AUTH_AUDIENCES', 'AUTH_TENANTS']);
    });

    test('is its identity everywhere: for its package, the host’s storage, the table and telemetry', () => {
      expect(settingsOf('production')).toMatchObject({
        AzureWebJobsStorage__credential: 'managedidentity',
        AzureWebJobsDisableHomepage: 'true',
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: expect.stringContaining('Authorization=AAD'),
      });
      expect(only('production', 'Web/sites')).toMatchObject({
        identity: { type: 'UserAssigned' },
        properties: {
          functionAppConfig: {
            deployment: { storage: { type: 'blobContainer', authentication: { type: 'UserAssignedIdentity' } } },
          },
        },
      });
      const scopes = ofType('production', 'Authorization/roleAssignments').map(
        ({ id }) => /Microsoft\.(?:Ins|Sto).*?(?=',|\/providers)/.exec(id)?.[0],
      );
      expect(scopes.map((scope) => scope?.replace(/st(host|ops)\w+/, 'st$1')).sort()).toEqual([
        'Microsoft.Insights/components/appi-playprompt-production',
        'Microsoft.Storage/storageAccounts/sthost',
        'Microsoft.Storage/storageAccounts/stops/tableServices/default/tables/playPromptOperations',
      ]);
    });

    test('gets no more requests at once than host.json lets run, and others wait', () => {
      const { maxConcurrentRequests, maxOutstandingRequests } = z
        .object({ maxConcurrentRequests: z.number(), maxOutstandingRequests: z.number() })
        .parse(JSON.parse(readFileSync('host.json', 'utf8')).extensions.http);
      expect(maxConcurrentRequests).toBeLessThanOrEqual(maxOutstandingRequests);
      expect(textOf('production', 'Web/sites')).toContain(`"perInstanceConcurrency":${maxConcurrentRequests}`);
    });
  });

  test('logs go to one place, up to a daily cap, by a sampler that the host knows', () => {
    expect(everyone('Insights/diagnosticSettings')).toEqual([]);
    expect(only('production', 'OperationalInsights/workspaces')?.properties).toMatchObject({
      workspaceCapping: { dailyQuotaGb: 20 },
    });
    expect(settingsOf('production')).toMatchObject({
      OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage',
      OTEL_TRACES_SAMPLER_ARG: '0.01',
    });
  });

  describe('alerts', () => {
    const rulesOf = (name: Deployment) =>
      [...ofType(name, 'Insights/metricAlerts'), ...ofType(name, 'Insights/scheduledQueryRules')].map((rule) => ({
        ...rule,
        name: rule.id.split('-').at(-1) ?? '',
        text: JSON.stringify(rule),
      }));

    test('are all in the runbook, and notify those who are named', () => {
      const runbook = readFileSync('docs/runbook.md', 'utf8').split('\n## Alerts\n')[1]?.split('\n## ')[0] ?? '';
      const described = [...runbook.matchAll(/^- \*\*`(\w+)`\*\* \((\d)\)/gm)].map(([, name, severity]) => [
        name,
        Number(severity),
      ]);
      const rules = rulesOf('cosmos');
      expect(described.sort()).toEqual(
        [...rules.map(({ name, properties }) => [name, Object(properties).severity]), ['serviceHealth', 0]].sort(),
      );
      for (const { text } of rules) expect(text).toContain('outputs.actionGroupId');
      expect(textOf('production', 'Insights/actionGroups')).toContain('"emailAddress":"b@example.com"');
    });

    test('on logs are created before the tables are, and a rare request fires none', () => {
      for (const { properties, text, name } of rulesOf('cosmos').filter(({ text }) => text.includes('"LogAlert"'))) {
        expect(properties).toMatchObject({ skipQueryValidation: true });
        if (/100\.0 \* counted|percentile/.test(text))
          expect([name, text]).toEqual([name, expect.stringContaining('>= 50')]);
      }
    });

    test('on logs have valid queries, with the column that is compared with the threshold', () => {
      const queries = queriesIn(textOf('cosmos', 'Insights/scheduledQueryRules'));
      expect(queries.length).toBe(11);
      for (const query of queries) {
        const { columns, faults } = analyze(query);
        const value = expect.stringMatching(/^value: (?:real|int|long)$/);
        expect({ query, columns, faults }).toEqual({ query, columns: expect.arrayContaining([value]), faults: [] });
      }
    });

    test('on notifications and on what is overdue are for those who have any', () => {
      const names = (name: Deployment) => rulesOf(name).map((rule) => rule.name);
      expect(names('cosmos')).toEqual(expect.arrayContaining(['notifications', 'timer', 'overdue']));
      for (const name of ['timer', 'overdue']) expect(names('production')).not.toContain(name);
    });
  });
});

// Azure checks no query before its tables exist.
describe('queries', () => {
  const workbook = readFileSync('infra/workbook.json', 'utf8');

  test('of the workbook are valid', () => {
    const queries = queriesIn(workbook).map((query) => query.replaceAll('{TimeRange:grain}', '5m'));
    expect(queries.length).toBeGreaterThan(10);
    for (const query of queries) expect([query, analyze(query).faults]).toEqual([query, []]);
  });

  test('name metrics of the app and of the host', () => {
    const text = workbook + readFileSync('infra/modules/alerts.bicep', 'utf8');
    const named = [...text.matchAll(/Name (?:==|in) \(?((?:\\?"[\w.]+\\?"(?:, )?)+)/g)].flatMap(
      ([, names = '']) => names.match(/[\w.]+/g) ?? [],
    );
    expect(new Set(named).size).toBeGreaterThan(5);
    const documented = readFileSync('docs/settings.md', 'utf8');
    for (const name of named) expect(documented).toContain(`\`${name}\``);
  });

  test('with a column that does not exist would be found', () => {
    expect(analyze('AppMetrics | where Nam == "a"').faults.join()).toContain("The name 'Nam' does not refer");
  });
});
