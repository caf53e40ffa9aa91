import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { readSettings, type Settings, settingNames } from '../../shared/settings.ts';
import { TENANT } from '../support/operations.ts';

const OTHER = 'abcdef01-2345-4678-9abc-def012345678';
const PERSONAL = '9188040d-6c67-4c5b-b112-36a304b66dad';
const SECRET = 'c2VjcmV0LW9mLXRoZS1zdG9yZQ==';
const ACCOUNT = `AccountName=a;AccountKey=${SECRET}`;

const valid = { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: 'api://a', TABLES_CONNECTION: 'UseDevelopmentStorage=true' };
const { TABLES_CONNECTION: _connection, ...withoutTables } = valid;

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
  const collector = ({ telemetry }: Settings) => telemetry.otlpEndpoint;
  const insights = ({ telemetry }: Settings) => telemetry.applicationInsights;
  const identity = ({ telemetry }: Settings) => telemetry.identity;

  test.each<readonly [name: string, value: string, read: (settings: Settings) => unknown, expected?: unknown]>([
    ['AUTH_AUTHORITY', 'https://login.example', authority],
    ['AUTH_AUTHORITY', 'https://login.example/', authority, 'https://login.example'],
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
    ['AUTH_V1_ISSUER', 'http://127.0.0.1:7072/{tenantid}/', ({ auth }) => auth.v1Issuer],
    ['AUTH_ALGORITHMS', 'RS256, PS512 ,ES384', ({ auth }) => auth.algorithms, ['RS256', 'PS512', 'ES384']],
    ['TABLES_NAME', 'abc', ({ tables }) => tables.name],
    ['TABLES_NAME', `A${'9'.repeat(62)}`, ({ tables }) => tables.name],
    ['TABLES_NAME', 'tables2', ({ tables }) => tables.name],
    ['TABLES_CONNECTION', `AccountName=a;AccountKey=${SECRET}`, connection],
    ['TABLES_CONNECTION', `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${SECRET};`, connection],
    ['TABLES_CONNECTION', `accountname=a;ACCOUNTKEY=${SECRET}`, connection],
    ['TABLES_CONNECTION', `AccountName=a;AccountKey=${SECRET};TableEndpoint=https://a.example:443/`, connection],
    [
      'TABLES_CONNECTION',
      `DefaultEndpointsProtocol=http;${ACCOUNT};TableEndpoint=http://127.0.0.1:10002/a;`,
      connection,
    ],
    ['TABLES_CONNECTION', ' AccountName = a ; AccountKey = b== ', connection],
    ['TABLES_CONNECTION', 'TableEndpoint=https://a.example;SharedAccessSignature=sv=1&sig=x%3D', connection],
    ['KEEP_FINAL_STATUS', 'True', ({ keepsFinalStatus }) => keepsFinalStatus, true],
    ['KEEP_FINAL_STATUS', 'false', ({ keepsFinalStatus }) => keepsFinalStatus, false],
    ['OVERDUE_MINUTES', '99999', ({ overdue }) => overdue.minutes, 99_999],
    ['RETENTION_DAYS', '1', ({ retention }) => retention.days, 1],
    ['RETENTION_DAYS', '9999', ({ retention }) => retention.days, 9999],
    ['PAGES', 'board', ({ pages }) => pages, ['board']],
    ['PAGES', ' docs,board,docs', ({ pages }) => pages, ['docs', 'board']],
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
    expect(read(readSettings({ ...valid, [name]: value }))).toEqual(expected);
  });

  test.each([
    ['https://a.table.core.windows.net', 'https://a.table.core.windows.net'],
    ['https://a.table.core.windows.net/', 'https://a.table.core.windows.net'],
    ['https://127.0.0.1:10002/devstoreaccount1', 'https://127.0.0.1:10002/devstoreaccount1'],
  ])('TABLES_ENDPOINT %s, without TABLES_CONNECTION', (value, expected) => {
    const { tables } = readSettings({ ...withoutTables, TABLES_ENDPOINT: value });
    expect([tables.endpoint, tables.connection]).toEqual([expected, undefined]);
  });
});

