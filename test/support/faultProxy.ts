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
  /** The request is delayed, and arrives even if its sender no longer waits for the answer. */
  | { readonly latency: number }
  /** The connection breaks, and the request nevertheless arrives at the store, so many milliseconds later. */
  | { readonly lateBy: number }
  /** The store does what it is asked, if so twice, and its last answer waits for this. */
  | { readonly beforeAnswer: () => Promise<void>; readonly isSentTwice?: boolean }
  /** An answer that is not the upstream's own, perhaps after it did what it is asked; without a body it is bare. */
  | {
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly isDone?: boolean;
    };

export interface FaultProxy {
  readonly port: number;
  /** What was asked of the store, as `METHOD /path`. */
  readonly requests: string[];
  /** The `traceparent` of each of them. */
  readonly traceParents: unknown[];
  /** Decides, for each request from now on, what happens to it, and when; `undefined` lets all pass. */
  fault:
    | ((request: { readonly method: string; readonly url: string; readonly body: string }) => Fault | Promise<Fault>)
    | undefined;
  close(): Promise<void>;
}

/** A proxy, in front of the tests' table store unless another port is named, which does to requests what a test asks of it. */
export async function startFaultProxy(upstreamPort = Number(process.env.TEST_AZURITE_PORT)): Promise<FaultProxy> {
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    proxy.requests.push(`${method} ${url.split('?')[0]}`);
    proxy.traceParents.push(request.headers.traceparent);
    const body = await buffer(request).catch(() => undefined);
    if (!body) return;
    const fault = (await proxy.fault?.({ method, url, body: body.toString() })) ?? 'pass';
    if (fault === 'hang') return;
    if (fault === 'resetBefore') {
      request.socket.destroy();
      return;
    }
    try {
      if (typeof fault === 'object' && 'status' in fault) {
        if (fault.isDone) await buffer(await ask(request, body));
        const type = fault.body === undefined ? {} : { 'Content-Type': 'application/json' };
        response.writeHead(fault.status, { ...type, ...fault.headers }).end(fault.body);
        return;
      }
      if (typeof fault === 'object' && 'lateBy' in fault) request.socket.destroy();
      if (typeof fault === 'object' && !('beforeAnswer' in fault)) {
        // A test that has ended does not wait for it.
        await delay('lateBy' in fault ? fault.lateBy : fault.latency, undefined, { ref: false });
      }
      if (typeof fault === 'object' && 'isSentTwice' in fault) await buffer(await ask(request, body));
      const answer = await ask(request, body);
      const content = await buffer(answer);
      if (typeof fault === 'object' && 'beforeAnswer' in fault) await fault.beforeAnswer();
      if (fault === 'resetAfter') {
        request.socket.destroy();
        return;
      }
      const headers = { ...answer.headers, 'content-length': String(content.length) };
      delete headers['transfer-encoding'];
      response.writeHead(answer.statusCode ?? 502, headers);
      if (fault === 'halfAnswer' || fault === 'stalledAnswer') {
        response.write(content.subarray(0, content.length / 2));
        if (fault === 'halfAnswer') setImmediate(() => request.socket.destroy());
        return;
      }
      response.end(content);
    } catch {
      request.socket.destroy();
    }
  });

  const ask = ({ method, url, headers }: IncomingMessage, body: Uint8Array) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: upstreamPort, method, path: url, headers, agent: false };
      forward(options, resolve).on('error', reject).end(body);
    });

  const proxy: FaultProxy = {
    port: await listen(server, 0, 'PORT'),
    requests: [],
    traceParents: [],
    fault: undefined,
    async close() {
      server.closeAllConnections();
      await close(server);
    },
  };
  return proxy;
}
