import * as z from 'zod';

/** The tenant of all personal Microsoft accounts, which this service does not admit. */
const PERSONAL_ACCOUNTS_TENANT = '9188040d-6c67-4c5b-b112-36a304b66dad';

const asymmetricAlgorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const;

/** The sampler of Application Insights that takes a ratio, as the Functions host calls it. */
const FIXED_PERCENTAGE = 'microsoft.fixed_percentage';

/** The samplers of OpenTelemetry, and those of the Functions host. */
const samplers = [
  ...['always_on', 'always_off', 'traceidratio'],
  ...['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'],
  ...[FIXED_PERCENTAGE, 'microsoft.rate_limited'],
] as const;

/** The protocols of OTLP that app and host both speak. */
const otlpProtocols = ['http/protobuf', 'http/json'] as const;
export type OtlpProtocol = (typeof otlpProtocols)[number];

/** The web pages that can be served. */
const pageNames = ['board', 'docs'] as const;

/** An address whose traffic is protected: `https`, or `http` that does not leave this machine. */
export const secureUrl = z.url({ protocol: /^https?$/, error: 'an https address' }).refine(
  (value) => {
    const url = URL.parse(value);
    return url?.protocol === 'https:' || isLoopback(url?.hostname ?? '');
  },
  { error: 'an https address (http on loopback only)' },
);

/** Whether a host name is that of this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/** A comma-separated list with at least one member. */
const list = <Member extends z.ZodType<string, string>>(member: Member, of: string) =>
  z
    .string()
    .transform((value) => value.split(',').flatMap((entry) => entry.trim() || []))
    .pipe(z.array(member).min(1, { error: `a comma-separated list of ${of}` }));

