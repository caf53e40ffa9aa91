import { randomUUID } from 'node:crypto';
import { HttpRequest, HttpResponse, InvocationContext } from '@azure/functions';
import { afterAll, beforeAll, test } from '@jest/globals';
import * as z from 'zod';
import { createApp } from '../../functions/app.ts';
import { createRouter } from '../../functions/router.ts';
import type { TimerFunction } from '../../local/functionsWorker.ts';
import { startIssuer } from '../../local/issuer.ts';
import { readSettings } from '../../shared/settings.ts';
import { checkAnswer } from './openApi.ts';
import { TENANT } from './operations.ts';
import { type RawRequest, type RawResponse, sendRequest } from './rawHttp.ts';
import { jsonOf, startService } from './service.ts';
import { azuriteConnection, newTableName } from './tables.ts';
import { AUDIENCE, OTHER_TENANT, ROLE } from './tokens.ts';
import { until } from './until.ts';

/** A request as a test describes it: valid where the test sets nothing. */
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

export type TestApp = Awaited<ReturnType<typeof startApp>>;
export type TestAnswer = Awaited<ReturnType<TestApp['send']>>;

type Around = <Result>(work: () => Promise<Result>) => Promise<Result>;

type SentRequest = Pick<RawRequest, 'method' | 'headers'> & { readonly url: URL; readonly body: Uint8Array };

/** What sends requests to the app. */
interface Driver {
  send(request: SentRequest): Promise<RawResponse>;
  /** The functions that a timer triggers, if the app runs in this process. */
  readonly timers: readonly TimerFunction[];
  close(): Promise<unknown>;
}

type Environment = Readonly<Record<string, string>>;

/** The time of an app and its pauses, as `createApp` takes them. */
type Clock = Parameters<typeof createApp>[1];

/** A clock that a pause puts forward, so that nothing waits for it. */
export function skippingClock(): Clock {
  let skipped = 0;
  return { now: () => Date.now() + skipped, sleep: async (milliseconds) => (skipped += milliseconds) };
}

/** The app of all tests of a file, or of a `describe`: started before them, and closed after them. */
export function useApp(settings: Environment | (() => Environment) = {}, clock?: Clock): TestApp {
  const app: TestApp = Object.create(null);
  beforeAll(async () => {
    Object.assign(app, await startApp(typeof settings === 'function' ? settings() : settings, clock));
  });
  afterAll(() => app.close());
  return app;
}

/** The settings of another instance of a service: the same store and issuer. */
export const sameService = (app: TestApp) => ({ AUTH_AUTHORITY: app.issuer.authority, TABLES_NAME: app.table });

/** For what a client of Node.js cannot send over HTTP. */
export const testInProcess = process.env.TEST_HOST ? test.skip : test;

/**
 * The app with a real issuer and a real store: its own entry point and settings, driven in this process through the library
 * as the worker drives it. If TEST_HOST names a host, the app runs there, and is driven over HTTP.
 */
export async function startApp(settings: Environment = {}, clock?: Clock) {
  const issuer = await startIssuer(0);
  const table = newTableName();
  const environment = {
    AUTH_AUTHORITY: issuer.authority,
    AUTH_TENANTS: `${TENANT},${OTHER_TENANT}`,
    AUTH_AUDIENCES: AUDIENCE,
    TABLES_CONNECTION: azuriteConnection(),
    TABLES_NAME: table,
    // On a laptop they are on.
    NOTIFICATION_HOSTS: '',
    ...settings,
  };
  /** Every line that the app logged. */
  const logged: string[] = [];
  const driver = process.env.TEST_HOST
    ? await driveHost(environment, logged)
    : await driveInProcess(environment, logged, clock);
  const token = await issuer.issueToken({ tenant: TENANT, audience: AUDIENCE, roles: [ROLE] });

  const app = {
    ...{ issuer, table, logged, token },
    /** `around` runs the app's part of it, so that a test can measure that alone. */
    async send(request: TestRequest = {}, around: Around = (work) => work()) {
      const { method = 'PATCH', path = '/v1.0/playPromptOperation', body } = request;
      const bearer = 'token' in request ? request.token : token;
      const headers = {
        'content-type': 'application/json',
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        ...request.headers,
      };
      const url = new URL(path, 'http://127.0.0.1:7071');
      const sent = { method, url, headers: Object.entries(headers).filter(isSent), body: toBytes(body) };
      const answer = await around(() => driver.send(sent));
      checkAnswer({ method, url: url.href, sent: body, ...answer });
      const { status, headers: answered, body: text } = answer;
      return { status, headers: answered, text, json: jsonOf(answered, text) };
    },
    timers: driver.timers,
    async close() {
      await driver.close();
      await issuer.close();
    },
  };
  // Waits for the signing keys.
  await app.send({ body: 'no JSON' });
  logged.length = 0;
  return app;
}

async function driveInProcess(environment: Environment, logged: string[], clock: Clock): Promise<Driver> {
  const { http, timers, start, terminate } = await createApp(readSettings(environment), clock);
  const route = createRouter('', http);
  const newContext = (functionName: string) =>
    new InvocationContext({
      functionName,
      invocationId: randomUUID(),
      logHandler: (_level, message) => logged.push(String(message)),
    });
  start();
  return {
    async send({ method, url, headers: sent, body }) {
      const matched = route(method, url.pathname);
      if (!matched) throw new Error(`No function serves ${method} ${url.pathname}.`);
      const { served, params } = matched;
      const [query, headers] = [Object.fromEntries(url.searchParams), Object.fromEntries(sent)];
      const request = new HttpRequest({ method, url: url.href, headers, params, query, body: { bytes: body } });
      const response = new HttpResponse(
        z.looseObject({}).parse(await served.handler(request, newContext(served.name))),
      );
      const answered = new Headers(Object.fromEntries(response.headers));
      return { status: response.status, headers: answered, body: await response.text() };
    },
    timers: timers.map(({ name, schedule, handler }) => ({
      name,
      schedule,
      run: async () => {
        const scheduleStatus = { last: '', next: '', lastUpdated: '' };
        const timer = { schedule: { adjustForDST: true }, isPastDue: false, scheduleStatus };
        await handler(timer, newContext(name));
      },
    })),
    close: terminate,
  };
}

async function driveHost(environment: Environment, logged: string[]): Promise<Driver> {
  const { facts, errors, end } = await startService({
    PAGES: '',
    // There the host takes scheme and host from the headers below.
    WEBSITE_SKU: 'FlexConsumption',
    ...environment,
  });
  const readLog = () => logged.splice(0, logged.length, ...errors().split('\n'));
  const send: Driver['send'] = async ({ method, url, headers, body }) => {
    const front = Object.entries({ 'disguised-host': url.host, 'x-forwarded-proto': url.protocol.slice(0, -1) });
    const sent = { method, path: url.pathname + url.search, headers: [...front, ...headers], body };
    const answer = await sendRequest(facts.baseUrl, sent);
    const requestId = answer.headers.get('request-id');
    // The line of an error may come after its response.
    if (requestId && answer.status >= 400) await until(() => errors().includes(requestId));
    readLog();
    for (const header of HOST_HEADERS) answer.headers.delete(header);
    return answer;
  };
  return { send, timers: [], close: () => end('SIGINT') };
}

/** Headers that the host adds, which are no part of the API. */
const HOST_HEADERS = ['server', 'date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'];

const isSent = (entry: [string, string | undefined]): entry is [string, string] => entry[1] !== undefined;

function toBytes(body: TestRequest['body']): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'object' ? JSON.stringify(body) : (body ?? ''));
}
