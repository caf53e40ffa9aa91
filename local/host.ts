// The embedded host: loads the built app, unchanged, as the Functions worker does, serves its HTTP functions on loopback
// and runs its timers. It runs as a child process of start.ts, and stops in order when its parent says so or is gone.
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import * as z from 'zod';
import { serveUntilTold } from './childProcess.ts';
import { type TimerFunction, terminateApp } from './functionsWorker.ts';
import { loadApp } from './loadApp.ts';
import { close, createLoopbackServer, listen } from './loopback.ts';
import { requestLine } from './requestLine.ts';
import { createRouter } from './router.ts';
import { startHourly } from './timer.ts';

/** Kestrel's limit, which the real host has. */
const MAX_HEADER_BYTES = 32 * 1024;

/** How much of a body is read, many times what the app accepts; and how much more is thrown away. */
const MAX_BODY_BYTES = 1024 * 1024;
const MAX_DISCARDED_BYTES = 16 * 1024 * 1024;

/** How long a client may take to send a request; what is slower is answered 408. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 20_000, connectionsCheckingInterval: 1000 };

const hostJson = z.object({
  version: z.literal('2.0'),
  extensions: z
    .object({ http: z.object({ routePrefix: z.string().default('api') }).default({ routePrefix: 'api' }) })
    .default({ http: { routePrefix: 'api' } }),
});

await serveUntilTold(async () => {
  const { http: functions, timers } = await loadApp(process.cwd());
  const { extensions } = hostJson.parse(JSON.parse(readFileSync('host.json', 'utf8')));
  const route = createRouter(extensions.http.routePrefix, functions);

  const { CERTIFICATE_FILE, CERTIFICATE_KEY_FILE, REQUEST_LINES } = process.env;
  const certificate =
    CERTIFICATE_FILE && CERTIFICATE_KEY_FILE
      ? { cert: readFileSync(CERTIFICATE_FILE, 'utf8'), key: readFileSync(CERTIFICATE_KEY_FILE, 'utf8') }
      : undefined;
  const scheme = certificate ? 'https' : 'http';

  const limits = { maxHeaderSize: MAX_HEADER_BYTES, ...TIMEOUTS };
  const server = createLoopbackServer(certificate, limits, (request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (request.destroyed && !request.complete) return;
      console.error(inspect(error));
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  const running = timers.map((timer) => startHourly(timer.schedule, () => run(timer)));
  const port = await listen(server, Number(process.env.PORT), 'PORT');
  return {
    ready: {
      port,
      functions: functions.map(({ name, route, methods }) => ({ name, route, methods })),
      timers: timers.map(({ name, schedule }) => ({ name, schedule })),
    },
    async stop() {
      for (const stopTimer of running) stopTimer();
      await close(server);
      await terminateApp();
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse) {
    const begin = performance.now();
    const { method = '', headers } = request;
    const url = URL.parse(request.url ?? '', `${scheme}://${headers.host ?? 'localhost'}`);
    if (!url) return response.writeHead(400).end();
    const timer = timers.find(({ name }) => url.pathname.toLowerCase() === `/admin/functions/${name.toLowerCase()}`);
    if (timer && method === 'POST') {
      // As the real host does: a function that no request triggers can be run by one.
      await run(timer);
      return response.writeHead(202).end();
    }
    const matched = route(method, url.pathname);
    if (!matched) return response.writeHead(404).end();
    // The worker takes no stream. Of a body that is larger than the app can possibly accept a part is enough for the app
    // to refuse it in its own words.
    const body = Buffer.concat(await Array.fromAsync(beginningOf(request, MAX_BODY_BYTES)));
    const answer = await matched.served.invoke(
      {
        method,
        url: url.href,
        headers: Object.fromEntries(
          Object.entries(request.headersDistinct).map(([name, values = []]) => [name, values.join(', ')]),
        ),
        params: matched.params,
        query: Object.fromEntries(url.searchParams),
        body,
      },
      log,
    );
    if (REQUEST_LINES) {
      const milliseconds = performance.now() - begin;
      console.error(requestLine({ method, path: url.pathname, milliseconds, ...answer }));
    }
    if (body.length <= MAX_BODY_BYTES) return response.writeHead(answer.status, answer.headers).end(answer.body);

    // A connection that is closed while something of the request is unread is reset, and its answer lost.
    const length = Buffer.byteLength(answer.body);
    response.writeHead(answer.status, { ...answer.headers, 'Content-Length': length, Connection: 'close' });
    response.write(answer.body);
    for await (const _ of beginningOf(request, MAX_DISCARDED_BYTES));
    return response.end();
  }
});

function log(level: string, message: string) {
  console.error(`[${new Date().toISOString()}] ${level}: ${message}`);
}

async function run({ name, run }: TimerFunction) {
  await run(log).catch((error: unknown) => log('error', `${name} failed: ${inspect(error)}`));
}

/** What a request begins with, until that is more than `limit` bytes; the rest can still be read. */
async function* beginningOf(request: IncomingMessage, limit: number): AsyncGenerator<Buffer> {
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    yield chunk;
    length += chunk.length;
    if (length > limit) return;
  }
}