const baseAddress = secureUrl
  .refine((value) => !/[?#]/.test(value), { error: 'an address without query and fragment' })
  .transform((value) => value.replace(/(?<!\/)\/+$/, ''));

/** A whole number of these units. */
const wholeNumber = (pattern: RegExp, of: string) =>
  z
    .string()
    .regex(pattern, { error: `a whole number of ${of}` })
    .transform(Number);

const tenant = z
  .guid({ error: 'a comma-separated list of tenant ids (GUIDs)' })
  .toLowerCase()
  .refine((value) => value !== PERSONAL_ACCOUNTS_TENANT, {
    error: 'tenants of work or school accounts: the tenant of personal accounts is not supported',
  });

const connectionString = z.string().refine(isConnectionString, {
  error:
    'UseDevelopmentStorage=true, or a connection string with AccountName and AccountKey, or TableEndpoint and ' +
    'SharedAccessSignature (a TableEndpoint of http on loopback only)',
});

function isConnectionString(value: string) {
  const parts = new Map(
    value.split(';').map((part): [string, string] => {
      const [name = '', ...rest] = part.split('=');
      return [name.trim().toLowerCase(), rest.join('=').trim()];
    }),
  );
  const endpoint = parts.get('tableendpoint');
  if (endpoint !== undefined && !secureUrl.safeParse(endpoint).success) return false;
  if (endpoint === undefined && parts.get('defaultendpointsprotocol')?.toLowerCase() === 'http') return false;
  return (
    parts.get('usedevelopmentstorage')?.toLowerCase() === 'true' ||
    (Boolean(parts.get('accountname')) && Boolean(parts.get('accountkey'))) ||
    (endpoint !== undefined && Boolean(parts.get('sharedaccesssignature')))
  );
}

/** Whether a name, or an address, is spelled as it is in the URL of a host. */
const isHostName = (name: string) => !name.includes('*') && URL.parse(`https://${name}/`)?.hostname === name;

/** A host name, `*.` and a name for all hosts below it, or an IP address, that of version 6 in brackets. */
const receiverHost = z
  .string()
  .toLowerCase()
  .refine((value) => isHostName(value.replace(/^\*\./, '')), {
    error: 'a comma-separated list of host names (such as bot.example.com or *.example.com) and IP addresses',
  });

/** In the host's syntax: `Authorization=AAD`, with `ClientId={id}` for a user-assigned identity. */
const identityOfTelemetry = z
  .string()
  .regex(/^(?=.*\bAuthorization=AAD\b)(?:(?:Authorization=AAD|ClientId=[\da-f-]{36})(?:;|$)){1,2}$/i, {
    error: 'Authorization=AAD, with ClientId={id} for a user-assigned identity',
  })
  .transform((value) => ({ clientId: /ClientId=([\da-f-]{36})/i.exec(value)?.[1] }));

/** Every setting of the service, by the name of its environment variable. */
const variables = z.object({
  AUTH_AUTHORITY: baseAddress.default('https://login.microsoftonline.com'),
  AUTH_TENANTS: list(tenant, 'tenant ids (GUIDs)'),
  AUTH_AUDIENCES: list(z.string(), 'audiences'),
  AUTH_APP_ROLES: list(z.string(), 'app roles').default(['Calls.Initiate.All', 'Calls.AccessMedia.All']),
  AUTH_SCOPES: list(z.string(), 'scopes').default([]),
  AUTH_V1_ISSUER: secureUrl.default('https://sts.windows.net/{tenantid}/'),
  AUTH_ALGORITHMS: list(
    z.enum(asymmetricAlgorithms, { error: `a comma-separated list of ${asymmetricAlgorithms.join(', ')}` }),
    'signature algorithms',
  ).default(['RS256']),
  TABLES_CONNECTION: connectionString.optional(),
  TABLES_ENDPOINT: baseAddress
    .refine((value) => URL.parse(value)?.protocol === 'https:', {
      error: 'an https address, since a token is sent to it',
    })
    .optional(),
  TABLES_NAME: z
    .string()
    .regex(/^(?!tables$)[A-Za-z][A-Za-z0-9]{2,62}$/i, {
      error: 'a table name: 3 to 63 letters and digits, the first a letter, and not "tables"',
    })
    .default('playPromptOperations'),
  KEEP_FINAL_STATUS: z.stringbool({ truthy: ['true'], falsy: ['false'], error: 'true or false' }).default(false),
  OVERDUE_MINUTES: wholeNumber(/^[1-9]\d{0,4}$/, 'minutes from 1 to 99999').optional(),
  RETENTION_DAYS: wholeNumber(/^[1-9]\d{0,3}$/, 'days from 1 to 9999').optional(),
  PAGES: list(z.enum(pageNames, { error: `a comma-separated list of ${pageNames.join(', ')}` }), 'pages').default([]),
  PUBLIC_URL: baseAddress
    .refine((value) => !/@|\/v1\.0(?:\/|$)/i.test(value), {
      error: 'the address of a gateway, without user and without /v1.0',
    })
    .optional(),
  NOTIFICATION_HOSTS: list(receiverHost, 'host names and IP addresses').default([]),
  AZURE_CLIENT_ID: z.guid({ error: 'the client id (GUID) of a user-assigned managed identity' }).optional(),
  APPLICATIONINSIGHTS_CONNECTION_STRING: z
    .string()
    .regex(/^(?:.*;)?\s*InstrumentationKey=[\da-f-]{36}\s*(?:;|$)/i, {
      error: 'a connection string with an InstrumentationKey',
    })
    .optional(),
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: identityOfTelemetry.optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'the http or https address of a collector' })
    .transform((value) => value.replace(/(?<!\/)\/+$/, ''))
    .optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .enum(otlpProtocols, { error: `one of ${otlpProtocols.join(', ')}` })
    .default('http/protobuf'),
  OTEL_TRACES_SAMPLER: z.enum(samplers, { error: `one of ${samplers.join(', ')}` }).optional(),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number({ error: 'a number' })
    .min(0, { error: 'a number that is not negative' })
    .optional(),
  WEBSITE_SITE_NAME: z.string().default('playpromptoperation'),
});

