import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { readSettings, type Settings } from '../../shared/settings.ts';
import { TENANT } from '../support/operations.ts';

const OTHER = 'abcdef01-2345-4678-9abc-def012345678';
const PERSONAL = '9188040d-6c67-4c5b-b112-36a304b66dad';
const SECRET = 'c2VjcmV0LW9mLXRoZS1zdG9yZQ==';

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

const refusedNames = (env: Readonly<Record<string, string | undefined>>) => complaints(env).map(([name]) => name);

test('what is not set has the default', () => {
  expect(readSettings(valid)).toEqual({
    auth: {
      authority: 'https://login.microsoftonline.com',
      tenants: [TENANT],
      audiences: ['api://a'],
      appRoles: ['Calls.Initiate.All', 'Calls.AccessMedia.All'],
      scopes: [],
      v1Issuer: 'https://sts.windows.net/{tenantid}/',
      algorithms: ['RS256'],
    },
    tables: {
      name: 'playPromptOperations',
      connection: 'UseDevelopmentStorage=true',
      endpoint: undefined,
      managedIdentityClientId: undefined,
    },
    keepsFinalStatus: false,
    overdue: { minutes: undefined },
    retention: { days: undefined },
    pages: [],
    notifications: { hosts: [] },
    telemetry: {
      serviceName: 'playpromptoperation',
      applicationInsights: undefined,
      identity: undefined,
      otlpEndpoint: undefined,
      otlpProtocol: 'http/protobuf',
    },
  });
});

