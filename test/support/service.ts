import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { findFreePort } from '../../local/loopback.ts';
import { checkAnswer } from './openApi.ts';

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

/** The whole local service, in processes of its own, as `npm start` starts it. */
export interface TestService {
  readonly facts: z.infer<typeof facts>;
  /** The folder of its keys, where it also writes down that it runs. */
  readonly keys: string;
  /** Everything that it wrote to standard error. */
  readonly errors: () => string;
  /** The process that was started. */
  readonly process: ChildProcess;
  /** The processes that it started. */
  readonly parts: readonly TestPart[];
  /** Sends a signal to that process, and waits until it and every process that it started have ended. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const part = z
  .object({ started: z.object({ module: z.string(), pid: z.number() }) })
  .transform(({ started }) => started);

/** A process that the service started, by the module that it runs. */
export type TestPart = z.infer<typeof part>;

/** A folder for a table store, away from that of the checkout. */
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
 * Runs `npm start`'s own program on free ports and with keys of its own; `env` overrides the environment. It chooses the
 * host itself if `host` is undefined.
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
      PORT: '0',
      ISSUER_PORT: '0',
      AZURITE_TABLE_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  child.once('exit', keys.remove);
  const parts: TestPart[] = [];
  child.on('message', (message) => parts.push(part.parse(message)));
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  return { child, parts, keys: env.KEYS_LOCATION ?? keys.path, errors: () => errors, exited: once(child, 'exit') };
}

/** Starts the service and waits until it is ready. */
export async function startService(
  env: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
  host?: { readonly host: string | undefined },
): Promise<TestService> {
  const { child, parts, keys, errors, exited } = spawnService(env, ['--json', '--quiet', ...flags], host);
  const line = await Promise.race([firstLine(child), exited.then(() => undefined)]);
  if (line === undefined) throw new Error(`The service did not start: ${errors()}`);
  return {
    facts: facts.parse(JSON.parse(line)),
    keys,
    errors,
    process: child,
    parts,
    async end(signal) {
      child.kill(signal);
      const [code] = await exited;
      while (parts.some(isRunning)) await delay(20);
      return code;
    },
  };
}

/** Kills a service and every process that it started, and waits until they have ended. */
export async function killService({ parts, process: { pid = 0 } }: TestService): Promise<void> {
  const processes = [...parts, { pid }];
  for (const each of processes) {
    try {
      process.kill(each.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
  while (processes.some(isRunning)) await delay(20);
}

/** Whether a process still runs. */
export function isRunning({ pid }: Pick<TestPart, 'pid'>): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function firstLine(child: ChildProcess) {
  if (!child.stdout) return undefined;
  for await (const line of createInterface(child.stdout)) return line;
  return undefined;
}

type Facts = { readonly facts: Pick<TestService['facts'], 'baseUrl' | 'token'> };

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
  { body, headers = {} }: { body?: object | string; headers?: Record<string, string> } = {},
) {
  const response = await fetch(new URL(path, baseUrl), {
    method,
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
  const isJson = text !== '' && answered.get('content-type')?.startsWith('application/json');
  return { status, headers: answered, text, json: isJson ? JSON.parse(text) : undefined };
}

/** The environment of a service that `heapSamples` reads. */
export const WATCH_HEAP = { NODE_OPTIONS: `--import ${new URL('heap.ts', import.meta.url)}` };

/** The environment of a service that `loadedModules` reads. */
export const WATCH_LOADS = { NODE_OPTIONS: `--import ${new URL('loads.ts', import.meta.url)}` };

/** The addresses of the modules that the host has loaded. */
export function loadedModules({ errors }: Pick<TestService, 'errors'>): string[] {
  return [...errors().matchAll(/^load (.+)$/gm)].map(([, url = '']) => url);
}

/** How much of the host's heap was in use after a collection: one number a second, in KiB. */
export function heapSamples({ errors }: Pick<TestService, 'errors'>): number[] {
  return [...errors().matchAll(/^heap (\d+)$/gm)].map(([, bytes]) => Number(bytes) / 1024);
}

/** How long the host's event loop was held at most, in milliseconds: one number a second. */
export function heldSamples({ errors }: Pick<TestService, 'errors'>): number[] {
  return [...errors().matchAll(/^held ([\d.]+)$/gm)].map(([, milliseconds]) => Number(milliseconds));
}
