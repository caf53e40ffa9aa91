// `npm run token`: prints an access token of the local issuer.
import * as z from 'zod';
import { readSettings } from '../shared/settings.ts';
import { askLoopback } from './askLoopback.ts';
import { readCommandLine } from './commandLine.ts';
import { readLocalSettings } from './localSettings.ts';

const DEADLINE_MS = 5000;

const USAGE = `
npm run --silent token -- [options]

Prints an access token of the issuer that npm start has started.

  --role NAME           an app role of the token; may be repeated; by default the first of AUTH_APP_ROLES
  --tenant ID           the tenant, by default the first of AUTH_TENANTS
  --expires-in SECONDS  how long the token is valid, by default 3600
  --help                print this text

ISSUER_PORT (7072) is the issuer's port.
`;

const tokenResponse = z.object({ access_token: z.string() });

const { values } = readCommandLine(USAGE, {
  role: { type: 'string', multiple: true },
  tenant: { type: 'string' },
  'expires-in': { type: 'string' },
});
try {
  console.log(await requestToken());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function requestToken() {
  const { named, sample } = readLocalSettings(process.env);
  const { auth } = readSettings({
    ...sample,
    ...named,
    ...(named.TABLES_ENDPOINT && { TABLES_CONNECTION: '' }),
  });
  const path = `/${values.tenant ?? auth.tenants[0]}/oauth2/v2.0/token`;
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'local',
    client_secret: 'local',
    scope: `${auth.audiences[0]}/.default`,
    ...(values['expires-in'] && { expires_in: values['expires-in'] }),
  });
  for (const role of values.role ?? auth.appRoles.slice(0, 1)) form.append('role', role);

  const authority = new URL(named.AUTH_AUTHORITY ?? `http://127.0.0.1:${named.ISSUER_PORT ?? 7072}`);
  const isLocal = authority.hostname === '127.0.0.1' || authority.hostname === 'localhost';
  if (!isLocal) throw new Error(`AUTH_AUTHORITY is ${authority.href}, which is not the local issuer.`);
  const port = Number(authority.port);
  const response = await askLoopback(port, path, { form, deadlineMs: DEADLINE_MS });
  if (!response) throw new Error(`No issuer answers on port ${port} (ISSUER_PORT). Is npm start running?`);
  if (response.status !== 200) throw new Error(`The issuer refused: ${response.body}`);
  return tokenResponse.parse(JSON.parse(response.body)).access_token;
}