/** The names of all settings. */
export const settingNames = Object.keys(variables.shape);

const environment = variables
  .refine((values) => (values.TABLES_CONNECTION === undefined) !== (values.TABLES_ENDPOINT === undefined), {
    path: ['TABLES_CONNECTION'],
    error: 'set, or else TABLES_ENDPOINT, and not both',
    // Checked even when another setting is bad, so that all faults are reported at once. If one of these two is bad, it is set.
    when: ({ issues }) => !issues.some(({ path }) => /^TABLES_(CONNECTION|ENDPOINT)$/.test(String(path?.[0]))),
  })
  .refine((values) => values.OTEL_TRACES_SAMPLER !== FIXED_PERCENTAGE || (values.OTEL_TRACES_SAMPLER_ARG ?? 1) <= 1, {
    path: ['OTEL_TRACES_SAMPLER_ARG'],
    error: 'a ratio from 0 to 1',
  })
  .transform((values) => ({
    auth: {
      authority: values.AUTH_AUTHORITY,
      tenants: values.AUTH_TENANTS,
      audiences: values.AUTH_AUDIENCES,
      appRoles: values.AUTH_APP_ROLES,
      scopes: values.AUTH_SCOPES,
      v1Issuer: values.AUTH_V1_ISSUER,
      algorithms: values.AUTH_ALGORITHMS,
    },
    tables: {
      name: values.TABLES_NAME,
      connection: values.TABLES_CONNECTION,
      endpoint: values.TABLES_ENDPOINT,
      managedIdentityClientId: values.AZURE_CLIENT_ID,
    },
    keepsFinalStatus: values.KEEP_FINAL_STATUS,
    overdue: { minutes: values.OVERDUE_MINUTES },
    retention: { days: values.RETENTION_DAYS },
    pages: [...new Set(values.PAGES)],
    publicUrl: values.PUBLIC_URL,
    notifications: { hosts: values.NOTIFICATION_HOSTS },
    telemetry: {
      serviceName: values.WEBSITE_SITE_NAME,
      applicationInsights: values.APPLICATIONINSIGHTS_CONNECTION_STRING,
      identity: values.APPLICATIONINSIGHTS_AUTHENTICATION_STRING,
      otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
      otlpProtocol: values.OTEL_EXPORTER_OTLP_PROTOCOL,
      traceRatio: values.OTEL_TRACES_SAMPLER === FIXED_PERCENTAGE ? (values.OTEL_TRACES_SAMPLER_ARG ?? 1) : undefined,
    },
  }));

export type Settings = z.infer<typeof environment>;
export type AuthSettings = Settings['auth'];
export type TablesSettings = Settings['tables'];
export type TelemetrySettings = Settings['telemetry'];

/**
 * Reads the settings from the environment. An empty setting counts as not set.
 *
 * @throws Error that names each bad setting, what it is and what it should be
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  // Once: to compile a parser for it takes longer than to interpret it.
  const parsed = environment.safeParse(given, { jitless: true });
  if (parsed.success) return parsed.data;
  const complaints = new Set(parsed.error.issues.map((issue) => complaint(issue, given)));
  throw new Error(`The service cannot start:\n${[...complaints].join('\n')}`);
}

function complaint(issue: z.core.$ZodIssue, given: Readonly<Record<string, string | undefined>>) {
  const name = String(issue.path[0]);
  const value = given[name];
  const wanted = value === undefined && issue.code === 'invalid_type' ? 'set: it is required' : issue.message;
  return `  ${name} must be ${wanted}; it is ${value === undefined ? 'not set' : withoutSecrets(name, value)}.`;
}

/** A value as an error may repeat it: without the key of a connection string, or the signature in an address. */
function withoutSecrets(name: string, value: string) {
  if (/_CONNECTION(_STRING)?$/.test(name)) return 'something else, which is not shown since it may contain a key';
  return JSON.stringify(name.endsWith('_ENDPOINT') ? value.replace(/\?.*/s, '?...') : value);
}
