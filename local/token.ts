// `npm run token`: prints an access token of the local issuer.
import * as z from 'zod';
import { askLoopback } from './askLoopback.ts';
import { readCommandLine } from './commandLine.ts';
import { LOOPBACK } from './loopback.ts';
import { runningService } from './running.ts';

const DEADLINE_MS = 5000;

const USAGE = `
npm run --silent token -- [options]

Prints an access token of the issuer that npm start runs in this folder.

  --role NAME           an app role of the token; may be repeated; by default the first of AUTH_APP_ROLES
  --tenant ID           the tenant, by default the first of AUTH_TENANTS
  --expires-in SECONDS  how long the token is valid, by default 3600, at most 86400
  --help                print this text
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
  const { tokenEndpoint, tenant, audience } = runningService();
  const { hostname, port, pathname } = new URL(tokenEndpoint);
  if (hostname !== LOOPBACK) throw new Error(`Tokens come from ${tokenEndpoint}, which is not the local issuer.`);
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'local',
    client_secret: 'local',
    scope: `${audience}/.default`,
    ...(values['expires-in'] && { expires_in: values['expires-in'] }),
  });
  for (const role of values.role ?? []) form.append('role', role);

  const path = pathname.replace(tenant, values.tenant ?? tenant);
  const response = await askLoopback(Number(port), path, { form, deadlineMs: DEADLINE_MS });
  if (!response) throw new Error(`No issuer answers on port ${port}.`);
  if (response.status !== 200) throw new Error(`The issuer refused: ${response.body}`);
  return tokenResponse.parse(JSON.parse(response.body)).access_token;
}
