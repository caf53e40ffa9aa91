// `npm start`: starts what the settings do not name (a table store, a token issuer), then the app, and prints how to use it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { packagedPages } from '../functions/page.ts';
import { readSettings } from '../shared/settings.ts';
import { ancestorsEnd } from './ancestors.ts';
import { banner, type Facts, namesProxy } from './banner.ts';
import { type Child, outliveTerminal, startChild } from './childProcess.ts';
import { commandOf } from './command.ts';
import { readCommandLine } from './commandLine.ts';
import { DEFAULT_LIFETIME_SECONDS, startIssuer } from './issuer.ts';
import { type Certificate, KEYS_FOLDER, keptCertificate, keptSigningKey } from './keys.ts';
import { readLocalSettings } from './localSettings.ts';
import { findFreePort, LOOPBACK } from './loopback.ts';
import { checkPorts } from './ports.ts';
import { noteRunning, noteStopped } from './running.ts';

const USAGE = `
npm start -- [options]

Starts the service on this machine, with a table store and a token issuer unless the settings name others.

  --port NUMBER  the app's port, 0 for any free one; by default PORT, or 7071
  --https        serve the app and the issuer over https, with a certificate that is kept in KEYS_LOCATION
  --json         print one line of JSON instead of text, once all is ready
  --quiet        do not print a line for every request
  --watch        compile and restart the app whenever its source changes
  --host NAME    func (Azure Functions Core Tools) or embedded; by default func where it is installed
  --app FOLDER   the app to run, such as dist/app, which npm run package makes
  --build        compile the app first, as npm start does
  --help         print this text

PORT (7071), ISSUER_PORT (7072) and AZURITE_TABLE_PORT (10002) are the ports; AZURITE_LOCATION (.azurite) is the folder of
the data, KEYS_LOCATION (.keys) that of the signing key and the certificate.
`;

/** How long Core Tools may take to serve the first request: it builds nothing, but it may fetch its extensions. */
const FUNC_START_DEADLINE_MS = 120_000;
/** Azurite's account, whose key is public. Microsoft Learn, "Connect to Azurite with SDKs and tools". */
const AZURITE_ACCOUNT = 'devstoreaccount1';
const AZURITE_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const AZURITE_FOLDER = '.azurite';
/** The folders that the app is compiled from. */
const SOURCES = ['functions', 'shared'];

/** What a part that listens reports when it is ready. */
const listening = z.object({ port: z.number() });

/** A part of the local set-up that was started. */
interface Part {
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** Of a part that does not end by itself. */
const never = new Promise<never>(() => {});

const options = readOptions();
/** The host's key for `/admin`, which the real host has too. */
const adminKey = process.env.ADMIN_KEY ?? randomUUID();
const parts: Part[] = [];
const interrupted = Promise.race([
  ...['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)),
  ancestorsEnd(),
]);
outliveTerminal();
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
  const { app, host } = options;
  const { named, sample, host: hostSettings } = readLocalSettings(process.env);
  const { AUTH_AUTHORITY, TABLES_CONNECTION, ...rest } = sample;
  const needsStore = !named.TABLES_CONNECTION && !named.TABLES_ENDPOINT;
  const needsIssuer = !named.AUTH_AUTHORITY;
  const env: NodeJS.ProcessEnv = {
    ...hostSettings,
    ...rest,
    ...(needsStore && { TABLES_CONNECTION }),
    ...(needsIssuer && { AUTH_AUTHORITY }),
    ...named,
    ...(options.port !== undefined && { PORT: options.port }),
  };
  const { auth, pages } = readSettings(env);
  const [tenant = ''] = auth.tenants;
  const [audience = ''] = auth.audiences;
  const grantedRoles = auth.appRoles.slice(0, 1);
  const ports = {
    app: portOf(env, 'PORT', 7071),
    issuer: portOf(env, 'ISSUER_PORT', 7072),
    store: portOf(env, 'AZURITE_TABLE_PORT', 10002),
  };
  await checkPorts([
    { variable: 'PORT', part: 'the app', port: ports.app },
    ...(needsIssuer ? [{ variable: 'ISSUER_PORT', part: 'the token issuer', port: ports.issuer }] : []),
    ...(needsStore ? [{ variable: 'AZURITE_TABLE_PORT', part: 'the table store', port: ports.store }] : []),
  ]);
  const keys = env.KEYS_LOCATION ?? KEYS_FOLDER;
  requireWritable(keys, 'KEYS_LOCATION');
  prepareApp(app);

  const certificate = options.https ? await keptCertificate(keys) : undefined;
  if (certificate) env.NODE_EXTRA_CA_CERTS = trustedBy(env.NODE_EXTRA_CA_CERTS, certificate, keys);
  if (needsStore) env.TABLES_CONNECTION = await startStore(env, ports.store);
  const issuer = needsIssuer
    ? await startIssuer(ports.issuer, { grantedRoles, signingKey: await keptSigningKey(keys), certificate })
    : undefined;
  if (issuer) {
    parts.push({ ended: never, stop: () => issuer.close() });
    env.AUTH_AUTHORITY = issuer.authority;
  }
  const baseUrl = await (host === 'func'
    ? startFunc(app, env, ports.app)
    : startEmbeddedHost(app, env, ports.app, certificate));

  const authority = issuer?.authority ?? auth.authority;
  const facts: Facts = {
    baseUrl,
    token: (await issuer?.issueToken({ tenant, audience, roles: grantedRoles })) ?? null,
    tokenEndpoint: `${authority}/${tenant}/oauth2/v2.0/token`,
    issuer: `${authority}/${tenant}/v2.0`,
    tenant,
    audience,
    tables: tableServiceOf(env),
    host,
    ...(certificate && { certificate: certificate.file }),
  };
  noteRunning(keys, facts);
  parts.push({ ended: never, stop: async () => noteStopped(keys) });
  if (options.json) return console.log(JSON.stringify(facts));
  console.log(
    banner(facts, {
      pages: packagedPages(pages, app),
      tokenSeconds: DEFAULT_LIFETIME_SECONDS,
      platform: process.platform,
      isProxied: namesProxy(process.env),
      ...(host === 'embedded' && { adminKey }),
      runsTimers: host === 'embedded' || Boolean(env.AzureWebJobsStorage),
    }),
  );
}

/** Makes a folder where there is none. */
function requireWritable(folder: string, variable: string) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw new Error(`${resolve(folder)} cannot be written to. Set ${variable} to another folder.`, { cause });
  }
}

