// `npm run token`: prints an access token of the local issuer.
import { readCommandLine } from './commandLine.ts';
import { requestToken } from './requestToken.ts';
import { runningService } from './running.ts';

const USAGE = `
npm run --silent token -- [options]

Prints an access token of the issuer that npm start runs in this folder.

  --role NAME           an app role of the token; may be repeated; by default the first of AUTH_APP_ROLES
  --tenant ID           the tenant, by default the first of AUTH_TENANTS
  --expires-in SECONDS  how long the token is valid, by default 3600, at most 86400
  --help                print this text
`;

const { values } = readCommandLine(USAGE, {
  role: { type: 'string', multiple: true },
  tenant: { type: 'string' },
  'expires-in': { type: 'string' },
});
try {
  const { role: roles, tenant, 'expires-in': expiresInSeconds } = values;
  console.log(await requestToken(runningService(), { roles, tenant, expiresInSeconds }));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
