import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { readSettings, type Settings, settingNames } from '../../shared/settings.ts';
import { TENANT } from '../support/operations.ts';

const OTHER = 'abcdef01-2345-4678-9abc-def012345678';
const PERSONAL = '9188040d-6c67-4c5b-b112-36a304b66dad';
const SECRET = 'c2VjcmV0LW9mLXRoZS1zdG9yZQ==';
const ACCOUNT = `AccountName=a;AccountKey=${SECRET}`;

const valid = { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: 'api://a', TABLES_CONNECTION: 'UseDevelopmentStorage=true' };
/** Good settings, of which one has this value. */
const withSetting = (name: string, value: string) => ({
  ...valid,
  ...(name === 'TABLES_ENDPOINT' && { TABLES_CONNECTION: '' }),
  [name]: value,
});

/** The lines of the message with which the start is refused, one for each fault, by the name of the setting. */
function complaints(env: Readonly<Record<string, string | undefined>>): [name: string, complaint: string][] {
  try {
    readSettings(env);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const [, ...lines] = error.message.split('\n');
    return lines.map((line) => [line.trim().split(' ')[0] ?? '', line]);
  }
  return [];
}

test('what is not set, or empty, has the default; what is no setting of the service is passed over', () => {
  const defaults = readSettings(valid);
  expect(defaults).toEqual({
    auth: {
      authority: 'https://login.microsoftonline.com',
      tenants: [TENANT],
      audiences: ['api://a'],
      appRoles: ['Calls.Initiate.All', 'Calls.AccessMedia.All'],
      scopes: [],
      v1Issuer: 'https://sts.windows.net/{tenantid}/',
      algorithms: ['RS256'],
    },
    tables: { name: 'playPromptOperations', connection: 'UseDevelopmentStorage=true' },
    keepsFinalStatus: false,
    overdue: {},
    retention: {},
    pages: [],
    notifications: { hosts: [] },
    telemetry: { serviceName: 'playpromptoperation', otlpProtocol: 'http/protobuf' },
  });
  const empty = Object.fromEntries(settingNames.map((name) => [name, '']));
  expect(readSettings({ ...empty, ...valid, PATH: '/bin', AUTH_BYPASS: 'true' })).toEqual(defaults);
});

