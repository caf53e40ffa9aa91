// What infra/ deploys: it compiles and lints without a word, and Bicep's own evaluation of it, for each environment and
// each option, has the properties that keep the service safe and affordable.
import { globSync, readdirSync, readFileSync } from 'node:fs';
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

/** A file of parameters of main.bicep. */
const main = (lines: string, settings: Partial<typeof chosen> = {}, name = 'other') => `using 'main.bicep'
param environmentName = '${name}'
param settings = {
${Object.entries({ ...chosen, ...settings })
  .map(([key, value]) => `  ${key}: '${value}'`)
  .join('\n')}
}
${lines}
`;
/** A file of parameters of bootstrap.bicep. */
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
    { PUBLIC_URL: '' },
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
const isDeployment = (name: string): name is Deployment => name in evaluated;
const deployments = Object.keys(evaluated).filter(isDeployment);
const services = deployments.filter((name) => !name.startsWith('bootstrap'));

/** What the message names, and the parameters that are refused with it. */
const refused: readonly (readonly [named: string, parameters: string])[] = [
  ['environmentName AUTH_TENANTS', main('', { AUTH_TENANTS: `${TENANT},contoso.com` }, 'Production')],
  ['environmentName AUTH_TENANTS', main('', { AUTH_TENANTS: TENANT.slice(1) }, 'test-')],
  ['AUTH_TENANTS', main('', { AUTH_TENANTS: '' })],
  ['KEEP_FINAL_STATUS OVERDUE_MINUTES', main('', { KEEP_FINAL_STATUS: 'yes', OVERDUE_MINUTES: '5m' })],
  ['RETENTION_DAYS PUBLIC_URL', main('', { RETENTION_DAYS: 'thirty', PUBLIC_URL: 'https://gateway.example/' })],
  ['cosmosMaxThroughput alertEmails', main("param cosmosMaxThroughput = 1500\nparam alertEmails = ['on-call']")],
  ['allowedSources frontDoorId', main("param allowedSources = ['203.0.113.7']\nparam frontDoorId = 'fd'")],
  ['natGatewayId', main("param natGatewayId = 'n'\nparam subnets = { app: 'a', endpoints: 'e' }")],
  ['101', main('param tracePercentage = 101')],
  // As on GitHub, where a variable that nobody has set is empty.
  ['ALERT_EMAILS', production.replaceAll("'ALERT_EMAILS'", "'UNSET'")],
  [
    'repository monthlyBudget budgetStart alertEmails',
    bootstrap('param monthlyBudget = 1000').replace('contoso/prompts', 'prompts'),
  ],
  ['budgetStart', bootstrap(budget.replace('12-01', '12-15'))],
];

const { maxConcurrentRequests } = JSON.parse(readFileSync('host.json', 'utf8')).extensions.http;
const containing = (text: string): unknown => expect.stringContaining(text);
const matching = (part: object): unknown => expect.objectContaining(part);
const FEDERATED = 'ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials';

type Facts = Readonly<Record<string, unknown>>;

/**
 * What each deployment has: the value of a property, by the type of its resource and its path. Where there are several of a
 * type, a number chooses one of them; without a path, all of them are compared.
 */
