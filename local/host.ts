// The embedded host: loads the built app, unchanged, as the Functions worker does, serves its HTTP functions on loopback
// and runs its timers. It runs as a child process of start.ts, and stops in order when its parent asks for it or is gone.
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { Cron } from 'croner';
import * as z from 'zod';
import { createRouter } from '../functions/router.ts';
import { serveUntilStopped } from './childProcess.ts';
import { corsHeaders, preflightHeaders } from './cors.ts';
import { type HttpAnswer, type TimerFunction, terminateApp } from './functionsWorker.ts';
import { declaredLength, headersOf, isSendable, refusalOf, urlOf } from './hostRules.ts';
import { loadApp } from './loadApp.ts';
import { close, createLoopbackServer, hostRefusal, listen } from './loopback.ts';
import { requestLine } from './requestLine.ts';

/** Kestrel's limit, which the real host has. */
const MAX_HEADER_BYTES = 32 * 1024;

/** How much of a body that the host does not forward is read, so that its sender gets the response. */
const MAX_DISCARDED_BYTES = 16 * 1024 * 1024;

/** How long a client may take to send a request; what is slower is answered 408. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 20_000, connectionsCheckingInterval: 1000 };

const http = z.object({
  routePrefix: z.string().default('api'),
  maxOutstandingRequests: z.number().default(200),
});
const hostJson = z.object({
  version: z.literal('2.0'),
  extensions: z.object({ http: http.prefault({}) }).prefault({}),
});

await serveUntilStopped(async () => {
  const { http: functions, timers } = await loadApp(process.cwd());
  const { extensions } = hostJson.parse(JSON.parse(readFileSync('host.json', 'utf8')));
  const { routePrefix, maxOutstandingRequests } = extensions.http;
  const routed = functions.map((each) => ({ ...each, template: each.route }));
  const route = createRouter(routePrefix, routed);

  const { CERTIFICATE_FILE, CERTIFICATE_KEY_FILE, REQUEST_LINES } = process.env;
  const certificate =
    CERTIFICATE_FILE && CERTIFICATE_KEY_FILE
      ? { cert: readFileSync(CERTIFICATE_FILE, 'utf8'), key: readFileSync(CERTIFICATE_KEY_FILE, 'utf8') }
      : undefined;
  const { CORS, CORS_CREDENTIALS } = process.env;
  const cors = CORS ? { origins: CORS, allowsCredentials: CORS_CREDENTIALS === 'true' } : undefined;
  const scheme = certificate ? 'https' : 'http';

  const limits = { maxHeaderSize: MAX_HEADER_BYTES, ...TIMEOUTS };
  const server = createLoopbackServer(certificate, limits, (request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (request.destroyed && !request.complete) return;
      console.error(inspect(error));
      if (!response.headersSent) response.writeHead(500, { Server: 'Kestrel' });
      response.end();
    });
  });
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  let outstanding = 0;
  const running = timers.map((timer) => new Cron(timer.schedule, { timezone: 'UTC', protect: true }, () => run(timer)));
  const port = await listen(server, Number(process.env.PORT), 'PORT');
  return {
    ready: {
      port,
      functions: functions.map(({ name, route, methods }) => ({ name, route, methods })),
      timers: timers.map(({ name, schedule }) => ({ name, schedule })),
    },
    async stop() {
      for (const timer of running) timer.stop();
      await close(server);
      await terminateApp();
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse) {
    const begin = performance.now();
    const { method = '' } = request;
    const url = urlOf(request, scheme, process.env);
    const refusal = refusalOf(request, process.env) ?? hostRefusal(request);
    const answer = url && refusal === undefined ? await answerTo(request, url) : bare(refusal ?? 400);
    if (REQUEST_LINES) {
      const milliseconds = performance.now() - begin;
      console.error(requestLine({ method, path: url?.pathname ?? '', milliseconds, ...answer }));
    }
    const headers = { Server: 'Kestrel', ...answer.headers, ...(cors && corsHeaders(request, cors)) };
    if (request.complete) return response.writeHead(answer.status, headers).end(answer.body);

    // A connection that is closed while something of the request is unread is reset, and its response lost.
    const length = Buffer.byteLength(answer.body);
    response.writeHead(answer.status, { ...headers, 'Content-Length': length, Connection: 'close' });
    response.write(answer.body);
    let discarded = 0;
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      discarded += chunk.length;
      if (discarded > MAX_DISCARDED_BYTES) break;
    }
    return response.end();
  }

  async function answerTo(request: IncomingMessage, url: URL): Promise<HttpAnswer> {
    const preflight = cors && preflightHeaders(request, cors);
    if (preflight) return { status: 204, headers: preflight, body: '' };
    if (/^\/admin\/(?:functions|host)\//i.test(url.pathname)) return admin(request, url.pathname);
    if (/^\/runtime\/webhooks\//i.test(url.pathname)) return bare(401);
    // The host counts a request from its head to the end of its response, however slowly its body arrives.
    if (outstanding >= maxOutstandingRequests) return bare(429);
    outstanding += 1;
    try {
      return await callFunction(request, url);
    } finally {
      outstanding -= 1;
    }
  }

  async function callFunction(request: IncomingMessage, url: URL): Promise<HttpAnswer> {
    const { method = '' } = request;
    const matched = route(method, url.pathname);
    if (!matched) return bare(404);
    const body = declaredLength(request) > 0 ? await buffer(request) : Buffer.of();
    const query = Object.fromEntries(url.searchParams);
    const data = { method, url: url.href, headers: headersOf(request), params: matched.params, query, body };
    const answer = await matched.served.invoke(data, log);
    return isSendable(answer.headers) ? answer : bare(500);
  }

  /** `POST /admin/functions/{name}` starts a function that no request triggers, with the key of the host. */
  async function admin({ method, headers }: IncomingMessage, path: string): Promise<HttpAnswer> {
    if (/^\/admin\/host\/ping$/i.test(path)) return bare(200);
    if (!process.env.ADMIN_KEY || headers['x-functions-key'] !== process.env.ADMIN_KEY) return bare(401);
    const timer = timers.find(({ name }) => path.toLowerCase() === `/admin/functions/${name.toLowerCase()}`);
    if (!timer || method !== 'POST') return bare(404);
    if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) return bare(415);
    void run(timer);
    return bare(202);
  }
});

/** A response of the host's own. */
function bare(status: number): HttpAnswer {
  return { status, headers: {}, body: '' };
}

function log(level: string, message: string) {
  console.error(`[${new Date().toISOString()}] ${level}: ${message}`);
}

async function run({ name, run }: TimerFunction) {
  await run(log).catch((error: unknown) => log('error', `${name} failed: ${inspect(error)}`));
}
