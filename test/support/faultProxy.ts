import { createServer, request as forward, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { close, listen } from '../../local/loopback.ts';

/** What happens to one request on its way to the store. */
export type Fault =
  | 'pass'
  /** The connection breaks before the store sees the request. */
  | 'resetBefore'
  /** The store does what it is asked, and the connection breaks before its answer arrives. */
  | 'resetAfter'
  /** The store does what it is asked, and half of its answer arrives before the connection breaks. */
  | 'halfAnswer'
  /** The store does what it is asked, and half of its answer arrives, and never the rest. */
  | 'stalledAnswer'
  /** No answer ever. */
  | 'hang'
  | {
      /** The request is delayed by so many milliseconds, and arrives even if its sender no longer waits for the answer. */
      readonly latency?: number;
      /** The connection breaks, and the request nevertheless arrives at the store, so many milliseconds later. */
      readonly lateBy?: number;
      readonly isSentTwice?: boolean;
      /** The store's answer, the last one if there are two, waits for this. */
      readonly beforeAnswer?: () => Promise<void>;
      /** An answer that is not the store's own, perhaps after it did what it is asked; without a body it is bare. */
      readonly status?: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly isDone?: boolean;
    };

/** Decides what happens to a request, and when. */
type Decide = (request: {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}) => Fault | Promise<Fault>;

export type FaultProxy = Awaited<ReturnType<typeof startFaultProxy>>;

/** A proxy, in front of the tests' table store unless another port is named, which does to requests what a test asks of it. */
export async function startFaultProxy(upstreamPort = Number(process.env.TEST_AZURITE_PORT)) {
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    proxy.requests.push(`${method} ${url.split('?')[0]}`);
    proxy.traceParents.push(request.headers.traceparent);
    const body = await buffer(request).catch(() => undefined);
    if (!body) return;
    const fault = (await proxy.fault?.({ method, url, body: body.toString() })) ?? 'pass';
    const { latency, lateBy, isSentTwice, beforeAnswer, status, isDone, ...own } =
      typeof fault === 'object' ? fault : {};
    if (fault === 'hang') return;
    if (fault === 'resetBefore' || lateBy !== undefined) request.socket.destroy();
    if (fault === 'resetBefore') return;
    try {
      const wait = lateBy ?? latency;
      // A test that has ended does not wait for it.
      if (wait !== undefined) await delay(wait, undefined, { ref: false });
      if (isSentTwice || isDone) await ask(request, body);
      if (status !== undefined) {
        const type = own.body === undefined ? {} : { 'Content-Type': 'application/json' };
        return void response.writeHead(status, { ...type, ...own.headers }).end(own.body);
      }
      const { content, ...answer } = await ask(request, body);
      await beforeAnswer?.();
      if (fault === 'resetAfter') return void request.socket.destroy();
      response.writeHead(answer.status, { ...answer.headers, 'content-length': content.length });
      if (fault !== 'halfAnswer' && fault !== 'stalledAnswer') return void response.end(content);
      response.write(content.subarray(0, content.length / 2));
      if (fault === 'halfAnswer') setImmediate(() => request.socket.destroy());
    } catch {
      request.socket.destroy();
    }
  });

  async function ask({ method, url, headers }: IncomingMessage, body: Uint8Array) {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options = { host: '127.0.0.1', port: upstreamPort, method, path: url, headers, agent: false };
    forward(options, resolve).on('error', reject).end(body);
    const response = await promise;
    const { 'transfer-encoding': _, ...answered } = response.headers;
    return { status: response.statusCode ?? 502, headers: answered, content: await buffer(response) };
  }

  const proxy = {
    port: await listen(server, 0, 'PORT'),
    /** What was asked of the store, as `METHOD /path`. */
    requests: [] as string[],
    /** The `traceparent` of each of them. */
    traceParents: [] as unknown[],
    /** For each request from now on; `undefined` lets all pass. */
    fault: undefined as Decide | undefined,
    async close() {
      server.closeAllConnections();
      await close(server);
    },
  };
  return proxy;
}
