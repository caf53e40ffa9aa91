// Cross-origin resource sharing as Core Tools has it: the middleware of ASP.NET Core, with any header and any method.
import type { IncomingMessage } from 'node:http';

/** What `Host` of local.settings.json says of it. */
export interface Cors {
  /** Origins, comma-separated, or `*`. */
  readonly origins: string;
  readonly allowsCredentials: boolean;
}

type Headers = Readonly<Record<string, string>>;

/** The headers that the response to a request of a page gets besides its own. */
export function corsHeaders(
  { headers }: Pick<IncomingMessage, 'headers'>,
  { origins, allowsCredentials }: Cors,
): Headers {
  const { origin } = headers;
  const allowed = origins.split(',').map((each) => each.trim().toLowerCase());
  const isAny = allowed.includes('*');
  if (origin === undefined || !(isAny || allowed.includes(origin))) return {};
  return {
    'Access-Control-Allow-Origin': isAny ? '*' : origin,
    ...(allowsCredentials && { 'Access-Control-Allow-Credentials': 'true' }),
    ...(!isAny && allowed.length > 1 && { Vary: 'Origin' }),
  };
}

/** The headers of the response to a preflight, which the host answers itself; undefined for any other request. */
export function preflightHeaders(
  request: Pick<IncomingMessage, 'method' | 'headers'>,
  cors: Cors,
): Headers | undefined {
  const { 'access-control-request-method': method, 'access-control-request-headers': names } = request.headers;
  if (request.method !== 'OPTIONS' || request.headers.origin === undefined || method === undefined) return undefined;
  const headers = corsHeaders(request, cors);
  if (Object.keys(headers).length === 0) return {};
  return {
    ...headers,
    'Access-Control-Allow-Methods': method,
    ...(names !== undefined && { 'Access-Control-Allow-Headers': names }),
  };
}
