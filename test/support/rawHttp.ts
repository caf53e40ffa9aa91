// Requests as they are, of which fetch would refuse or change some.
import { type Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array | string;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Sends a request of any method with a body, and any headers, each as often as it is listed. */
export async function sendRequest(baseUrl: string, sent: RawRequest, agent?: Agent): Promise<RawResponse> {
  const { method, path, headers, body = '' } = sent;
  const { hostname, port } = new URL(baseUrl);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage | undefined>();
  const outgoing = request({ agent: agent ?? false, hostname, port, method, path }, resolve);
  // A kept connection may have been closed by the other side before anything was sent on it.
  outgoing.on('error', (error) => (outgoing.reusedSocket ? resolve(undefined) : reject(error)));
  // Node sets it by itself only for the methods that usually have a body.
  outgoing.setHeader('Content-Length', Buffer.byteLength(body));
  for (const [name, value] of headers) outgoing.appendHeader(name, value);
  outgoing.end(body);
  const response = await promise;
  if (!response) return sendRequest(baseUrl, sent, agent);
  const { statusCode: status = 0, headersDistinct } = response;
  const answered = Object.entries(headersDistinct).map(([name, values = []]) => [name, values.join(', ')]);
  return { status, headers: new Headers(Object.fromEntries(answered)), body: await text(response) };
}

/** Sends bytes, for as long as the other side takes them, and returns all that came back until it closes the connection. */
export function sendBytes(baseUrl: string, bytes: Iterable<string>, signal?: AbortSignal) {
  const { hostname, port } = new URL(baseUrl);
  const { promise, resolve } = Promise.withResolvers<{ readonly answer: string; readonly sent: number }>();
  const socket = connect({ host: hostname, port: Number(port), ...(signal && { signal }) });
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {}).on('close', () => resolve({ answer, sent: socket.bytesWritten }));
  Readable.from(bytes).pipe(socket, { end: false });
  return promise;
}