const badAddresses = [
  ...['login.example', 'ftp://login.example', 'ws://localhost', 'http://user@login.example', 'http://login.example'],
  ...['http://localhost.example', 'http://127.0.0.1.example', 'http://127.0.0.1@login.example', 'http://0.0.0.0'],
  ...['http://10.0.0.1', 'https://login.example?tenant=x', 'https://login.example/#x'],
];

describe('a bad value is refused, by the name of the setting and what it got', () => {
  const bad: Readonly<Record<string, readonly string[]>> = {
    AUTH_AUTHORITY: badAddresses,
    AUTH_TENANTS: [
      ...['contoso.example', 'common', `${TENANT},common`, `${TENANT};${OTHER}`, TENANT.slice(1), ' , ', PERSONAL],
      `${TENANT}, ${PERSONAL.toUpperCase()}`,
    ],
    AUTH_AUDIENCES: [','],
    AUTH_APP_ROLES: [' , '],
    AUTH_SCOPES: [','],
    AUTH_V1_ISSUER: ['sts.windows.net', 'http://sts.windows.net/{tenantid}/'],
    AUTH_ALGORITHMS: ['none', 'HS256', 'RS256,HS512', 'rs256', ','],
    TABLES_NAME: ['ab', 'a'.repeat(64), '1abc', 'play-prompt', 'abc\n', 'Tables'],
    KEEP_FINAL_STATUS: ['yes', '1'],
    OVERDUE_MINUTES: ['0', '100000', '5m'],
    RETENTION_DAYS: ['0', '-1', '1.5', '10000', '30d', ' 30', '1e2'],
    PAGES: ['true', 'board;docs', 'Board', ','],
    AZURE_CLIENT_ID: ['my-identity'],
    OTEL_EXPORTER_OTLP_PROTOCOL: ['grpc'],
    OTEL_EXPORTER_OTLP_ENDPOINT: ['collector:4318', 'ftp://collector', 'x'],
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: [
      ...['AAD', `ClientId=${OTHER}`, 'Authorization=AAD;ClientId=x', 'Authorization=AAD;Key=x'],
    ],
  };
  test.each(Object.entries(bad).flatMap(([name, values]) => values.map((value) => [name, value])))(
    '%s %j',
    (name = '', value = '') => {
      const found = complaints({ ...valid, [name]: value });
      expect(new Set(found.map(([refused]) => refused))).toEqual(new Set([name]));
      expect(found[0]?.[1]).toContain(JSON.stringify(value));
    },
  );

  test.each([...badAddresses, 'http://127.0.0.1:10002', 'http://localhost'])('TABLES_ENDPOINT %j', (value) => {
    const found = complaints({ ...withoutTables, TABLES_ENDPOINT: value });
    expect(new Set(found.map(([name]) => name))).toEqual(new Set(['TABLES_ENDPOINT']));
    expect(new Set(found.map(([, line]) => line)).size).toBe(found.length);
    expect(found[0]?.[1]).toContain(JSON.stringify(value.replace(/\?.*/, '?...')));
  });
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

  test('that is good is not repeated either, when another setting is bad', () => {
    for (const bad of [{ AUTH_TENANTS: 'x' }, { TABLES_NAME: '-' }, { TABLES_ENDPOINT: 'https://a.example' }]) {
      const found = complaints({ ...valid, TABLES_CONNECTION: ACCOUNT, ...bad });
      expect(found).toHaveLength(1);
      expect(found[0]?.[1]).not.toContain(SECRET);
    }
  });

  test.each([
    ['both', { ...valid, TABLES_ENDPOINT: 'https://a.example' }],
    ['neither', withoutTables],
  ])('and TABLES_ENDPOINT: %s is refused, by both names', (_found, env) => {
    const [[name, complaint] = ['', '']] = complaints(env);
    expect(['TABLES_CONNECTION', 'TABLES_ENDPOINT']).toContain(name);
    expect(complaint).toMatch(/TABLES_CONNECTION.*TABLES_ENDPOINT/);
  });
});