/** Compiles the app if that was asked for; one that is made by another command must be there. */
function prepareApp(app: string) {
  const isCheckout = resolve(app) === resolve('.');
  if (!isCheckout && !existsSync(join(app, 'package.json'))) {
    throw new Error(`There is no app in ${app}. npm run package makes one in dist/app.`);
  }
  if (!isCheckout && options.watch) throw new Error('--watch needs the sources: it does not go with --app.');
  if (isCheckout && options.build && !compile()) throw new Error('The app does not compile.');
}

function compile(...flags: string[]) {
  const compiler = ['node_modules/typescript/bin/tsc', '--project', 'functions', ...flags];
  return spawnSync(process.execPath, compiler, { stdio: ['ignore', 2, 2] }).status === 0;
}

/** The certificates that Node trusts besides its own: the local one, and those that the environment names already. */
function trustedBy(others: string | undefined, { cert, file }: Certificate, folder: string) {
  if (!others || resolve(others) === file) return file;
  const both = resolve(folder, 'trusted.pem');
  writeFileSync(both, `${readFileSync(others, 'utf8')}\n${cert}`, { mode: 0o600 });
  return both;
}

function anyEnds(started: readonly Part[]) {
  return Promise.race(
    started.map(async ({ ended }) => {
      await ended;
      throw new Error('A part of the service has ended by itself; the rest is stopped.');
    }),
  );
}

function readOptions() {
  const { values } = readCommandLine(USAGE, {
    json: { type: 'boolean', default: false },
    https: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    build: { type: 'boolean', default: false },
    watch: { type: 'boolean', default: false },
    port: { type: 'string' },
    host: { type: 'string' },
    app: { type: 'string', default: '.' },
  });
  const host = z.enum(['func', 'embedded']).optional().safeParse(values.host);
  if (!host.success) {
    console.error(`--host must be func or embedded; it is ${values.host}.`);
    process.exit(1);
  }
  const needsEmbedded = values.https || values.watch;
  if (needsEmbedded && host.data === 'func') {
    console.error(
      '--https and --watch need the embedded host: Core Tools take no certificate in PEM, and do not reload.',
    );
    process.exit(1);
  }
  return { ...values, host: host.data ?? (!needsEmbedded && hasCoreTools() ? 'func' : 'embedded') };
}

function hasCoreTools() {
  const { file, args, shell } = commandOf('func', ['--version']);
  return spawnSync(file, args, { stdio: 'ignore', shell }).status === 0;
}

