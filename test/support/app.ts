import { jest } from '@jest/globals';
import type { TimerFunction } from '../../local/functionsWorker.ts';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { createRouter } from '../../local/router.ts';
import { checkAnswer } from './openApi.ts';
import { TENANT } from './operations.ts';
import { azuriteConnection, newTableName } from './tables.ts';
import { AUDIENCE, OTHER_TENANT, ROLE } from './tokens.ts';

/** A request as a test describes it: valid where the test says nothing. */
export interface TestRequest {
  readonly method?: string;
  readonly path?: string;
  /** Undefined takes a header away. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** An object is sent as JSON. */
  readonly body?: object | string | Uint8Array;
  /** Undefined sends no token. */
  readonly token?: string | undefined;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body, parsed; undefined where there is none in JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever was answered.
  readonly json: any;
}

export interface TestApp {
  readonly issuer: Issuer;
  readonly table: string;
  /** Every line that the app logged. */
  readonly logged: string[];
  readonly token: string;
  send(request?: TestRequest): Promise<TestAnswer>;
  /** The functions that a timer triggers. */
  readonly timers: readonly TimerFunction[];
  close(): Promise<void>;
}

/**
 * The app in this process: its own entry point and settings, driven through the library as the worker drives it, with
 * a real issuer and a real store.
 */
export async function startApp(settings: Readonly<Record<string, string>> = {}): Promise<TestApp> {
  const issuer = await startIssuer(0);
  const table = newTableName();
  const environment = {
    AUTH_AUTHORITY: issuer.authority,
    AUTH_TENANTS: `${TENANT},${OTHER_TENANT}`,
    AUTH_AUDIENCES: AUDIENCE,
    TABLES_CONNECTION: azuriteConnection(),
    TABLES_NAME: table,
    ...settings,
  };
  const { http, timers } = await loadApp(environment);
  const route = createRouter('', http);
  const logged: string[] = [];
  const token = await issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] });

  const app: TestApp = {
    issuer,
    table,
    logged,
    token,
    async send(request = {}) {
      const { method = 'PATCH', path = '/v1.0/playPromptOperation', body } = request;
      const bearer = 'token' in request ? request.token : token;
      const headers = {
        'content-type': 'application/json',
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        ...request.headers,
      };
      const url = new URL(path, 'http://127.0.0.1:7071');
      const matched = route(method, url.pathname);
      if (!matched) throw new Error(`No function serves ${method} ${path}.`);
      const answer = await matched.served.invoke(
        {
          method,
          url: url.href,
          headers: Object.fromEntries(Object.entries(headers).filter(isSent)),
          params: matched.params,
          query: Object.fromEntries(url.searchParams),
          body: toBytes(body),
        },
        (_level, message) => logged.push(message),
      );
      const { status, headers: answered } = answer;
      const text = Buffer.from(answer.body).toString();
      const exchange = { method, url: url.href, sent: body, status, headers: new Headers(answered), body: text };
      checkAnswer(exchange);
      return { status, headers: exchange.headers, text, json: toJson(exchange.headers, text) };
    },
    timers,
    close: () => issuer.close(),
  };
  // Some modules are loaded by the first request that needs them: now, while this app's module registry is the current
  // one, which that of another app in the same file would replace.
  for (const [method, path] of LAZY) await app.send({ method, path, token: undefined });
  logged.length = 0;
  return app;
}

const LAZY = [
  ['GET', '/v1.0/playPromptOperation'],
  ['DELETE', '/v1.0/playPromptOperation/a'],
  ['POST', '/v1.0/$batch'],
] as const;

async function loadApp(environment: Readonly<Record<string, string>>) {
  jest.resetModules();
  const worker = await import('../../local/functionsWorker.ts');
  jest.doMock('@azure/functions-core', () => worker, { virtual: true });
  const before = { ...process.env };
  Object.assign(process.env, environment);
  try {
    await import('../../functions/index.ts');
  } finally {
    process.env = before;
  }
  return worker.startApp();
}

const isSent = (entry: [string, string | undefined]): entry is [string, string] => entry[1] !== undefined;

function toBytes(body: TestRequest['body']): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'object' ? JSON.stringify(body) : (body ?? ''));
}

function toJson(headers: Headers, text: string) {
  return headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : undefined;
}