describe('a good value is taken', () => {
  const authority = ({ auth }: Settings) => auth.authority;
  const tenants = ({ auth }: Settings) => auth.tenants;
  const connection = ({ tables }: Settings) => tables.connection;
  const endpoint = ({ tables }: Settings) => tables.endpoint;
  const receivers = ({ notifications }: Settings) => notifications.hosts;
  const collector = ({ telemetry }: Settings) => telemetry.otlpEndpoint;
  const insights = ({ telemetry }: Settings) => telemetry.applicationInsights;
  const identity = ({ telemetry }: Settings) => telemetry.identity;

  test.each<readonly [name: string, value: string, read: (settings: Settings) => unknown, expected?: unknown]>([
    ['AUTH_AUTHORITY', 'https://login.example/path//', authority, 'https://login.example/path'],
    ...['http://localhost:7072', 'http://127.0.0.1:7072', 'http://127.1.2.3', 'http://[::1]:7072'].map(
      (value) => ['AUTH_AUTHORITY', value, authority] as const,
    ),
    ['AUTH_TENANTS', ` ${TENANT} , ${OTHER},`, tenants, [TENANT, OTHER]],
    ['AUTH_TENANTS', OTHER.toUpperCase(), tenants, [OTHER]],
    ['AUTH_AUDIENCES', 'api://a , b,,', ({ auth }) => auth.audiences, ['api://a', 'b']],
    ['AUTH_APP_ROLES', 'A.All, B.All', ({ auth }) => auth.appRoles, ['A.All', 'B.All']],
    ['AUTH_SCOPES', 'Calls.Play , Other', ({ auth }) => auth.scopes, ['Calls.Play', 'Other']],
    ['AUTH_V1_ISSUER', 'https://sts.example/{tenantid}/', ({ auth }) => auth.v1Issuer],
    ['AUTH_ALGORITHMS', 'RS256, PS512 ,ES384', ({ auth }) => auth.algorithms, ['RS256', 'PS512', 'ES384']],
    ['TABLES_NAME', 'abc', ({ tables }) => tables.name],
    ['TABLES_NAME', `A${'9'.repeat(62)}`, ({ tables }) => tables.name],
    ['TABLES_NAME', 'tables2', ({ tables }) => tables.name],
    ['TABLES_ENDPOINT', 'https://a.table.core.windows.net/', endpoint, 'https://a.table.core.windows.net'],
    ['TABLES_ENDPOINT', 'https://127.0.0.1:10002/devstoreaccount1', endpoint],
    ['TABLES_CONNECTION', `DefaultEndpointsProtocol=https;${ACCOUNT};`, connection],
    ['TABLES_CONNECTION', `accountname=a;ACCOUNTKEY=${SECRET}`, connection],
    ['TABLES_CONNECTION', `${ACCOUNT};TableEndpoint=https://a.example:443/`, connection],
    ['TABLES_CONNECTION', `DefaultEndpointsProtocol=http;TableEndpoint=http://[::1]:1/a;${ACCOUNT}`, connection],
    ['TABLES_CONNECTION', ' AccountName = a ; AccountKey = b== ', connection],
    ['TABLES_CONNECTION', 'TableEndpoint=https://a.example;SharedAccessSignature=sv=1&sig=x%3D', connection],
    ['KEEP_FINAL_STATUS', 'True', ({ keepsFinalStatus }) => keepsFinalStatus, true],
    ['KEEP_FINAL_STATUS', 'false', ({ keepsFinalStatus }) => keepsFinalStatus, false],
    ['OVERDUE_MINUTES', '99999', ({ overdue }) => overdue.minutes, 99_999],
    ['RETENTION_DAYS', '1', ({ retention }) => retention.days, 1],
    ['RETENTION_DAYS', '9999', ({ retention }) => retention.days, 9999],
    ['PAGES', ' docs,board,docs', ({ pages }) => pages, ['docs', 'board']],
    ['NOTIFICATION_HOSTS', 'Bot.Example.com, *.example.org', receivers, ['bot.example.com', '*.example.org']],
    ['NOTIFICATION_HOSTS', '127.0.0.1,[::1]', receivers, ['127.0.0.1', '[::1]']],
    ['AZURE_CLIENT_ID', OTHER, ({ tables }) => tables.managedIdentityClientId],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector:4318/', collector, 'http://collector:4318'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://collector.example/otlp', collector],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json', ({ telemetry }) => telemetry.otlpProtocol],
    ['APPLICATIONINSIGHTS_CONNECTION_STRING', `InstrumentationKey=${OTHER}`, insights],
    ['APPLICATIONINSIGHTS_CONNECTION_STRING', `IngestionEndpoint=https://a/;InstrumentationKey=${OTHER};`, insights],
    ['APPLICATIONINSIGHTS_AUTHENTICATION_STRING', 'Authorization=AAD', identity, { clientId: undefined }],
    ['APPLICATIONINSIGHTS_AUTHENTICATION_STRING', `ClientId=${OTHER};Authorization=AAD`, identity, { clientId: OTHER }],
    ['WEBSITE_SITE_NAME', 'my-app', ({ telemetry }) => telemetry.serviceName],
  ])('%s %j', (name, value, read, expected = value) => {
    expect(read(readSettings(withSetting(name, value)))).toEqual(expected);
  });
});

const guids = 'a comma-separated list of tenant ids (GUIDs)';
const workOrSchool = 'tenants of work or school accounts: the tenant of personal accounts is not supported';
const algorithms = 'RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519';
const secure = 'an https address';
const secureOrLocal = `${secure} (http on loopback only)`;
const whole = 'an address without query and fragment';
const gateway = 'the address of a gateway, without user and without /v1.0';
const hosts = 'a comma-separated list of host names (such as bot.example.com or *.example.com) and IP addresses';
const tableName = 'a table name: 3 to 63 letters and digits, the first a letter, and not "tables"';
const identity = 'Authorization=AAD, with ClientId={id} for a user-assigned identity';