const facts: Readonly<Partial<Record<Deployment, Facts>>> = {
  bootstrap: {
    'Authorization/locks level': 'CanNotDelete',
    'Consumption/budgets amount': 1000,
    'Consumption/budgets timePeriod.startDate': '2026-12-01',
    'Consumption/budgets notifications.actual': matching({ threshold: 80, contactEmails: ['a@example.com'] }),
    'Consumption/budgets notifications.forecasted': matching({ threshold: 100 }),
    // Azure itself has an incident.
    'Insights/activityLogAlerts scopes': ['/subscriptions/00000000-0000-0000-0000-000000000000'],
    'Insights/activityLogAlerts condition.allOf.0': { field: 'category', equals: 'ServiceHealth' },
    // The jobs of one environment, and those of a pull request.
    [`${FEDERATED} 0.subject`]: 'repo:contoso/prompts:environment:production',
    [`${FEDERATED} 1.subject`]: 'repo:contoso/prompts:pull_request',
  },
  bootstrapWithoutOptions: {
    'Authorization/locks': [],
    'Consumption/budgets': [],
    'Insights/activityLogAlerts': [],
  },
  staging: {
    'Storage/storageAccounts 0.sku.name': 'Standard_LRS',
    'Storage/storageAccounts 1.sku.name': 'Standard_LRS',
    'Web/serverfarms zoneRedundant': false,
  },
  production: {
    'Storage/storageAccounts 0.sku.name': 'Standard_ZRS',
    'Storage/storageAccounts 1.sku.name': 'Standard_ZRS',
    'Web/serverfarms zoneRedundant': true,
    // Each subnet has a security group, and only the app reaches the private endpoints of the stores.
    'Network/virtualNetworks/subnets 0.networkSecurityGroup.id': containing('nsg-app-'),
    'Network/virtualNetworks/subnets 0.delegations.0.properties.serviceName': 'Microsoft.App/environments',
    'Network/virtualNetworks/subnets 1.networkSecurityGroup.id': containing('nsg-endpoints-'),
    'Network/virtualNetworks/subnets 1.privateEndpointNetworkPolicies': 'NetworkSecurityGroupEnabled',
    'Network/networkSecurityGroups 1.securityRules': [
      {
        name: 'app',
        properties: matching({ access: 'Allow', sourceAddressPrefix: '10.0.0.0/24', destinationPortRange: '443' }),
      },
      { name: 'others', properties: matching({ access: 'Deny', sourceAddressPrefix: '*' }) },
    ],
    'Network/privateEndpoints length': 2,
    'Network/privateEndpoints 0.privateLinkServiceConnections.0.properties.groupIds': ['blob'],
    'Network/privateEndpoints 1.privateLinkServiceConnections.0.properties.groupIds': ['table'],
    'Network/privateEndpoints 1.id': containing('/pe-operations-storage-'),
    // Everyone is admitted.
    'Web/sites siteConfig.ipSecurityRestrictionsDefaultAction': 'Allow',
    'Web/sites siteConfig.ipSecurityRestrictions': [],
    'Web/sites siteConfig.cors.allowedOrigins': [],
    'Insights/webtests Locations.length': 5,
    'Insights/webtests Request.RequestUrl': containing('/health/ready'),
    // Its identity gets the app its package, the storage of the host, and telemetry.
    'Web/sites identity.type': 'UserAssigned',
    'Web/sites functionAppConfig.deployment.storage.type': 'blobContainer',
    'Web/sites functionAppConfig.deployment.storage.authentication.type': 'UserAssignedIdentity',
    'Web/sites functionAppConfig.scaleAndConcurrency.triggers.http.perInstanceConcurrency': maxConcurrentRequests,
    'Web/sites/config AzureWebJobsStorage__credential': 'managedidentity',
    'Web/sites/config APPLICATIONINSIGHTS_AUTHENTICATION_STRING': containing('Authorization=AAD'),
    'Web/sites/config AzureWebJobsDisableHomepage': 'true',
    'Web/sites/basicPublishingCredentialsPolicies length': 2,
    // The host knows this sampler.
    'Web/sites/config OTEL_TRACES_SAMPLER': 'microsoft.fixed_percentage',
    'Web/sites/config OTEL_TRACES_SAMPLER_ARG': '0.01',
    'OperationalInsights/workspaces workspaceCapping.dailyQuotaGb': 20,
    'Insights/actionGroups emailReceivers.1.emailAddress': 'b@example.com',
  },
  cosmos: {
    'DocumentDB/databaseAccounts locations': [matching({ locationName: 'westeurope', isZoneRedundant: true })],
    // Azure does not let the target of a private endpoint change: another kind of store has another one.
    'Network/privateEndpoints 1.privateLinkServiceConnections.0.properties.groupIds': ['Table'],
    'Network/privateEndpoints 1.id': containing('/pe-operations-cosmos-'),
    'Web/sites/config properties': matching({ ...chosen, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }),
  },
  georedundant: {
    'Storage/storageAccounts 0.sku.name': 'Standard_ZRS',
    'Storage/storageAccounts 1.sku.name': 'Standard_GZRS',
  },
  georedundantCosmos: {
    'DocumentDB/databaseAccounts locations': [
      matching({ locationName: 'westeurope', failoverPriority: 0 }),
      matching({ locationName: 'northeurope', failoverPriority: 1 }),
    ],
  },
  restricted: {
    'Web/sites siteConfig.ipSecurityRestrictionsDefaultAction': 'Deny',
    'Web/sites siteConfig.ipSecurityRestrictions': [
      matching({ ipAddress: '203.0.113.0/24', tag: 'Default' }),
      matching({ ipAddress: 'AzureFrontDoor.Backend', tag: 'ServiceTag', headers: { 'x-azure-fdid': [AUDIENCE] } }),
      matching({ ipAddress: 'ApplicationInsightsAvailability', tag: 'ServiceTag' }),
    ],
    'Web/sites siteConfig.cors.allowedOrigins': ['https://app.example'],
  },
  // It alone is admitted: the availability test goes through it too.
  gateway: {
    'Web/sites siteConfig.ipSecurityRestrictions.length': 1,
    'Insights/webtests Request.RequestUrl': 'https://gateway.example/prompts/health/ready',
  },
  nat: {
    'Network/virtualNetworks/subnets 0.natGateway.id': `${HUB}/natGateways/nat`,
  },
  hub: {
    'Network/virtualNetworks': [],
    'Network/virtualNetworks/subnets': [],
    'Network/networkSecurityGroups': [],
    'Network/privateEndpoints 0.subnet.id': `${HUB}/virtualNetworks/hub/subnets/endpoints`,
    // The zone of blobs is its own, and is linked to the existing network.
    'Network/privateDnsZones id': containing('privatelink.blob'),
    'Network/privateDnsZones/virtualNetworkLinks virtualNetwork.id': `${HUB}/virtualNetworks/hub`,
    'Network/privateEndpoints/privateDnsZoneGroups 1.privateDnsZoneConfigs.0.properties.privateDnsZoneId': `${HUB}/privateDnsZones/privatelink.table.core.windows.net`,
  },
};

