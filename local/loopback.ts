import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { isLoopback } from '../shared/settings.ts';

/** The only address that anything here listens on. */
export const LOOPBACK = '127.0.0.1';

/** How long what was begun may take to finish when a server is closed. */
const CLOSE_DEADLINE_MS = 8000;

/** Creates an HTTP server, for https where there is a certificate. */
export function createLoopbackServer(
  certificate: { readonly cert: string; readonly key: string } | undefined,
  options: ServerOptions,
  listener: RequestListener,
): Server {
  if (!certificate) return createServer(options, listener);
  const { cert, key } = certificate;
  return createTlsServer({ ...options, cert, key }, listener);
}

/** A `Host` as a URL has it: an IPv6 address in brackets, or a name or an IPv4 address; then perhaps a port. RFC 9110 7.2. */
const HOST = /^(\[[\da-f:.]+\]|[\w.~-]+)(?::\d{1,5})?$/i;

/**
 * The status with which a request is refused for its target, which must be a path or of http, or its `Host`: 400 when it has
 * not exactly one that is valid, 421 when that is not a name of this machine. A page of a browser that reaches a server on loopback by a name of its own is refused so.
 */
export function hostRefusal({
  headersDistinct,
  url = '/',
}: Pick<IncomingMessage, 'headersDistinct' | 'url'>): 400 | 421 | undefined {
  const [host = '', ...others] = headersDistinct.host ?? [];
  const name = HOST.exec(host)?.[1]?.toLowerCase();
  if (name === undefined || others.length > 0 || !/^(?:\/|https?:)/i.test(url)) return 400;
  return isLoopback(name) ? undefined : 421;
}

/**
 * Listens on loopback.
 *
 * @returns the port, which is a free one when 0 is asked for
 * @throws Error that names the port in use and the variable that chooses another
 */
export async function listen(server: TcpServer, port: number, variable: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(portError(error, port, variable)));
    server.listen(port, LOOPBACK, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Turns the error of a port that is in use into one that explains what to do. */
export function portError(error: NodeJS.ErrnoException, port: number, variable: string): Error {
  return error.code === 'EADDRINUSE' ? new Error(`Port ${port} is in use. Set ${variable} to another one.`) : error;
}

/** Refuses new connections, finishes the requests that were begun, and closes the server. */
export async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection is kept alive after its last answer, although no further request will come.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const force = setTimeout(() => server.closeAllConnections(), CLOSE_DEADLINE_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(force);
}

/** Finds a port that nothing listens on, for a program that cannot choose one itself. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, 0, 'PORT');
  await close(server);
  return port;
}