function portOf(env: NodeJS.ProcessEnv, name: string, standard: number) {
  const port = Number(env[name] ?? standard);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`${name} must be a port, 0 for any free one; it is ${JSON.stringify(env[name])}.`);
  }
  return port;
}

/** Reports a part that was started to a parent process, if there is one that listens. */
function report(module: string, { pid }: ChildProcess) {
  if (pid !== undefined) process.send?.({ started: { module, pid } });
}

async function startStore(env: NodeJS.ProcessEnv, port: number) {
  const location = env.AZURITE_LOCATION ?? AZURITE_FOLDER;
  requireWritable(location, 'AZURITE_LOCATION');
  const store = await startChild('azurite.ts', {
    ...env,
    AZURITE_LOCATION: location,
    AZURITE_TABLE_PORT: String(port),
  });
  parts.push(store);
  report('azurite.ts', store.process);
  const chosen = listening.parse(store.ready).port;
  return `DefaultEndpointsProtocol=http;AccountName=${AZURITE_ACCOUNT};AccountKey=${AZURITE_KEY};TableEndpoint=http://${LOOPBACK}:${chosen}/${AZURITE_ACCOUNT};`;
}

async function startEmbeddedHost(
  cwd: string,
  env: NodeJS.ProcessEnv,
  port: number,
  certificate: Certificate | undefined,
) {
  const start = (on: number) =>
    startChild(
      'host.ts',
      {
        ...env,
        PORT: String(on),
        ADMIN_KEY: adminKey,
        ...(certificate && { CERTIFICATE_FILE: certificate.file, CERTIFICATE_KEY_FILE: certificate.keyFile }),
        ...(!options.quiet && { REQUEST_LINES: 'true' }),
      },
      { cwd },
    );
  const host = await start(port);
  const chosen = listening.parse(host.ready).port;
  parts.push(options.watch ? restartOnChange(host, () => start(chosen)) : host);
  report('host.ts', host.process);
  return `${certificate ? 'https' : 'http'}://${LOOPBACK}:${chosen}`;
}

/** Restarts the app, on the same port, when a source file has changed and compiles. */
function restartOnChange(first: Child, start: () => Promise<Child>): Part {
  let app: Child | undefined = first;
  let restarted = Promise.resolve();
  const restart = async () => {
    // The editor checks types; here they would take longer than the rest.
    if (!compile('--noCheck')) return;
    await app?.stop();
    app = await start().catch((error: Error) => {
      console.error(error.message);
      return undefined;
    });
    if (app) console.error('The app was restarted.');
  };
  // An editor may write a file in several steps.
  let settled: NodeJS.Timeout | undefined;
  const onChange = () => {
    clearTimeout(settled);
    settled = setTimeout(() => {
      restarted = restarted.then(restart);
    }, 100);
  };
  const watchers = SOURCES.map((folder) => watch(folder, { recursive: true }, onChange));
  return {
    ended: never,
    async stop() {
      for (const watcher of watchers) watcher.close();
      clearTimeout(settled);
      await restarted;
      await app?.stop();
    },
  };
}

/** Core Tools cannot choose a free port and do not report when they are ready: the port is polled until it answers. */
async function startFunc(cwd: string, env: NodeJS.ProcessEnv, port: number) {
  const chosen = port === 0 ? await findFreePort() : port;
  const { file, args, shell } = commandOf('func', ['start', '--port', String(chosen)]);
  const func = spawn(file, args, { cwd, env, stdio: ['ignore', 2, 2], shell });
  const ended = Promise.race([once(func, 'exit'), once(func, 'error')]).catch(() => {});
  report('func', func);
  parts.push({
    ended,
    async stop() {
      // Windows has no signals, and the shell is not the host.
      if (shell) spawnSync('taskkill', ['/pid', String(func.pid), '/t', '/f'], { stdio: 'ignore' });
      // After a SIGTERM the host goes on serving.
      else func.kill('SIGINT');
      await ended;
    },
  });
  const baseUrl = `http://${LOOPBACK}:${chosen}`;
  const deadline = AbortSignal.timeout(FUNC_START_DEADLINE_MS);
  const isUp = async () => (await fetch(`${baseUrl}/v1.0`).catch(() => undefined))?.headers.has('OData-Version');
  const up = (async () => {
    while (!(await isUp())) await delay(500, undefined, { signal: deadline });
    return true;
  })();
  if (await Promise.race([up, ended.then(() => false)])) return baseUrl;
  throw new Error(
    'func start has ended. Azure Functions Core Tools 4 are installed by npm install --global azure-functions-core-tools@4; ' +
      'without them, use --host embedded.',
  );
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