/** What each resource of a type has in every deployment of the service. */
const everywhere: Facts = {
  'Storage/storageAccounts allowSharedKeyAccess': false,
  'Storage/storageAccounts allowBlobPublicAccess': false,
  'Storage/storageAccounts publicNetworkAccess': 'Disabled',
  'DocumentDB/databaseAccounts disableLocalAuth': true,
  'DocumentDB/databaseAccounts publicNetworkAccess': 'Disabled',
  'Insights/components DisableLocalAuth': true,
  'OperationalInsights/workspaces features.disableLocalAuth': true,
  'Web/sites/basicPublishingCredentialsPolicies allow': false,
  'Web/sites siteConfig.ftpsState': 'Disabled',
  'Web/sites httpsOnly': true,
  // Every location of the availability test speaks it.
  'Web/sites siteConfig.minTlsVersion': '1.2',
  // Subnets that others add stay.
  'Network/virtualNetworks properties': expect.not.objectContaining({ subnets: expect.anything() }),
};

const analyze = loadLanguageService();

const describeWithBicep = bicepPath === undefined ? describe.skip : describe;

describeWithBicep('what infra/ deploys', () => {
  const snapshots = new Map<Deployment, readonly Resource[]>();
  const compiled = { main: '', bootstrap: '' };
  let bicep: Infrastructure;

  beforeAll(async () => {
    const env = { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: AUDIENCE, ALERT_EMAILS: 'a@example.com, b@example.com' };
    bicep = await startBicep(bicepPath ?? '', env);
    for (const name of ['main', 'bootstrap'] as const) compiled[name] = await bicep.compile(`${name}.bicep`);
    for (const name of ['staging', 'production']) await bicep.compile(`main.${name}.bicepparam`);
    for (const name of deployments) snapshots.set(name, await bicep.evaluate(evaluated[name]));
  }, 300_000);
  afterAll(() => bicep.end());

  const allOf = (name: Deployment) => snapshots.get(name) ?? [];
  const ofType = (name: Deployment, type: string) => allOf(name).filter((one) => one.type === `Microsoft.${type}`);
  const everyone = (type: string) => services.flatMap((name) => ofType(name, type));
  const propertiesOf = (name: Deployment, type: string) => Object(ofType(name, type)[0]?.properties);
  const settingsOf = (name: Deployment) =>
    z.record(z.string(), z.string()).parse(propertiesOf(name, 'Web/sites/config'));
  const template = () => JSON.parse(compiled.main);

  /** The resources of the type that a fact is about, each with its properties, and the path of the fact. */
  function about(fact: string, names: readonly Deployment[]) {
    const [type = '', path = ''] = fact.split(' ');
    const found = names.flatMap((name) => ofType(name, type)).map((one) => ({ ...Object(one.properties), ...one }));
    return { found, path };
  }

  describe.each(deployments.filter((name) => facts[name]))('%s has', (name) => {
    test.each(Object.entries(facts[name] ?? {}))('%s: %j', (fact, value) => {
      const { found, path } = about(fact, [name]);
      if (path === '') expect(found).toEqual(value);
      else expect(/^(?:\d|length)/.test(path) ? found : found[0]).toHaveProperty(path, value);
    });
  });

  test.each(Object.entries(everywhere))('every service has %s: %j', (fact, value) => {
    const { found, path } = about(fact, services);
    expect(found.length).toBeGreaterThan(0);
    for (const one of found) expect(one).toHaveProperty(path, value);
  });

  test.each([
    [
      'takes, makes or returns a secret',
      /securestring|secureobject|listKeys|listAccountSas|AccountKey=|"SharedAccess/i,
    ],
    ['differs from one deployment to the next', /utcNow|newGuid/],
    ['opens a store to a subnet', /serviceEndpoints|virtualNetworkRules/],
    ['sends logs to a second place', /diagnosticSettings/],
  ])('no template %s', (_what, pattern) => {
    for (const text of Object.values(compiled)) expect(text).not.toMatch(pattern);
  });

  test('every module is compiled, and none comes from elsewhere, since a closed network could not fetch it', () => {
    const text = globSync('infra/**/*.bicep')
      .map((file) => readFileSync(file, 'utf8'))
      .join('');
    for (const file of readdirSync('infra/modules')) expect(text).toContain(`'modules/${file}'`);
    expect(text).not.toMatch(/'(?:br|ts)[:/]/);
  });

  test('every resource provider is registered by the first command of the docs', () => {
    const [, registered = ''] = /for provider in ([^;]+);/.exec(readFileSync('docs/deploy.md', 'utf8')) ?? [];
    const used = deployments.flatMap(allOf).map(({ type }) => type.split(/[./]/)[1] ?? '');
    const inEverySubscription = ['Authorization', 'Consumption', 'Resources'];
    const needed = used.filter((name) => !inEverySubscription.includes(name));
    expect(registered.split(' ')).toEqual(expect.arrayContaining(needed));
  });

  test.each(refused)('what is not valid is refused before anything is deployed: %s', async (named, parameters) => {
    const message = await bicep.evaluate(parameters).catch(String);
    for (const name of named.split(' ')) expect(message).toContain(name);
  });

  test('every parameter is validated or a choice', () => {
    const bounds = ['allowedValues', 'minLength', 'minValue', '$ref', 'items', 'nullable'];
    const free = Object.entries<{ type: string }>(template().parameters)
      .filter(([, one]) => !bounds.some((bound) => bound in one) && one.type !== 'bool')
      .map(([name]) => name);
    // A name of Azure's, and an address space, which ARM checks before it deploys.
    expect(free).toEqual(['location', 'networkAddressPrefix']);
  });

  test('every setting of the app is a choice of the deployment, or is set by it, and none but two has to be chosen', () => {
    const { properties } = template().definitions.Settings;
    expect(Object.keys(properties).sort()).toEqual(Object.keys(chosen).sort());
    const required = Object.keys(properties).filter((key) => !properties[key]?.nullable);
    expect(required.sort()).toEqual(['AUTH_AUDIENCES', 'AUTH_TENANTS']);
    // The template takes no keys, names the table itself, and Azure names the site.
    const others = ['TABLES_CONNECTION', 'TABLES_NAME', 'WEBSITE_SITE_NAME'];
    expect(settingNames.filter((name) => !(name in settingsOf('cosmos')))).toEqual(others);
    const empty = ['KEEP_FINAL_STATUS', 'OVERDUE_MINUTES', 'RETENTION_DAYS', 'NOTIFICATION_HOSTS'];
    for (const name of empty) expect(settingsOf('production')).not.toHaveProperty(name);
  });

  test.each(services)('the app of %s starts with its settings, and gets none that is not used', (name) => {
    const settings = settingsOf(name);
    const ofHost = /^(?:AzureWebJobs\w+|FUNCTIONS_\w+)$/;
    const ofSdk = settings.OTEL_EXPORTER_OTLP_ENDPOINT ? ['OTEL_EXPORTER_OTLP_PROTOCOL'] : [];
    const used = [...settingNames, ...ofSdk];
    expect(Object.keys(settings).filter((key) => !used.includes(key) && !ofHost.test(key))).toEqual([]);
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

  describe('the rights of the workflows', () => {
    const actionsOf = (name: string): string[] => {
      const all = ofType('bootstrap', 'Authorization/roleDefinitions').map(({ properties }) => Object(properties));
      return all.find(({ roleName }) => roleName.includes(` ${name} `)).permissions[0].actions;
    };
    const roleOf = ({ properties }: Resource) => Object(properties).roleDefinitionId.split('/').at(-1);

    test('end at the resource group: main.bicep deploys there, and writes no lock, no budget and nothing above', () => {
      expect(compiled.main).toContain('/deploymentTemplate.json#"');
      for (const { id, type } of services.flatMap(allOf)) {
        expect(type).not.toMatch(/\/(?:locks|budgets|roleDefinitions|activityLogAlerts)$/);
        expect(id).toMatch(/\/resourceGroups\/rg-playprompt\/|'rg-playprompt'/);
      }
    });

    test('do not reach further than to list the regions', () => {
      const outside = allOf('bootstrap').filter(({ id }) => !id.includes('/resourceGroups/rg-playprompt-production'));
      expect(outside.map(({ type }) => type.split('/').at(-1)).sort()).toEqual(['roleAssignments', 'roleDefinitions']);
      expect(actionsOf('regions')).toEqual(['Microsoft.Web/geoRegions/read']);
    });

    test('to deploy are Contributor, and the assignment of the roles that main.bicep assigns', () => {
      const assigned = [...new Set(everyone('Authorization/roleAssignments').map(roleOf))].sort();
      const inGroup = ofType('bootstrap', 'Authorization/roleAssignments').filter(({ id }) =>
        id.includes('/resourceGroups/'),
      );
      expect(inGroup.slice(0, 2).map(roleOf)).toEqual([
        'b24988ac-6180-42a0-ab88-20f7382dd24c',
        'f58310d9-a9f6-439a-9e8d-f62e7b41a168',
      ]);
      const condition: string = Object(inGroup[1]?.properties).condition;
      const allowed = [...condition.matchAll(/GuidEquals \{([^}]+)\}/g)].map(([, ids = '']) => ids.split(', ').sort());
      expect(allowed).toEqual([assigned, assigned]);
      expect(condition).toContain('@Request[Microsoft.Authorization/roleAssignments:PrincipalType]');
    });

    test('of a pull request read the types that are deployed, and no log', () => {
      const actions = actionsOf('what-if').filter((action) => !action.startsWith('Microsoft.Resources/'));
      const types = new Set(services.flatMap(allOf).map(({ type }) => `${type}/read`));
      expect(actions.sort()).toEqual([...types].sort());
      expect(actionsOf('what-if').join()).not.toMatch(/\*|write|delete|query/);
    });

    test.each(deployments)('of %s are named by their principal, so that another gets its own', (name) => {
      const assignments = allOf(name).filter(({ type }) => /roleAssignments$/i.test(type));
      expect(assignments.length).toBeGreaterThan(1);
      for (const { id } of assignments) expect(id).toMatch(/principalId/);
    });
  });

  test('the identity of the app reaches its storage, its table and Application Insights, and nothing else', () => {
    const scopes = ofType('production', 'Authorization/roleAssignments').map(
      ({ id }) => /Microsoft\.(?:Ins|Sto).*?(?=',|\/providers)/.exec(id)?.[0],
    );
    expect(scopes.map((scope) => scope?.replace(/st(host|ops)\w+/, 'st$1')).sort()).toEqual([
      'Microsoft.Insights/components/appi-playprompt-production',
      'Microsoft.Storage/storageAccounts/sthost',
      'Microsoft.Storage/storageAccounts/stops/tableServices/default/tables/playPromptOperations',
    ]);
  });

  test('an app of an existing network sends from its subnet', () => {
    expect(compiled.main).toContain("[coalesce(tryGet(parameters('subnets'), 'app'), ");
  });

  test('staging is production in smaller sizes and in one zone: same resources, same rules', () => {
    const shared = ['siteConfig', 'publicNetworkAccess', 'networkAcls', 'securityRules'];
    const rulesOf = (name: Deployment) =>
      allOf(name).map(({ type, properties }) => [type, ...shared.map((key) => Object(properties)[key])]);
    expect(rulesOf('staging')).toEqual(rulesOf('production'));
  });

  test('both environments fit into the memory that a subscription has in a region', () => {
    const sizes = (['staging', 'production'] as const).map((name) => {
      const { functionAppConfig } = propertiesOf(name, 'Web/sites');
      const { maximumInstanceCount, instanceMemoryMB } = functionAppConfig.scaleAndConcurrency;
      return maximumInstanceCount * instanceMemoryMB;
    });
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(512_000);
  });

  test('Azure Cosmos DB gains a region without any other change, since Azure refuses the two together', () => {
    const [one, two] = (['cosmos', 'georedundantCosmos'] as const).map((name) => ({
      ...propertiesOf(name, 'DocumentDB/databaseAccounts'),
      locations: [],
    }));
    expect(one).toEqual(two);
  });

  describe('alerts', () => {
    const rulesOf = (name: Deployment) =>
      [...ofType(name, 'Insights/metricAlerts'), ...ofType(name, 'Insights/scheduledQueryRules')].map((rule) => ({
        ...rule,
        name: rule.id.split('-').at(-1) ?? '',
        text: JSON.stringify(rule),
      }));

    test('are all in the runbook, and notify the action group', () => {
      const runbook = readFileSync('docs/runbook.md', 'utf8').split('\n## Alerts\n')[1]?.split('\n## ')[0] ?? '';
      const described = [...runbook.matchAll(/^- \*\*`(\w+)`\*\* \((\d)\)/gm)].map((match) => match.slice(1, 3).join());
      const rules = rulesOf('cosmos');
      const severities = rules.map(({ name, properties }) => `${name},${Object(properties).severity}`);
      expect(described.sort()).toEqual([...severities, 'serviceHealth,0'].sort());
      for (const { text } of rules) expect(text).toContain('outputs.actionGroupId');
    });

    test('on logs are created before the tables are, and a rare request fires none', () => {
      for (const { properties, text, name } of rulesOf('cosmos').filter(({ text }) => text.includes('"LogAlert"'))) {
        expect(properties).toMatchObject({ skipQueryValidation: true });
        if (/100\.0 \* counted|percentile/.test(text)) expect([name, text]).toEqual([name, containing('>= 50')]);
      }
    });

    test('on logs have valid queries, with the column that is compared with the threshold', () => {
      const queries = queriesIn(JSON.stringify(ofType('cosmos', 'Insights/scheduledQueryRules')));
      expect(queries.length).toBe(11);
      const value = expect.stringMatching(/^value: (?:real|int|long)$/);
      for (const query of queries) {
        expect({ query, ...analyze(query) }).toEqual({ query, columns: expect.arrayContaining([value]), faults: [] });
      }
    });

    test('on notifications and on what is overdue are for those who have any', () => {
      const names = (name: Deployment) => rulesOf(name).map((rule) => rule.name);
      expect(names('cosmos')).toEqual(expect.arrayContaining(['notifications', 'timer', 'overdue']));
      for (const name of ['timer', 'overdue']) expect(names('production')).not.toContain(name);
    });

    test.each([
      // A partition, then the account.
      ['production', ['ResponseType', 'ClientThrottlingError', 'ClientAccountRequestThrottlingError']],
      ['cosmos', ['StatusCode', '429']],
    ] as const)('of %s fire when the store throttles', (name, parts) => {
      const alert = rulesOf(name).find((rule) => rule.name === 'storeThrottling');
      for (const part of parts) expect(alert?.text).toContain(`"${part}"`);
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