test('what is empty counts as not set', () => {
  const empty = {
    ...{ AUTH_AUTHORITY: '', AUTH_APP_ROLES: '', AUTH_SCOPES: '', AUTH_V1_ISSUER: '', AUTH_ALGORITHMS: '' },
    ...{ TABLES_ENDPOINT: '', TABLES_NAME: '', RETENTION_DAYS: '', OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    ...{ APPLICATIONINSIGHTS_CONNECTION_STRING: '', APPLICATIONINSIGHTS_AUTHENTICATION_STRING: '' },
  };
  expect(readSettings({ ...valid, ...empty })).toEqual(readSettings(valid));
});

test('what is no setting of the service is passed over', () => {
  expect(readSettings({ ...valid, PATH: '/bin', AUTH_BYPASS: 'true' })).toEqual(readSettings(valid));
});

describe('a good value is taken', () => {
  const authority = ({ auth }: Settings) => auth.authority;
  const tenants = ({ auth }: Settings) => auth.tenants;
  const connection = ({ tables }: Settings) => tables.connection;
  const collector = ({ telemetry }: Settings) => telemetry.otlpEndpoint;
  const insights = ({ telemetry }: Settings) => telemetry.applicationInsights;
  const identity = ({ telemetry }: Settings) => telemetry.identity;

  test.each<[name: string, value: string, read: (settings: Settings) => unknown, expected?: unknown]>([
    ['AUTH_AUTHORITY', 'https://login.example', authority],
    ['AUTH_AUTHORITY', 'https://login.example/', authority, 'https://login.example'],
    ['AUTH_AUTHORITY', 'https://login.example/path//', authority, 'https://login.example/path'],
    ['AUTH_AUTHORITY', 'http://localhost:7072', authority],
    ['AUTH_AUTHORITY', 'http://127.0.0.1:7072', authority],
    ['AUTH_AUTHORITY', 'http://127.1.2.3', authority],
    ['AUTH_AUTHORITY', 'http://[::1]:7072', authority],
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
      `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=${SECRET};TableEndpoint=http://127.0.0.1:10002/a;`,
      connection,
    ],
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
  test.each([
    ...badAddresses.map((value) => ['AUTH_AUTHORITY', value]),
    ['AUTH_TENANTS', 'contoso.example'],
    ['AUTH_TENANTS', 'common'],
    ['AUTH_TENANTS', `${TENANT},common`],
    ['AUTH_TENANTS', `${TENANT};${OTHER}`],
    ['AUTH_TENANTS', TENANT.slice(1)],
    ['AUTH_TENANTS', ' , '],
    ['AUTH_TENANTS', PERSONAL],
    ['AUTH_TENANTS', `${TENANT}, ${PERSONAL.toUpperCase()}`],
    ['AUTH_AUDIENCES', ','],
    ['AUTH_APP_ROLES', ' , '],
    ['AUTH_SCOPES', ','],
    ['AUTH_V1_ISSUER', 'sts.windows.net'],
    ['AUTH_V1_ISSUER', 'http://sts.windows.net/{tenantid}/'],
    ['AUTH_ALGORITHMS', 'none'],
    ['AUTH_ALGORITHMS', 'HS256'],
    ['AUTH_ALGORITHMS', 'RS256,HS512'],
    ['AUTH_ALGORITHMS', 'rs256'],
    ['AUTH_ALGORITHMS', ','],
    ['TABLES_NAME', 'ab'],
    ['TABLES_NAME', 'a'.repeat(64)],
    ['TABLES_NAME', '1abc'],
    ['TABLES_NAME', 'play-prompt'],
    ['TABLES_NAME', 'abc\n'],
    ['TABLES_NAME', 'Tables'],
    ...['yes', '1'].map((value) => ['KEEP_FINAL_STATUS', value]),
    ...['0', '100000', '5m'].map((value) => ['OVERDUE_MINUTES', value]),
    ...['0', '-1', '1.5', '10000', '30d', ' 30', '1e2'].map((value) => ['RETENTION_DAYS', value]),
    ...['true', 'board;docs', 'Board', ','].map((value) => ['PAGES', value]),
    ['AZURE_CLIENT_ID', 'my-identity'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ...['collector:4318', 'ftp://collector', 'x'].map((value) => ['OTEL_EXPORTER_OTLP_ENDPOINT', value]),
    ...['AAD', `ClientId=${OTHER}`, 'Authorization=AAD;ClientId=x', 'Authorization=AAD;Key=x'].map((value) => [
      'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
      value,
    ]),
  ])('%s %j', (name, value) => {
    const found = complaints({ ...valid, [name]: value });
    expect(new Set(found.map(([refused]) => refused))).toEqual(new Set([name]));
    expect(found[0]?.[1]).toContain(JSON.stringify(value));
  });

  test.each([...badAddresses, 'http://127.0.0.1:10002', 'http://localhost'])('TABLES_ENDPOINT %j', (value) => {
    const found = complaints({ ...withoutTables, TABLES_ENDPOINT: value });
    expect(new Set(found.map(([name]) => name))).toEqual(new Set(['TABLES_ENDPOINT']));
    expect(new Set(found.map(([, line]) => line)).size).toBe(found.length);
    expect(found[0]?.[1]).toContain(JSON.stringify(value.replace(/\?.*/, '?...')));
  });
});

test('a bad APPLICATIONINSIGHTS_CONNECTION_STRING is refused, and not repeated', () => {
  const name = 'APPLICATIONINSIGHTS_CONNECTION_STRING';
  const found = complaints({ ...valid, [name]: `InstrumentationKey=${SECRET}` });
  expect(found.map(([refused]) => refused)).toEqual([name]);
  expect(found[0]?.[1]).toMatch(/InstrumentationKey/);
  expect(found[0]?.[1]).not.toContain(SECRET);
});

describe('TABLES_CONNECTION', () => {
  test.each([
    SECRET,
    `AccountKey=${SECRET}`,
    `AccountName=${SECRET};AccountKey=`,
    `AccountName=;AccountKey=${SECRET}`,
    `UseDevelopmentStorage=false;AccountKey=${SECRET}`,
    `SharedAccessSignature=${SECRET}`,
    `TableEndpoint=https://a.example;AccountKey=${SECRET}`,
    `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=${SECRET}`,
    `AccountName=a;AccountKey=${SECRET};TableEndpoint=http://a.example`,
    `AccountName=a;AccountKey=${SECRET};TableEndpoint=a.example`,
    `TableEndpoint=http://a.example;SharedAccessSignature=${SECRET}`,
  ])('is refused, and never repeated: %s', (value) => {
    const found = complaints({ ...valid, TABLES_CONNECTION: value });
    expect(found.map(([name]) => name)).toEqual(['TABLES_CONNECTION']);
    expect(found[0]?.[1]).not.toContain(SECRET);
  });

  test('that is good is not repeated either, when another setting is bad', () => {
    const connection = `AccountName=a;AccountKey=${SECRET}`;
    for (const bad of [{ AUTH_TENANTS: 'x' }, { TABLES_NAME: '-' }, { TABLES_ENDPOINT: 'https://a.example' }]) {
      const found = complaints({ ...valid, TABLES_CONNECTION: connection, ...bad });
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

describe('all faults are reported at once', () => {
  test('each setting by its name', () => {
    const bad = {
      AUTH_AUTHORITY: 'x',
      AUTH_TENANTS: 'x',
      AUTH_AUDIENCES: ',',
      AUTH_APP_ROLES: ',',
      AUTH_SCOPES: ',',
      AUTH_V1_ISSUER: 'x',
      AUTH_ALGORITHMS: 'x',
      TABLES_CONNECTION: 'x',
      TABLES_NAME: '-',
    };
    expect(new Set(refusedNames(bad))).toEqual(new Set(Object.keys(bad)));
  });

  test.each(['AUTH_TENANTS', 'AUTH_AUDIENCES'])('%s is required', (name) => {
    const found = complaints({ ...valid, [name]: undefined });
    expect(found.map(([refused]) => refused)).toEqual([name]);
    expect(found[0]?.[1]).toContain('required');
  });

  test('all that is required, where nothing is set', () => {
    const message = complaints({}).map(([, complaint]) => complaint);
    expect(message.join('\n')).toMatch(/AUTH_TENANTS/);
    expect(message.join('\n')).toMatch(/AUTH_AUDIENCES/);
    expect(message.join('\n')).toMatch(/TABLES_CONNECTION.*TABLES_ENDPOINT/);
  });
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

  test('under a line that introduces them', () => {
    expect(() => readSettings({})).toThrow(/^The service cannot start:\n {2}AUTH_TENANTS /);
  });

  test('a connection string may have spaces around its parts', () => {
    const connection = ' AccountName = a ; AccountKey = b== ';
    expect(readSettings({ ...valid, TABLES_CONNECTION: connection }).tables.connection).toBe(connection);
  });
});

describe('NOTIFICATION_HOSTS', () => {
  const hostsOf = (value: string) => readSettings({ ...valid, NOTIFICATION_HOSTS: value }).notifications.hosts;

  test('are host names, names below a host, and addresses', () => {
    expect(hostsOf('Bot.Example.com, *.example.org,127.0.0.1,[::1]')).toEqual([
      'bot.example.com',
      '*.example.org',
      '127.0.0.1',
      '[::1]',
    ]);
  });

  test.each(['https://bot.example', 'bot.example/x', 'bot.example:8443', '*', '*.', '*.*.example', 'a b', '127.1'])(
    '%s is none',
    (value) => {
      expect(() => hostsOf(value)).toThrow('NOTIFICATION_HOSTS must be');
    },
  );
});