test.each<[name: string, wanted: string, values: readonly string[]]>([
  ['AUTH_AUTHORITY', secure, ['login.example', 'ftp://login.example', 'ws://localhost', 'xhttp://a', 'httpsx://a']],
  ['AUTH_AUTHORITY', secureOrLocal, ['http://login.example', 'http://localhost.example', 'http://0.0.0.0']],
  ['AUTH_AUTHORITY', secureOrLocal, ['http://127.0.0.1.example', 'http://127.0.0.1@login.example']],
  ['AUTH_AUTHORITY', whole, ['https://login.example?tenant=x', 'https://login.example/#x']],
  ['AUTH_TENANTS', guids, ['contoso.example', 'common', `${TENANT},common`, `${TENANT};${OTHER}`, ' , ']],
  ['AUTH_TENANTS', workOrSchool, [PERSONAL, `${TENANT}, ${PERSONAL.toUpperCase()}`]],
  ['AUTH_AUDIENCES', 'a comma-separated list of audiences', [',']],
  ['AUTH_APP_ROLES', 'a comma-separated list of app roles', [' , ']],
  ['AUTH_SCOPES', 'a comma-separated list of scopes', [',']],
  ['AUTH_V1_ISSUER', secureOrLocal, ['http://sts.windows.net/{tenantid}/']],
  ['AUTH_ALGORITHMS', 'a comma-separated list of signature algorithms', [',']],
  ['AUTH_ALGORITHMS', `a comma-separated list of ${algorithms}`, ['none', 'HS256', 'RS256,HS512', 'rs256']],
  ['TABLES_ENDPOINT', secure, ['a.table.core.windows.net']],
  ['TABLES_ENDPOINT', `${secure}, since a token is sent to it`, ['http://127.0.0.1:10002', 'http://localhost']],
  ['TABLES_NAME', tableName, ['ab', 'a'.repeat(64), '1abc', 'play-prompt', 'abc\n', 'Tables']],
  ['KEEP_FINAL_STATUS', 'true or false', ['yes', '1']],
  ['OVERDUE_MINUTES', 'a whole number of minutes from 1 to 99999', ['0', '100000', '5m']],
  ['RETENTION_DAYS', 'a whole number of days from 1 to 9999', ['0', '-1', '1.5', '10000', '30d', ' 30', '1e2']],
  ['PAGES', 'a comma-separated list of board, docs', ['true', 'board;docs', 'Board']],
  ['PAGES', 'a comma-separated list of pages', [',']],
  ['PUBLIC_URL', whole, ['https://gateway.example/?a']],
  ['PUBLIC_URL', gateway, ['https://me@gateway.example', 'https://gateway.example/prompts/v1.0']],
  ['NOTIFICATION_HOSTS', hosts, ['https://bot.example', 'bot.example/x', 'bot.example:8443', '127.1', 'a b']],
  ['NOTIFICATION_HOSTS', hosts, ['*', '*.', '*.*.example']],
  ['AZURE_CLIENT_ID', 'the client id (GUID) of a user-assigned managed identity', ['my-identity']],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'one of http/protobuf, http/json', ['grpc']],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'the http or https address of a collector', ['collector:4318', 'ftp://a', 'x']],
  ['APPLICATIONINSIGHTS_AUTHENTICATION_STRING', identity, ['AAD', `ClientId=${OTHER}`]],
  ['APPLICATIONINSIGHTS_AUTHENTICATION_STRING', identity, ['Authorization=AAD;ClientId=x', 'Authorization=AAD;Key=x']],
])('%s must be %s, which these are not: %j', (name, wanted, values) => {
  for (const value of values) {
    const found = complaints(withSetting(name, value));
    expect(found).toContainEqual([name, `  ${name} must be ${wanted}; it is ${JSON.stringify(value)}.`]);
    expect(found.filter(([refused]) => refused !== name)).toEqual([]);
    expect(new Set(found.map(([, line]) => line)).size).toBe(found.length);
  }
});

