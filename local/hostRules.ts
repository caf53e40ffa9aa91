// What the real Functions host does before and after a function runs, as far as an app can notice. Each rule was measured
// on host 4.1037 with Node.js worker 3.9.1.
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

/** Kestrel's limit of a request line, in bytes, with its line break. */
const MAX_REQUEST_LINE_BYTES = 8 * 1024;

/** Kestrel's limit of the number of headers. */
const MAX_HEADERS = 100;

/** The host's default of `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT`, in bytes. */
const DEFAULT_BODY_LIMIT = 104_857_600;

/** The status, without a body, with which the host refuses a request; undefined when it runs a function. */
export function refusalOf(request: IncomingMessage, env: NodeJS.ProcessEnv): number | undefined {
  const { method = '', url = '', httpVersion, headers, rawHeaders } = request;
  if (request.httpVersionMajor > 1) return 505;
  if (`${method} ${url} HTTP/1.1\r\n`.length > MAX_REQUEST_LINE_BYTES) return 414;
  if (rawHeaders.length / 2 > MAX_HEADERS) return 431;
  if (headers.host === undefined) return httpVersion === '1.0' ? 500 : 400;
  if (/^[^?]*%00/.test(url) || !isUtf8(Buffer.from(rawHeaders.join(), 'latin1'))) return 400;
  if (String(frontEndHeaders(request, env)['x-forwarded-proto']).includes(',')) return 500;
  const limit = Number(env.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT ?? DEFAULT_BODY_LIMIT);
  return declaredLength(request) > limit ? 500 : undefined;
}

/** What the front end of Azure may say of a request, which the host believes on its Flex Consumption plan only. */
function frontEndHeaders({ headers }: IncomingMessage, env: NodeJS.ProcessEnv): IncomingMessage['headers'] {
  return env.WEBSITE_SKU === 'FlexConsumption' ? headers : {};
}

/** The length of the body that the host forwards: it drops one without `Content-Length`. */
export function declaredLength({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? 0);
}

/**
 * The URL of a request that was not refused, with the scheme and the host that the front end names; undefined when its target
 * is neither a path nor a URL of the same host.
 */
export function urlOf(request: IncomingMessage, scheme: string, env: NodeJS.ProcessEnv): URL | undefined {
  const { 'x-forwarded-proto': proto, 'disguised-host': host } = frontEndHeaders(request, env);
  const forwarded = /^https?$/i.exec(String(proto ?? ''))?.[0].toLowerCase();
  const origin = URL.parse(`${forwarded ?? scheme}://${request.headers.host}`);
  // Both are part of a path here, and not of a URL.
  const target = String(request.url).replace(/[#\\]/g, encodeURIComponent);
  // Parsed as a reference, a path that begins with two slashes would name another host.
  const parsed = URL.parse(target.startsWith('/') ? origin?.origin + target : target);
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  if (!isHttp || parsed.host !== origin?.host || parsed.username + parsed.password !== '') return undefined;
  if (host !== undefined) Object.assign(parsed, { port: '', host });
  return parsed;
}

/** The headers of a request, which the host decodes as UTF-8; Node.js decodes them as Latin-1. */
export function headersOf({ headersDistinct }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headersDistinct).map(([name, values = []]) => [
      name,
      Buffer.from(values.join(','), 'latin1').toString('utf8'),
    ]),
  );
}

/** Whether the host can send the headers of a response: Kestrel refuses a value that is not ASCII. */
export function isSendable(headers: Readonly<Record<string, string>>): boolean {
  return Object.values(headers).every((value) => /^[\t\x20-\x7e]*$/.test(value));
}
