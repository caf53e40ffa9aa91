// `npm run token`: prints an access token of the local issuer.
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { readSettings } from '../shared/settings.ts';
import { readLocalSettings } from './localSettings.ts';
import { LOOPBACK } from './loopback.ts';

const answer = z.object({ access_token: z.string() });

try {
  console.log(await requestToken());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function requestToken() {
  const { values } = parseArgs({
    options: {
      role: { type: 'string', multiple: true },
      tenant: { type: 'string' },
      'expires-in': { type: 'string' },
    },
  });
  const { named, sample } = readLocalSettings(process.env);
  const port = process.env.ISSUER_PORT;
  const { auth } = readSettings({
    ...sample,
    ...(port && { AUTH_AUTHORITY: `http://${LOOPBACK}:${port}` }),
    ...named,
    ...(named.TABLES_ENDPOINT && { TABLES_CONNECTION: '' }),
  });
  const [tenant = ''] = values.tenant ? [values.tenant] : auth.tenants;
  const endpoint = `${auth.authority}/${tenant}/oauth2/v2.0/token`;
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'local',
    client_secret: 'local',
    scope: `${auth.audiences[0]}/.default`,
    ...(values['expires-in'] && { expires_in: values['expires-in'] }),
  });
  for (const role of values.role ?? auth.appRoles.slice(0, 1)) form.append('role', role);

  const response = await fetch(endpoint, { method: 'POST', body: form }).catch(() => {
    throw new Error(`No issuer answers at ${endpoint}. Is npm start running?`);
  });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(`The issuer refused: ${JSON.stringify(body)}`);
  return answer.parse(body).access_token;
}
