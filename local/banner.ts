/** Where everything of the local set-up is. */
export interface Facts {
  readonly baseUrl: string;
  /** Null where the issuer is not the local one. */
  readonly token: string | null;
  readonly tokenEndpoint: string;
  readonly issuer: string;
  readonly tenant: string;
  readonly audience: string;
  readonly tables: string;
  readonly host: string;
  /** The file to trust, with https. */
  readonly certificate?: string;
}

interface Surroundings {
  readonly pages: readonly string[];
  readonly tokenSeconds: number;
  readonly platform: NodeJS.Platform;
  /** Whether the environment names a proxy, which cannot reach this machine. */
  readonly isProxied: boolean;
  /** The key of the embedded host. Core Tools ask for none. */
  readonly adminKey?: string;
  /** Whether the host runs timers by itself. */
  readonly runsTimers: boolean;
}

/** What `npm start` prints once all is ready, in the words of the platform's own shell. */
export function banner(
  { baseUrl, token, tables, issuer, certificate }: Facts,
  { pages, tokenSeconds, platform, isProxied, adminKey, runsTimers }: Surroundings,
): string {
  const isWindows = platform === 'win32';
  const withKey = adminKey === undefined ? '' : `, with x-functions-key: ${adminKey}`;
  const lines = [
    '',
    `The service is at ${baseUrl}/v1.0/playPromptOperation`,
    ...pages.map((page) => `  a page at ${baseUrl}/${page}`),
    `  tokens from ${issuer}`,
    `  operations in ${tables}`,
    `  a timer by POST of {} as application/json to ${baseUrl}/admin/functions/{name}${withKey}`,
    ...(runsTimers ? [] : ['  timers do not run by themselves: Core Tools need AzureWebJobsStorage for them']),
    '',
    ...(certificate === undefined ? [] : trust(certificate, platform)),
    ...(isWindows ? windowsRequest(baseUrl, token) : request(baseUrl, token, { certificate, isProxied })),
    ...(token === null ? [] : lifetime(tokenSeconds, isWindows)),
    'Ctrl-C stops it.',
    '',
  ];
  return lines.join('\n');
}

function trust(certificate: string, platform: NodeJS.Platform) {
  const node = `NODE_EXTRA_CA_CERTS='${certificate}'`;
  const lines = {
    windows: [
      `$env:${node.replace('=', ' = ')}`,
      `Import-Certificate -FilePath '${certificate}' -CertStoreLocation Cert:\\CurrentUser\\Root`,
    ],
    mac: [
      `export ${node} CURL_CA_BUNDLE='${certificate}'`,
      `security add-trusted-cert -k ~/Library/Keychains/login.keychain-db '${certificate}'`,
    ],
    linux: [`export ${node} CURL_CA_BUNDLE='${certificate}' SSL_CERT_FILE='${certificate}'`],
  }[platform === 'win32' ? 'windows' : platform === 'darwin' ? 'mac' : 'linux'];
  return ['Make Node, curl and .NET trust its certificate:', '', ...lines, ''];
}

function request(baseUrl: string, token: string | null, how: CurlOptions) {
  return [
    'Try it:',
    '',
    `${curl(how)} -X PATCH '${baseUrl}/v1.0/playPromptOperation' \\`,
    `  -H 'Authorization: Bearer ${token ?? '{token}'}' \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d '${EXAMPLE}'`,
    '',
  ];
}

interface CurlOptions {
  readonly certificate: string | undefined;
  readonly isProxied: boolean;
}

/** Whether an environment names a proxy that curl would use. */
export function namesProxy(env: NodeJS.ProcessEnv): boolean {
  return Object.entries(env).some(([name, value]) => value && /^(?:https?|all)_proxy$/i.test(name));
}

/** The beginning of a command that calls the service with curl. */
export function curl({ certificate, isProxied }: CurlOptions): string {
  const options = [isProxied && "--noproxy '*'", certificate !== undefined && `--cacert '${certificate}'`];
  return ['curl -sS', ...options.filter(Boolean)].join(' ');
}

/** PowerShell calls something else curl, and takes the quotes out of what it hands to a program. */
function windowsRequest(baseUrl: string, token: string | null) {
  return [
    'Try it, in PowerShell:',
    '',
    `Invoke-RestMethod -Method Patch -Uri '${baseUrl}/v1.0/playPromptOperation' \``,
    `  -Headers @{ Authorization = 'Bearer ${token ?? '{token}'}' } \``,
    "  -ContentType 'application/json' `",
    `  -Body '${EXAMPLE}'`,
    '',
  ];
}

function lifetime(seconds: number, isWindows: boolean) {
  const another = isWindows ? '$TOKEN = npm run --silent token' : 'TOKEN=$(npm run --silent token)';
  return [`The token is valid for ${seconds / 60} minutes. To get another: ${another}`, ''];
}

const EXAMPLE = JSON.stringify({ clientContext: 'my first prompt', status: 'Running' });
