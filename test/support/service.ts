import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { isRunning } from '../../local/ancestors.ts';
import { findFreePort } from '../../local/loopback.ts';
import { checkAnswer } from './openApi.ts';
import { until } from './until.ts';

const facts = z.strictObject({
  baseUrl: z.url(),
  /** Null where the issuer is not the service's own. */
  token: z.string().nullable(),
  tokenEndpoint: z.url(),
  issuer: z.url(),
  tenant: z.guid(),
  audience: z.string(),
  tables: z.url(),
  host: z.enum(['func', 'embedded']),
  /** With --https. */
  certificate: z.string().optional(),
});

/** What the service reports of a process that it started. */
const part = z.object({ started: z.object({ module: z.string(), pid: z.number() }) });

/** The whole local service, in processes of its own, as `npm start` starts it. */
export type TestService = Awaited<ReturnType<typeof startService>>;

/** A folder away from the checkout. */
export function newFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'playpromptoperation-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Ports that nothing listens on at the moment. */
export async function freePorts(count: number): Promise<string[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await findFreePort());
  return [...ports].map(String);
}

/** The folder of the app that the end-to-end tests start: what is deployed, outside of the checkout. */
export const APP_FOLDER = process.env.TEST_APP ?? '.';

/** The host that runs the app in the end-to-end tests, and in the contract tests if it is named. */
export const testHost = () => process.env.TEST_HOST ?? 'embedded';

/** The key of the embedded host. Core Tools ask for none. */
export const ADMIN_KEY = 'test';

/**
 * Runs `npm start`'s own program on free ports, with keys and a store of its own; `env` overrides the environment. It
 * chooses the host itself if `host` is undefined.
 */
export function spawnService(
  env: NodeJS.ProcessEnv = {},
  flags: readonly string[] = ['--json', '--quiet'],
  { host }: { readonly host: string | undefined } = { host: testHost() },
) {
  const keys = newFolder();
  const chosen = host === undefined ? [] : ['--host', host];
  const child = spawn(process.execPath, ['local/start.ts', ...chosen, '--app', APP_FOLDER, ...flags], {
    env: {
      ...process.env,
      ADMIN_KEY,
      KEYS_LOCATION: keys.path,
      AZURITE_LOCATION: join(keys.path, 'tables'),
      PORT: '0',
      ISSUER_PORT: '0',
      AZURITE_TABLE_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  child.once('exit', keys.remove);
  /** The processes that it started. */
  const pids: number[] = [];
  child.on('message', (message) => pids.push(part.parse(message).started.pid));
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  const exited: Promise<(number | null)[]> = once(child, 'exit');
  return {
    ...{ child, pids, exited },
    /** The folder of its keys, where it also writes down that it runs. */
    keys: env.KEYS_LOCATION ?? keys.path,
    /** Everything that it wrote to standard error. */
    errors: () => errors,
  };
}

/** Starts the service and waits until it is ready. */
export async function startService(
  env: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
  host?: { readonly host: string | undefined },
) {
  const service = spawnService(env, ['--json', '--quiet', ...flags], host);
  const { child, pids, exited, errors } = service;
  const line = await Promise.race([firstLine(child), exited.then(() => undefined)]);
  if (line === undefined) throw new Error(`The service did not start: ${errors()}`);
  return {
    ...service,
    facts: facts.parse(JSON.parse(line)),
    /** Sends it a signal, and waits until it and every process that it started have ended. */
    async end(signal: NodeJS.Signals) {
      child.kill(signal);
      const [code] = await exited;
      await until(() => !pids.some(isRunning));
      return code;
    },
  };
}

async function firstLine({ stdout }: ChildProcess) {
  const [line] = stdout ? await once(createInterface(stdout), 'line') : [];
  return line;
}

/** Kills a service and every process that it started, and waits until they have ended. */
export async function killService({ pids, child: { pid = 0 } }: TestService): Promise<void> {
  // The first of them would end the others in order.
  const running = [pid, ...pids].filter(isRunning);
  for (const each of running) process.kill(each, 'SIGKILL');
  await until(() => !running.some(isRunning));
}

interface SendOptions {
  readonly body?: object | string | undefined;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal | null;
}

type Facts = { readonly facts: Pick<z.infer<typeof facts>, 'baseUrl' | 'token'> };

/** Sends a PATCH with the service's own token, to the id in `path` if there is one. */
export function patch(
  service: Facts,
  body: object | string,
  { path = '', headers = {} }: { path?: string; headers?: Record<string, string> } = {},
) {
  return send(service, 'PATCH', `/v1.0/playPromptOperation${path}`, { body, headers });
}

/** Sends a request with the service's own token, an object as JSON, and holds the answer against /openapi.json. */
export async function send(
  { facts: { baseUrl, token } }: Facts,
  method: string,
  path: string,
  { body, headers = {}, signal = null }: SendOptions = {},
) {
  const response = await fetch(new URL(path, baseUrl), {
    method,
    signal,
    headers: {
      authorization: `Bearer ${token}`,
      ...(path.startsWith('/admin/') && { 'x-functions-key': ADMIN_KEY }),
      ...(body && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const { url, status, headers: answered } = response;
  // Those are the host's own.
  if (!path.startsWith('/admin/')) checkAnswer({ method, url, sent: body, status, headers: answered, body: text });
  return { status, headers: answered, text, json: jsonOf(answered, text) };
}

/** The body of an answer, parsed; undefined where there is none in JSON. */
export function jsonOf(headers: Headers, text: string) {
  return text !== '' && headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : undefined;
}

/** What a service reports of itself on standard error, a line at a time, by a module that is loaded into it. */
const watchBy = (module: string) => ({ NODE_OPTIONS: `--import ${new URL(module, import.meta.url)}` });
const reportedBy = ({ errors }: Pick<TestService, 'errors'>, word: string) =>
  [...errors().matchAll(new RegExp(`^${word} (.+)$`, 'gm'))].map(([, rest = '']) => rest);

/** The environment of a service of which the two functions below say something. */
export const WATCH_HEAP = watchBy('heap.ts');

/** How much of the host's heap was in use after a collection: one number a second, in KiB. */
export const heapSamples = (service: Pick<TestService, 'errors'>) =>
  reportedBy(service, 'heap').map((bytes) => Number(bytes) / 1024);

/** How long the host's event loop was held at most, in milliseconds: one number a second. */
export const heldSamples = (service: Pick<TestService, 'errors'>) => reportedBy(service, 'held').map(Number);

/** The environment of a service of which `loadedModules` says something. */
export const WATCH_LOADS = watchBy('loads.ts');

/** The addresses of the modules that the host has loaded. */
export const loadedModules = (service: Pick<TestService, 'errors'>) => reportedBy(service, 'load');

/** The environment of a service of which `promotedBytes` says something. */
export const WATCH_COLLECTIONS = watchBy('collections.ts');

/** By how many bytes the host's old space has grown between major collections. */
export function promotedBytes(service: Pick<TestService, 'errors'>): number {
  const collections = reportedBy(service, 'collection').map((line) => {
    const [kind, used] = line.split(' ');
    return { isMinor: kind === 'minor', used: Number(used) };
  });
  const growths = collections.map(({ isMinor, used }, n) => (isMinor ? used - (collections[n - 1]?.used ?? used) : 0));
  return growths.reduce((sum, growth) => sum + Math.max(0, growth), 0);
}