test('all faults are reported at once, each setting by its name, under a line that introduces them', () => {
  const bad = {
    ...{ AUTH_AUTHORITY: 'x', AUTH_TENANTS: 'x', AUTH_AUDIENCES: ',', AUTH_APP_ROLES: ',', AUTH_SCOPES: ',' },
    ...{ AUTH_V1_ISSUER: 'x', AUTH_ALGORITHMS: 'x', TABLES_CONNECTION: 'x', TABLES_NAME: '-' },
  };
  expect(new Set(complaints(bad).map(([name]) => name))).toEqual(new Set(Object.keys(bad)));
  const required = ['AUTH_TENANTS', 'AUTH_AUDIENCES'].map((name) => [name, expect.stringContaining('required')]);
  const oneOf = ['TABLES_CONNECTION', expect.stringContaining('TABLES_ENDPOINT')];
  expect(complaints({})).toEqual([...required, oneOf]);
  for (const name of ['AUTH_TENANTS', 'AUTH_AUDIENCES'])
    expect(complaints({ ...valid, [name]: undefined })).toEqual([[name, expect.stringContaining('required')]]);
  expect(() => readSettings({})).toThrow(/^The service cannot start:\n {2}AUTH_TENANTS /);
});

describe('local.settings.sample.json', () => {
  const { Values: values }: { Values: Record<string, string> } = JSON.parse(
    readFileSync(new URL('../../local.settings.sample.json', import.meta.url), 'utf8'),
  );

  test('holds a set that the service starts with', () => {
    expect(readSettings(values)).toMatchObject({
      auth: { authority: expect.stringMatching(/^http:\/\/127\.0\.0\.1:/) },
      tables: { connection: 'UseDevelopmentStorage=true' },
    });
  });

  test('holds every setting but TABLES_ENDPOINT, which excludes TABLES_CONNECTION', () => {
    expect(
      Object.keys(values).filter((name) => /^(?:AUTH_|TABLES_|KEEP_|OVERDUE_|RETENTION_|PAGES)/.test(name)),
    ).toEqual([
      ...['AUTH_AUTHORITY', 'AUTH_TENANTS', 'AUTH_AUDIENCES', 'AUTH_APP_ROLES', 'AUTH_SCOPES', 'AUTH_V1_ISSUER'],
      ...['AUTH_ALGORITHMS', 'TABLES_CONNECTION', 'TABLES_NAME', 'KEEP_FINAL_STATUS', 'OVERDUE_MINUTES'],
      ...['RETENTION_DAYS', 'PAGES'],
    ]);
  });

  test('holds each default as the service has it, but turns on the pages and notifications to loopback', () => {
    expect(readSettings({ ...values, PAGES: '' }).pages).toEqual([]);
    const { PAGES, NOTIFICATION_HOSTS, AUTH_TENANTS, AUTH_AUDIENCES, AUTH_AUTHORITY, TABLES_CONNECTION } = values;
    const named = { PAGES, NOTIFICATION_HOSTS, AUTH_TENANTS, AUTH_AUDIENCES, AUTH_AUTHORITY, TABLES_CONNECTION };
    expect(readSettings(values)).toEqual(readSettings(named));
  });
});

