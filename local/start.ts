// `npm start`: starts what the settings do not name (a table store, a token issuer), then the app, and says how to use it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { readSettings } from '../shared/settings.ts';
import { startChild } from './childProcess.ts';
import { startIssuer } from './issuer.ts';
import { readLocalSettings } from './localSettings.ts';
import { LOOPBACK } from './loopback.ts';

/** How long Core Tools may take to serve the first request: it builds nothing, but it may fetch its extensions. */
const FUNC_START_DEADLINE_MS = 120_000;

/** Azurite's account, whose key is public. Microsoft Learn, "Connect to Azurite with SDKs and tools". */
const AZURITE_ACCOUNT = 'devstoreaccount1';
const AZURITE_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const AZURITE_FOLDER = '.azurite';

/** What a part that listens says of itself when it is ready. */
const listening = z.object({ port: z.number() });

/** A part of the local set-up that was started. */
interface Part {
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

const parts: Part[] = [];
const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
try {
  await Promise.race([interrupted, startAll().then(() => anyEnds(parts))]);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
// The last to be started is the first to be stopped: the app before the store that it writes to.
for (const part of parts.toReversed()) await part.stop();
process.exit();

async function startAll() {
  const { json, app, host } = readArguments();
  const { named, sample } = readLocalSettings(process.env);
  const { AUTH_AUTHORITY, TABLES_CONNECTION, ...rest } = sample;
  const needsStore = !named.TABLES_CONNECTION && !named.TABLES_ENDPOINT;
  const needsIssuer = !named.AUTH_AUTHORITY;
  const env: NodeJS.ProcessEnv = {
    ...rest,
    ...(needsStore && { TABLES_CONNECTION }),
    ...(needsIssuer && { AUTH_AUTHORITY }),
    ...named,
  };
  const { auth, pages } = readSettings(env);
  const [tenant = ''] = auth.tenants;
  const [audience = ''] = auth.audiences;

  if (needsStore) env.TABLES_CONNECTION = await startStore(env);
  const issuer = needsIssuer ? await startIssuer(portOf(env, 'ISSUER_PORT', 7072)) : undefined;
  if (issuer) {
    parts.push({ ended: new Promise(() => {}), stop: () => issuer.close() });
    env.AUTH_AUTHORITY = issuer.authority;
  }
  const port = portOf(env, 'PORT', 7071);
  const baseUrl = await (host === 'func' ? startFunc(app, env, port) : startEmbeddedHost(app, env, port));

  const authority = issuer?.authority ?? auth.authority;
  const facts = {
    baseUrl,
    token: (await issuer?.issueToken({ tenant, audience, roles: auth.appRoles.slice(0, 1) })) ?? null,
    tokenEndpoint: `${authority}/${tenant}/oauth2/v2.0/token`,
    issuer: `${authority}/${tenant}/v2.0`,
    tenant,
    audience,
    tables: tableServiceOf(env),
    host,
  };
  console.log(json ? JSON.stringify(facts) : explanation(facts, pages));
}

function anyEnds(started: readonly Part[]) {
  return Promise.race(
    started.map(async ({ ended }) => {
      await ended;
      throw new Error('A part of the service has ended by itself; the rest is stopped.');
    }),
  );
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      host: { type: 'string' },
      app: { type: 'string', default: '.' },
    },
  });
  const host = z.enum(['func', 'embedded']).optional().safeParse(values.host);
  if (!host.success) throw new Error(`--host must be func or embedded; it is ${values.host}.`);
  return { json: values.json, app: values.app, host: host.data ?? (hasCoreTools() ? 'func' : 'embedded') };
}

function hasCoreTools() {
  return spawnSync('func', ['--version'], { stdio: 'ignore', shell: process.platform === 'win32' }).status === 0;
}

function portOf(env: NodeJS.ProcessEnv, name: string, standard: number) {
  const port = Number(env[name] ?? standard);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`${name} must be a port, 0 for any free one; it is ${JSON.stringify(env[name])}.`);
  }
  return port;
}

