// What infra/ deploys: it compiles and lints without a word, and Bicep's own evaluation of it, for each environment and
// each option, has the properties that keep the service safe and affordable.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { type Bicep, findBicep } from '../../infra/bicep.ts';
import { readSettings, settingNames } from '../../shared/settings.ts';

const TENANT = '11111111-1111-4111-8111-111111111111';
const AUDIENCE = '22222222-2222-4222-8222-222222222222';
const env = { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: AUDIENCE, ALERT_EMAILS: 'a@example.com, b@example.com' };

/** Every setting that a deployment may choose. */
const chosen = {
  AUTH_TENANTS: `${TENANT}, ${AUDIENCE}`,
  AUTH_AUDIENCES: AUDIENCE,
  AUTH_AUTHORITY: 'https://login.microsoftonline.us',
  AUTH_APP_ROLES: 'Calls.Initiate.All',
  AUTH_SCOPES: 'Calls.Initiate',
  AUTH_V1_ISSUER: 'https://sts.windows.net/{tenantid}/',
  AUTH_ALGORITHMS: 'RS256,PS256',
  RETENTION_DAYS: '30',
  PAGES: 'board',
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
const deployments = {
  cosmos: main("param tableStore = 'cosmos'"),
  georedundant: main("param secondaryLocation = 'northeurope'"),
  georedundantCosmos: main("param tableStore = 'cosmos'\nparam secondaryLocation = 'northeurope'"),
  restricted: main(
    `param allowedSources = ['203.0.113.0/24', 'AzureFrontDoor.Backend']\nparam frontDoorId = '${AUDIENCE}'`,
  ),
};
const bootstraps = {
  bootstrap: bootstrap(budget),
  bootstrapWithoutOptions: bootstrap('param lock = false'),
};
/** Parameters that a deployment must refuse, and what its messages must name. */
const invalid: Record<string, { readonly file: string; readonly complaints: readonly string[] }> = {
  main: {
    file: main(
      "param cosmosMaxThroughput = 1500\nparam alertEmails = ['on-call']",
      { ...chosen, AUTH_TENANTS: `${TENANT},contoso.com`, RETENTION_DAYS: 'thirty' },
      'Production',
    ),
    complaints: ['environmentName', 'AUTH_TENANTS', 'RETENTION_DAYS', 'cosmosMaxThroughput', 'alertEmails'],
  },
  shortTenant: {
    file: main('', { ...chosen, AUTH_TENANTS: TENANT.slice(1) }, 'test-'),
    complaints: ['environmentName', 'AUTH_TENANTS'],
  },
  noTenant: { file: main('', { ...chosen, AUTH_TENANTS: '' }), complaints: ['AUTH_TENANTS'] },
  sources: {
    file: main("param allowedSources = ['203.0.113.7']\nparam frontDoorId = 'fd'"),
    complaints: ['allowedSources', 'frontDoorId'],
  },
  percentage: { file: main('param tracePercentage = 101'), complaints: ['101'] },
  bootstrapFaults: {
    file: bootstrap('param monthlyBudget = 1000').replace('contoso/prompts', 'prompts'),
    complaints: ['repository', 'monthlyBudget and budgetStart', 'alertEmails'],
  },
  budgetMidMonth: { file: bootstrap(budget.replace('12-01', '12-15')), complaints: ['budgetStart'] },
};

const environments = ['staging', 'production'] as const;
type Deployment = (typeof environments)[number] | keyof typeof deployments | keyof typeof bootstraps;
const services: readonly Deployment[] = [...environments, 'cosmos', 'georedundant', 'restricted'];

const resource = z.looseObject({ id: z.string(), type: z.string(), properties: z.unknown().optional() });
const snapshot = z.object({ predictedResources: z.array(resource), diagnostics: z.array(z.unknown()) });
type Snapshot = z.infer<typeof snapshot>;
const template = z.looseObject({ $schema: z.string(), parameters: z.record(z.string(), z.unknown()) });
const templateOfMain = z.object({
  definitions: z.object({
    Settings: z.object({
      properties: z.record(z.string(), z.object({ nullable: z.boolean().default(false) })),
    }),
  }),
});

const bicep = findBicep();
if (typeof bicep === 'string') {
  console.warn(`${bicep}\nWhat infra/ deploys is not checked here.`);
  test.skip('what infra/ deploys, since the Bicep CLI is missing', () => {});
} else {
  describeInfrastructure(bicep);
}

function describeInfrastructure(bicep: Bicep) {
  const snapshots = new Map<Deployment, Snapshot>();
  const complaints = new Map<string, string>();
  const compiled = new Map<string, string>();
  let folder = '';

  beforeAll(async () => {
    mkdirSync('dist', { recursive: true });
    folder = mkdtempSync('dist/infra-');
    // host.json is where the template looks for it: in the folder above.
    cpSync('infra', join(folder, 'infra'), { recursive: true });
    cpSync('host.json', join(folder, 'host.json'));
    const fileOf = (name: string) => join(folder, 'infra', `${name}.bicepparam`);
    const files = Object.entries(invalid).map(([name, { file }]): [string, string] => [`invalid.${name}`, file]);
    for (const [name, text] of [...Object.entries({ ...deployments, ...bootstraps }), ...files]) {
      writeFileSync(fileOf(name), text);
    }
    const predict = async (name: string, file: string) => {
      const isBootstrap = readFileSync(file, 'utf8').startsWith("using 'bootstrap");
      const { output, complaints: printed } = await bicep(
        isBootstrap ? 'snapshotOfSubscription' : 'snapshot',
        file,
        env,
      );
      complaints.set(name, printed + output);
      return file.replace('.bicepparam', '.snapshot.json');
    };
    const predictAll = async (names: readonly Deployment[]) => {
      for (const name of names) {
        const isEnvironment = environments.some((one) => one === name);
        const written = await predict(name, fileOf(isEnvironment ? `main.${name}` : name));
        snapshots.set(name, snapshot.parse(JSON.parse(readFileSync(written, 'utf8'))));
      }
    };
    await Promise.all([
      predictAll([...services, 'georedundantCosmos', 'bootstrap', 'bootstrapWithoutOptions']),
      (async () => {
        for (const name of Object.keys(invalid)) await predict(name, fileOf(`invalid.${name}`));
        for (const name of ['main', 'bootstrap']) {
          const { output, complaints: printed } = await bicep('build', `infra/${name}.bicep`);
          compiled.set(name, output);
          complaints.set(`${name}.bicep`, printed);
        }
      })(),
    ]);
    // Some twenty runs of the CLI, which take minutes on a busy machine.
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const allOf = (name: Deployment) => snapshots.get(name)?.predictedResources ?? [];
  const ofType = (name: Deployment, type: string) => allOf(name).filter((one) => one.type === type);
  const only = (name: Deployment, type: string) => {
    const found = ofType(name, type);
    expect(found).toHaveLength(1);
    return found[0];
  };
  const textOf = (name: Deployment, type: string) => JSON.stringify(ofType(name, type));
  const settingsOf = (name: Deployment) =>
    z.record(z.string(), z.string()).parse(only(name, 'Microsoft.Web/sites/config')?.properties);

  test('everything compiles and lints without a word', () => {
    const valid = [...complaints].filter(([name]) => !(name in invalid));
    expect(valid.length).toBe(snapshots.size + compiled.size);
    for (const each of valid) expect(each).toEqual([each[0], '']);
    const whole = readFileSync('infra/main.bicep', 'utf8') + readFileSync('infra/bootstrap.bicep', 'utf8');
    for (const file of readdirSync('infra/modules')) expect(whole).toContain(`'modules/${file}'`);
  });

  test('no module comes from elsewhere, since a closed network could not fetch it', () => {
    for (const text of compiled.values()) expect(text).not.toBe('');
    const sources = readdirSync('infra', { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.bicep'),
    );
    for (const file of sources) expect(readFileSync(join('infra', file), 'utf8')).not.toMatch(/'(?:br|ts)[:/]/);
  });

  test.each(services)('%s is evaluated completely', (name) => {
    expect(snapshots.get(name)?.diagnostics).toEqual([]);
    expect(allOf(name).length).toBeGreaterThan(30);
  });

  test.each(Object.keys(invalid))('what is invalid in %s is refused before anything is deployed', (name) => {
    for (const complaint of invalid[name]?.complaints ?? []) expect(complaints.get(name)).toContain(complaint);
  });

  test('every parameter is validated or a choice', () => {
    const bounds = ['allowedValues', 'minValue', 'minLength', 'nullable', 'items', '$ref'];
    const free = Object.entries(template.parse(JSON.parse(compiled.get('main') ?? '')).parameters)
      .filter(([, one]) => !bounds.some((bound) => bound in Object(one)) && Object(one).type !== 'bool')
      .map(([name]) => name);
    // A name of Azure's, and an address space, which ARM checks before it deploys.
    expect(free).toEqual(['location', 'networkAddressPrefix']);
  });

  describe('the rights of the deployment identity', () => {
    test('end at the resource group: main.bicep deploys there, and writes no lock, no budget and nothing above', () => {
      expect(compiled.get('main')).toContain('/deploymentTemplate.json#"');
      for (const name of services) {
        const types = new Set(allOf(name).map(({ type }) => type));
        expect(types).not.toContain('Microsoft.Authorization/locks');
        expect(types).not.toContain('Microsoft.Consumption/budgets');
        expect(types).not.toContain('Microsoft.Authorization/roleDefinitions');
        for (const { id } of allOf(name)) expect(id).toMatch(/\/resourceGroups\/rg-playprompt\/|'rg-playprompt'/);
      }
    });

    test('are Contributor, and the assignment of the roles that main.bicep assigns', () => {
      const assigned = services.flatMap((name) =>
        ofType(name, 'Microsoft.Authorization/roleAssignments').map(({ properties }) => roleOf(properties)),
      );
      const [owned, conditional] = ofType('bootstrap', 'Microsoft.Authorization/roleAssignments');
      expect(roleOf(owned?.properties)).toBe('b24988ac-6180-42a0-ab88-20f7382dd24c');
      expect(roleOf(conditional?.properties)).toBe('f58310d9-a9f6-439a-9e8d-f62e7b41a168');
      const { condition } = z.looseObject({ condition: z.string() }).parse(conditional?.properties);
      const allowed = [...condition.matchAll(/GuidEquals \{([^}]+)\}/g)].map(([, list = '']) =>
        list.split(', ').sort(),
      );
      expect(allowed).toEqual([[...new Set(assigned)].sort(), [...new Set(assigned)].sort()]);
      expect(condition).toContain('@Request[Microsoft.Authorization/roleAssignments:PrincipalType]');
      const scopes = ofType('bootstrap', 'Microsoft.Authorization/roleAssignments').map(
        ({ id }) => id.split('/providers/')[0],
      );
      expect(new Set(scopes).size).toBe(1);
      expect(scopes[0]).toMatch(/\/resourceGroups\/rg-playprompt-production$/);
    });

    test('belong to the jobs of one environment; those of a pull request read only', () => {
      const credentials = ofType(
        'bootstrap',
        'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials',
      ).map(({ properties }) => Object(properties).subject);
      expect(credentials).toEqual(['repo:contoso/prompts:environment:production', 'repo:contoso/prompts:pull_request']);
      const role = textOf('bootstrap', 'Microsoft.Authorization/roleDefinitions');
      expect(role).toContain('*/read');
      expect(role).not.toMatch(/write|delete|"\*"/);
    });

    function roleOf(properties: unknown) {
      return z.looseObject({ roleDefinitionId: z.string() }).parse(properties).roleDefinitionId.split('/').at(-1);
    }
  });

  describe('the owner’s bootstrap', () => {
    test('has a lock, and a budget whose start does not depend on the day it is deployed', () => {
      expect(only('bootstrap', 'Microsoft.Authorization/locks')?.properties).toMatchObject({ level: 'CanNotDelete' });
      expect(only('bootstrap', 'Microsoft.Consumption/budgets')?.properties).toMatchObject({
        amount: 1000,
        timePeriod: { startDate: '2026-12-01' },
        notifications: { actual: { threshold: 80, contactEmails: ['a@example.com'] }, forecasted: { threshold: 100 } },
      });
      for (const text of compiled.values()) expect(text).not.toMatch(/utcNow|newGuid/);
    });

    test('has neither where they are not wanted', () => {
      expect(ofType('bootstrapWithoutOptions', 'Microsoft.Authorization/locks')).toEqual([]);
      expect(ofType('bootstrapWithoutOptions', 'Microsoft.Consumption/budgets')).toEqual([]);
    });
  });

  describe('no secret', () => {
    test('is taken, made or returned', () => {
      for (const text of compiled.values()) {
        expect(text).not.toMatch(/securestring|secureobject|listKeys|listAccountSas|AccountKey=|"SharedAccess/i);
      }
    });

    test.each(services)('opens anything of %s: neither stores nor Application Insights take keys', (name) => {
      for (const { properties } of ofType(name, 'Microsoft.Storage/storageAccounts')) {
        expect(properties).toMatchObject({ allowSharedKeyAccess: false, allowBlobPublicAccess: false });
      }
      for (const { properties } of ofType(name, 'Microsoft.DocumentDB/databaseAccounts')) {
        expect(properties).toMatchObject({ disableLocalAuth: true });
      }
      expect(only(name, 'Microsoft.Insights/components')?.properties).toMatchObject({ DisableLocalAuth: true });
      const policies = ofType(name, 'Microsoft.Web/sites/basicPublishingCredentialsPolicies');
      expect(policies.map(({ properties }) => properties)).toEqual([{ allow: false }, { allow: false }]);
      expect(textOf(name, 'Microsoft.Web/sites')).toContain('"ftpsState":"Disabled"');
    });
  });

  describe('the network', () => {
    test.each(services)('of %s has private endpoints alone for the stores, and no service endpoint', (name) => {
      for (const type of ['Microsoft.Storage/storageAccounts', 'Microsoft.DocumentDB/databaseAccounts']) {
        for (const { properties } of ofType(name, type)) {
          expect(properties).toMatchObject({ publicNetworkAccess: 'Disabled' });
          expect(JSON.stringify(properties)).not.toContain('virtualNetworkRules');
        }
      }
      expect(textOf(name, 'Microsoft.Network/virtualNetworks')).not.toContain('serviceEndpoints');
      expect(textOf(name, 'Microsoft.Network/virtualNetworks')).toContain('Microsoft.App/environments');
      expect(ofType(name, 'Microsoft.Network/privateDnsZones')).toHaveLength(2);
      const groups = [...textOf(name, 'Microsoft.Network/privateEndpoints').matchAll(/"groupIds":\["(\w+)"\]/g)];
      expect(groups.map(([, group]) => group)).toEqual(['blob', name === 'cosmos' ? 'Table' : 'table']);
    });

    test('gives each kind of store a private endpoint of its own, whose target Azure does not let change', () => {
      const nameOf = (name: Deployment) => ofType(name, 'Microsoft.Network/privateEndpoints')[1]?.id.split('/').at(-1);
      expect(nameOf('cosmos')).not.toBe(nameOf('restricted'));
    });

    test('takes https from TLS 1.2 on, which every location of the availability test speaks', () => {
      for (const name of services) {
        expect(only(name, 'Microsoft.Web/sites')?.properties).toMatchObject({
          httpsOnly: true,
          siteConfig: { minTlsVersion: '1.2' },
        });
      }
      const test = only('production', 'Microsoft.Insights/webtests')?.properties;
      expect(Object(test).Locations).toHaveLength(5);
      expect(JSON.stringify(test)).toContain('/health/ready');
    });

    test('admits everyone, or the named sources and the availability test', () => {
      const rules = (name: Deployment) =>
        z
          .object({
            siteConfig: z.object({
              ipSecurityRestrictionsDefaultAction: z.string(),
              ipSecurityRestrictions: z.array(
                z.object({ ipAddress: z.string(), tag: z.string(), headers: z.unknown().optional() }),
              ),
            }),
          })
          .parse(only(name, 'Microsoft.Web/sites')?.properties).siteConfig;
      expect(rules('production')).toEqual({ ipSecurityRestrictionsDefaultAction: 'Allow', ipSecurityRestrictions: [] });
      expect(rules('restricted')).toEqual({
        ipSecurityRestrictionsDefaultAction: 'Deny',
        ipSecurityRestrictions: [
          { ipAddress: '203.0.113.0/24', tag: 'Default' },
          { ipAddress: 'AzureFrontDoor.Backend', tag: 'ServiceTag', headers: { 'x-azure-fdid': [AUDIENCE] } },
          { ipAddress: 'ApplicationInsightsAvailability', tag: 'ServiceTag' },
        ],
      });
    });
  });

  test('staging differs from production in size only: it has the same resources, zones and network rules', () => {
    const kinds = (name: Deployment) =>
      allOf(name)
        .map(({ type }) => type)
        .sort();
    expect(kinds('staging')).toEqual(kinds('production'));
    const shared = ['siteConfig', 'publicNetworkAccess', 'networkAcls', 'zoneRedundant', 'sku'];
    for (const type of new Set(kinds('staging'))) {
      const pick = (name: Deployment) =>
        ofType(name, type).map((one) => {
          const all = { ...one, ...Object(one.properties) };
          return shared.map((key) => all[key]);
        });
      expect([type, pick('staging')]).toEqual([type, pick('production')]);
    }
  });

  describe('the stores', () => {
    const skus = (name: Deployment) =>
      ofType(name, 'Microsoft.Storage/storageAccounts').map(({ sku }) => Object(sku).name);
    const regions = (name: Deployment) =>
      z
        .looseObject({ locations: z.array(z.looseObject({ locationName: z.string(), failoverPriority: z.number() })) })
        .parse(only(name, 'Microsoft.DocumentDB/databaseAccounts')?.properties).locations;

    test('are in all zones, and in a second region where one is named', () => {
      expect(skus('production')).toEqual(['Standard_ZRS', 'Standard_ZRS']);
      expect(skus('georedundant')).toEqual(['Standard_ZRS', 'Standard_GZRS']);
      expect(regions('cosmos')).toMatchObject([{ locationName: 'westeurope', isZoneRedundant: true }]);
      expect(regions('georedundantCosmos').map(({ locationName }) => locationName)).toEqual([
        'westeurope',
        'northeurope',
      ]);
    });

    test('of Azure Cosmos DB gain a region without any other change, since Azure refuses the two together', () => {
      const others = (name: Deployment) => {
        const properties = Object(only(name, 'Microsoft.DocumentDB/databaseAccounts')?.properties);
        return { ...properties, locations: [] };
      };
      expect(others('georedundantCosmos')).toEqual(others('cosmos'));
    });

    test.each([
      // A partition, then the account.
      ['production', 'ResponseType', ['ClientThrottlingError', 'ClientAccountRequestThrottlingError']],
      ['cosmos', 'StatusCode', ['429']],
    ] as const)('of %s raise an alert when they throttle', (name, dimension, values) => {
      const alert = ofType(name, 'Microsoft.Insights/metricAlerts').find(({ id }) => id.endsWith('storeThrottling'));
      for (const part of [dimension, ...values]) expect(JSON.stringify(alert)).toContain(`"${part}"`);
    });
  });

  describe('the app', () => {
    test.each(services)('of %s starts with its settings, and gets none that is not used', (name) => {
      const settings = settingsOf(name);
      const ofHost = /^(?:AzureWebJobsStorage__\w+|FUNCTIONS_\w+)$/;
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
      expect(settingsOf('cosmos')).toMatchObject(chosen);
      for (const name of ['RETENTION_DAYS', 'NOTIFICATION_HOSTS']) {
        expect(Object.keys(settingsOf('production'))).not.toContain(name);
      }
      const { properties } = templateOfMain.parse(JSON.parse(compiled.get('main') ?? '')).definitions.Settings;
      expect(Object.keys(properties)).toEqual(expect.arrayContaining(Object.keys(chosen)));
      const required = Object.entries(properties).filter(([, { nullable }]) => !nullable);
      expect(required.map(([key]) => key).sort()).toEqual(['AUTH_AUDIENCES', 'AUTH_TENANTS']);
    });

    test('is its identity everywhere: for its package, the host’s storage, the table and telemetry', () => {
      expect(settingsOf('production')).toMatchObject({
        AzureWebJobsStorage__credential: 'managedidentity',
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: expect.stringContaining('Authorization=AAD'),
      });
      expect(only('production', 'Microsoft.Web/sites')).toMatchObject({
        identity: { type: 'UserAssigned' },
        properties: {
          functionAppConfig: {
            deployment: { storage: { type: 'blobContainer', authentication: { type: 'UserAssignedIdentity' } } },
          },
        },
      });
      const scopes = ofType('production', 'Microsoft.Authorization/roleAssignments').map(({ id }) =>
        id
          .split('/providers/')
          .at(-2)
          ?.replace(/st(host|ops)\w+/, 'st$1'),
      );
      expect(scopes.sort()).toEqual([
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
      expect(textOf('production', 'Microsoft.Web/sites')).toContain(
        `"perInstanceConcurrency":${maxConcurrentRequests}`,
      );
    });
  });

  describe('logs', () => {
    test('go to one place, up to a daily cap, with an alert before it', () => {
      for (const name of services) {
        expect(ofType(name, 'Microsoft.Insights/diagnosticSettings')).toEqual([]);
        const { workspaceCapping } = z
          .looseObject({ workspaceCapping: z.object({ dailyQuotaGb: z.number().positive() }) })
          .parse(only(name, 'Microsoft.OperationalInsights/workspaces')?.properties);
        const rules = ofType(name, 'Microsoft.Insights/scheduledQueryRules');
        const alert = rules.find(({ id }) => id.endsWith('logVolume'));
        expect(JSON.stringify(alert)).toContain(`/ ${workspaceCapping.dailyQuotaGb}"`);
        expect(JSON.stringify(alert)).toContain('"threshold":80');
      }
    });

    test('are sampled by a sampler that the host knows, and alert addresses are trimmed', () => {
      expect(settingsOf('production')).toMatchObject({
        OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage',
        OTEL_TRACES_SAMPLER_ARG: '0.01',
      });
      expect(textOf('production', 'Microsoft.Insights/actionGroups')).toContain('"emailAddress":"b@example.com"');
    });
  });

  test('the runbook has a paragraph for each alert, and each alert notifies the action group', () => {
    const runbook = readFileSync('docs/runbook.md', 'utf8').split('\n## Alerts\n')[1]?.split('\n## ')[0] ?? '';
    const rules = ['Microsoft.Insights/metricAlerts', 'Microsoft.Insights/scheduledQueryRules'].flatMap((type) =>
      ofType('production', type),
    );
    const names = rules.map(({ id }) => id.split('-').at(-1));
    expect(names.sort()).toEqual(
      [
        'appErrors',
        'availability',
        'hostErrors',
        'latency',
        'logVolume',
        'notifications',
        'refusedCallers',
        'storeThrottling',
      ].sort(),
    );
    for (const name of names) expect(runbook).toContain(`- **\`${name}\`** (`);
    for (const { properties } of rules) expect(JSON.stringify(properties)).toContain('outputs.actionGroupId');
  });

  test('an alert on sampled requests needs 50 rows, since one row may stand for 100 requests', () => {
    const rules = ofType('production', 'Microsoft.Insights/scheduledQueryRules').map((rule) => JSON.stringify(rule));
    const sampled = rules.filter((rule) => rule.includes('AppRequests'));
    expect(sampled).toHaveLength(2);
    for (const rule of sampled) {
      expect(rule).toContain('recorded = count()');
      expect(rule).toContain('where recorded >= 50');
    }
  });

  test('the workbook and the alerts query metrics that the app records', () => {
    const queries = readFileSync('infra/workbook.json', 'utf8') + readFileSync('infra/modules/alerts.bicep', 'utf8');
    const queried = [...queries.matchAll(/Name == \\?"([\w.]+)\\?"/g)].map(([, name = '']) => name);
    const settings = readFileSync('docs/settings.md', 'utf8');
    expect(queried.length).toBeGreaterThan(5);
    for (const name of queried) expect(settings).toContain(`| \`${name}\` |`);
    const { serializedData } = z
      .looseObject({ serializedData: z.string() })
      .parse(only('production', 'Microsoft.Insights/workbooks')?.properties);
    expect(JSON.parse(serializedData)).toEqual(JSON.parse(readFileSync('infra/workbook.json', 'utf8')));
  });
}