describe('a message names what is expected and what was found', () => {
  const algorithms = 'RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519';
  const secure = 'an https address';
  const whole = 'an address without query and fragment';
  test.each([
    ['AUTH_TENANTS', ',', 'a comma-separated list of tenant ids (GUIDs)'],
    ['AUTH_TENANTS', 'x', 'a comma-separated list of tenant ids (GUIDs)'],
    ['AUTH_AUDIENCES', ',', 'a comma-separated list of audiences'],
    ['AUTH_APP_ROLES', ',', 'a comma-separated list of app roles'],
    ['AUTH_SCOPES', ',', 'a comma-separated list of scopes'],
    ['AUTH_ALGORITHMS', ',', 'a comma-separated list of signature algorithms'],
    ['AUTH_ALGORITHMS', 'HS256', `a comma-separated list of ${algorithms}`],
    ['AUTH_AUTHORITY', 'x', secure],
    ['AUTH_AUTHORITY', 'xhttp://localhost', secure],
    ['AUTH_AUTHORITY', 'httpsx://localhost', secure],
    ['AUTH_AUTHORITY', 'http://a', `${secure} (http on loopback only)`],
    ['AUTH_AUTHORITY', 'https://a?b', whole],
    ['AUTH_V1_ISSUER', 'x', secure],
    ['TABLES_NAME', '-', 'a table name: 3 to 63 letters and digits, the first a letter, and not "tables"'],
    ['AZURE_CLIENT_ID', 'x', 'the client id (GUID) of a user-assigned managed identity'],
  ])('%s %j must be %s', (name, value, wanted) => {
    const line = `${name} must be ${wanted}; it is ${JSON.stringify(value)}.`;
    expect(complaints({ ...valid, [name]: value })).toContainEqual([name, `  ${line}`]);
  });

  const elsewhere = { ...valid, TABLES_CONNECTION: '' };
  test.each([
    [{ ...valid, AUTH_TENANTS: '' }, 'AUTH_TENANTS must be set: it is required; it is not set.'],
    [{ ...valid, AUTH_TENANTS: PERSONAL }, 'work or school'],
    [{ ...valid, RETENTION_DAYS: 'x' }, 'whole number of days from 1 to 9999'],
    [{ ...valid, PAGES: 'x' }, 'comma-separated list of board, docs'],
    [
      { ...valid, TABLES_CONNECTION: 'x' },
      /^ {2}TABLES_CONNECTION must be UseDevelopmentStorage=true, or a connection string with .*AccountName.*AccountKey.*SharedAccessSignature.*; it is something else, which is not shown since it may contain a key\.$/m,
    ],
    [elsewhere, 'TABLES_CONNECTION must be set, or else TABLES_ENDPOINT, and not both; it is not set.'],
    [
      { ...elsewhere, TABLES_ENDPOINT: 'http://127.0.0.1' },
      'TABLES_ENDPOINT must be an https address, since a token is sent to it; it is "http://127.0.0.1".',
    ],
    [{ ...elsewhere, TABLES_ENDPOINT: 'https://a?sig=s' }, `TABLES_ENDPOINT must be ${whole}; it is "https://a?...".`],
    [{ ...valid, PUBLIC_URL: 'http://gateway.example' }, 'loopback'],
    [{ ...valid, PUBLIC_URL: 'https://gateway.example/?a' }, 'query'],
    [{ ...valid, PUBLIC_URL: 'https://me@gateway.example' }, 'user'],
    [{ ...valid, PUBLIC_URL: 'https://gateway.example/prompts/v1.0' }, 'without /v1.0'],
  ])('%j', (env, complaint) => {
    expect(() => readSettings(env)).toThrow(complaint);
  });
});

test('NOTIFICATION_HOSTS are host names, names below a host, and addresses', () => {
  const hostsOf = (value: string) => readSettings({ ...valid, NOTIFICATION_HOSTS: value }).notifications.hosts;
  const good = ['bot.example.com', '*.example.org', '127.0.0.1', '[::1]'];
  expect(hostsOf('Bot.Example.com, *.example.org,127.0.0.1,[::1]')).toEqual(good);
  const others = ['https://bot.example', 'bot.example/x', 'bot.example:8443', '*', '*.', '*.*.example', 'a b', '127.1'];
  for (const value of others) expect(() => hostsOf(value)).toThrow('NOTIFICATION_HOSTS must be');
});