async function startStore(env: NodeJS.ProcessEnv) {
  const location = env.AZURITE_LOCATION ?? AZURITE_FOLDER;
  mkdirSync(location, { recursive: true });
  const port = portOf(env, 'AZURITE_TABLE_PORT', 10002);
  try {
    const azurite = await startChild('azurite.ts', {
      ...env,
      AZURITE_LOCATION: location,
      AZURITE_TABLE_PORT: String(port),
    });
    parts.push(azurite);
    const { port: chosen } = listening.parse(azurite.ready);
    return `DefaultEndpointsProtocol=http;AccountName=${AZURITE_ACCOUNT};AccountKey=${AZURITE_KEY};TableEndpoint=http://${LOOPBACK}:${chosen}/${AZURITE_ACCOUNT};`;
  } catch (error) {
    throw new Error(
      `The table store cannot start. ${error instanceof Error ? error.message : error}\n` +
        'If an Azurite already runs there, set TABLES_CONNECTION=UseDevelopmentStorage=true to use it.',
    );
  }
}

async function startEmbeddedHost(cwd: string, env: NodeJS.ProcessEnv, port: number) {
  const host = await startChild('host.ts', { ...env, PORT: String(port) }, { cwd });
  parts.push(host);
  return `http://${LOOPBACK}:${listening.parse(host.ready).port}`;
}

/** Core Tools know no free port and tell nobody when they are ready: so the port is fixed, and asked until it answers. */
async function startFunc(cwd: string, env: NodeJS.ProcessEnv, port: number) {
  if (port === 0) throw new Error('PORT must not be 0 with --host func.');
  const func = spawn('func', ['start', '--port', String(port)], {
    cwd,
    env,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  const ended = Promise.race([once(func, 'exit'), once(func, 'error')]).catch(() => {});
  parts.push({
    ended,
    async stop() {
      func.kill('SIGINT');
      await ended;
    },
  });
  const baseUrl = `http://${LOOPBACK}:${port}`;
  const deadline = AbortSignal.timeout(FUNC_START_DEADLINE_MS);
  const isUp = async () => (await fetch(`${baseUrl}/v1.0`).catch(() => undefined))?.headers.has('OData-Version');
  const up = (async () => {
    while (!(await isUp())) await delay(500, undefined, { signal: deadline });
    return true;
  })();
  if (await Promise.race([up, ended.then(() => false)])) return baseUrl;
  throw new Error('func start has ended; is Azure Functions Core Tools 4 installed? Without it, use --host embedded.');
}

/** The address of the table service that the app uses, without its key. */
function tableServiceOf(env: NodeJS.ProcessEnv) {
  const connection = env.TABLES_CONNECTION ?? '';
  const part = (name: string) => new RegExp(`(?:^|;)\\s*${name}=([^;]*)`, 'i').exec(connection)?.[1];
  return (
    env.TABLES_ENDPOINT ??
    part('TableEndpoint') ??
    (part('UseDevelopmentStorage')
      ? `http://${LOOPBACK}:10002/${AZURITE_ACCOUNT}`
      : `https://${part('AccountName')}.table.${part('EndpointSuffix') ?? 'core.windows.net'}`)
  );
}

function explanation(
  { baseUrl, token, tables, issuer }: Record<'baseUrl' | 'tables' | 'issuer', string> & { token: string | null },
  pages: readonly string[],
) {
  return `
The service answers at ${baseUrl}/v1.0/playPromptOperation
${pages.map((page) => `  a page at ${baseUrl}/${page}\n`).join('')}  tokens from ${issuer}
  operations in ${tables}

Try it:

curl -sS -X PATCH '${baseUrl}/v1.0/playPromptOperation' \\
  -H 'Authorization: Bearer ${token ?? '{token}'}' \\
  -H 'Content-Type: application/json' \\
  -d '{"clientContext":"my first prompt","status":"Running"}'

Ctrl-C stops it.
`;
}