describe('a connection string', () => {
  test.each([
    ['APPLICATIONINSIGHTS_CONNECTION_STRING', `InstrumentationKey=${SECRET}`],
    ...[
      ...[SECRET, `AccountKey=${SECRET}`, `AccountName=${SECRET};AccountKey=`, `AccountName=;AccountKey=${SECRET}`],
      ...[`UseDevelopmentStorage=false;AccountKey=${SECRET}`, `SharedAccessSignature=${SECRET}`],
      ...[`TableEndpoint=https://a.example;AccountKey=${SECRET}`, `DefaultEndpointsProtocol=http;${ACCOUNT}`],
      ...[`${ACCOUNT};TableEndpoint=http://a.example`, `${ACCOUNT};TableEndpoint=a.example`],
      `TableEndpoint=http://a.example;SharedAccessSignature=${SECRET}`,
    ].map((value) => ['TABLES_CONNECTION', value]),
  ])('that is bad is refused, and never repeated: %s %s', (name = '', value = '') => {
    const found = complaints({ ...valid, [name]: value });
    expect(found.map(([refused]) => refused)).toEqual([name]);
    expect(found[0]?.[1]).not.toContain(SECRET);
  });

  test('of the store is refused with what would be right; a signature in an address is not repeated either', () => {
    expect(complaints({ ...valid, TABLES_CONNECTION: 'x' })[0]?.[1]).toMatch(
      /^ {2}TABLES_CONNECTION must be UseDevelopmentStorage=true, or .*AccountName.*AccountKey.*SharedAccessSignature.*; it is something else, which is not shown since it may contain a key\.$/m,
    );
    const address = complaints(withSetting('TABLES_ENDPOINT', 'https://a?sig=s'));
    expect(address).toEqual([['TABLES_ENDPOINT', `  TABLES_ENDPOINT must be ${whole}; it is "https://a?...".`]]);
  });

  test('that is good is not repeated either, when another setting is bad', () => {
    for (const bad of [{ AUTH_TENANTS: 'x' }, { TABLES_NAME: '-' }, { TABLES_ENDPOINT: 'https://a.example' }]) {
      const found = complaints({ ...valid, TABLES_CONNECTION: ACCOUNT, ...bad });
      expect(found).toHaveLength(1);
      expect(found[0]?.[1]).not.toContain(SECRET);
    }
  });

  test('and TABLES_ENDPOINT: both, or neither, is refused', () => {
    const wanted = '  TABLES_CONNECTION must be set, or else TABLES_ENDPOINT, and not both; it is';
    const both = { ...valid, TABLES_ENDPOINT: 'https://a.example' };
    expect(complaints(both)).toEqual([['TABLES_CONNECTION', expect.stringContaining(wanted)]]);
    expect(complaints({ ...valid, TABLES_CONNECTION: '' })).toEqual([['TABLES_CONNECTION', `${wanted} not set.`]]);
  });
});

test('all faults are reported at once, each setting by its name, under a line that introduces them', () => {
  const bad = {
    ...{ AUTH_AUTHORITY: 'x', AUTH_TENANTS: 'x', AUTH_AUDIENCES: ',', AUTH_APP_ROLES: ',', AUTH_SCOPES: ',' },
    ...{ AUTH_V1_ISSUER: 'x', AUTH_ALGORITHMS: 'x', TABLES_CONNECTION: 'x', TABLES_NAME: '-' },
  };
  expect(new Set(complaints(bad).map(([name]) => name))).toEqual(new Set(Object.keys(bad)));
  const missingLine = (name: string) => [name, `  ${name} must be set: it is required; it is not set.`];
  const required = ['AUTH_TENANTS', 'AUTH_AUDIENCES'].map(missingLine);
  expect(complaints({})).toEqual([...required, ['TABLES_CONNECTION', expect.stringContaining('TABLES_ENDPOINT')]]);
  for (const missing of required) expect(complaints({ ...valid, [String(missing[0])]: undefined })).toEqual([missing]);
  expect(() => readSettings({})).toThrow(/^The service cannot start:\n {2}AUTH_TENANTS /);
});

describe('local.settings.sample.json', () => {
  const { Values: values }: { Values: Record<string, string> } = JSON.parse(
    readFileSync(new URL('../../local.settings.sample.json', import.meta.url), 'utf8'),
  );

  test('holds every setting of the service but TABLES_ENDPOINT, which excludes TABLES_CONNECTION', () => {
    const isOfTheService = (name: string) => /^(?:AUTH_|TABLES_|KEEP_|OVERDUE_|RETENTION_|PAGES)/.test(name);
    expect(Object.keys(values).filter(isOfTheService)).toEqual(
      settingNames.filter((name) => isOfTheService(name) && name !== 'TABLES_ENDPOINT'),
    );
  });

  test('holds each default as the service has it, but turns on the pages and notifications to loopback', () => {
    expect(readSettings({ ...values, PAGES: '' }).pages).toEqual([]);
    const { PAGES, NOTIFICATION_HOSTS, AUTH_TENANTS, AUTH_AUDIENCES, AUTH_AUTHORITY, TABLES_CONNECTION } = values;
    const named = { PAGES, NOTIFICATION_HOSTS, AUTH_TENANTS, AUTH_AUDIENCES, AUTH_AUTHORITY, TABLES_CONNECTION };
    expect(readSettings(values)).toEqual(readSettings(named));
  });
});
