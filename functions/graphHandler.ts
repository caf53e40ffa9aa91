import type { HttpHandler, HttpRequest, InvocationContext } from '@azure/functions';
import { withDeadline } from '../shared/deadline.ts';
import { JSON_MEDIA_TYPE, ODATA_VERSION } from '../shared/http/contentNegotiation.ts';
import { repeatabilityResult } from '../shared/http/repeatabilityHeaders.ts';
import { type RequestIds, toErrorResponse, toServiceError } from '../shared/odata/errorResponse.ts';
import { ServiceError } from '../shared/serviceError.ts';

/** A `client-request-id` that is echoed: short, and visible ASCII, since the host cannot send other response headers. */
const CLIENT_REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** How long a request may take; changes of subscriptions, which validate a receiver, have deadlines of their own. */
export const REQUEST_DEADLINE_MS = 10_000;

/** The largest body of a response, in bytes. */
export const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

/** A request, alone or in a batch. */
export interface GraphRequest {
  /** Identifies the request in its response and in the log. */
  readonly requestId: string;
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  /** The route parameters. */
  readonly params: Readonly<Record<string, string>>;
  readonly body: ReadableStream<Uint8Array> | null;
  /** The largest body of its response, in bytes, if it shares MAX_RESPONSE_BYTES with others. */
  readonly maxResponseBytes?: number;
}

/** What a handler returns: a response without the headers that every response has. */
export interface GraphResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A string is sent unchanged, anything else as JSON. */
  readonly body?: unknown;
}

/** A complete response. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Handles a request until `deadline` is aborted. Anything that it throws becomes an error response. */
export type GraphHandler = (
  request: GraphRequest,
  deadline: AbortSignal,
  context: InvocationContext,
) => Promise<GraphResponse>;

/** A function of the app and the route that it serves. */
export interface Route {
  /** The name of the function. */
  readonly name: string;
  /** A route template of the host with at most one parameter, such as `v1.0/playPromptOperation/{id}`. */
  readonly template: string;
  readonly handler: GraphHandler;
}

/** Handles requests to URLs without a resource. */
export const unknownUrl: GraphHandler = async () => {
  throw new ServiceError('unknownUrl', 'There is no resource at this URL.');
};

/** Handles the root of the host with one handler, and any other path with another: the host has no template for `/`. */
export function unlessRoot(root: GraphHandler, other: GraphHandler): GraphHandler {
  return (request, ...rest) => (request.params.path ? other : root)(request, ...rest);
}

/** Handlers by method. That of GET handles HEAD too: the host sends no body then. */
export type MethodHandlers = Readonly<Partial<Record<'GET' | 'PATCH' | 'POST' | 'DELETE', GraphHandler>>>;

/** Dispatches by method. Any other method is refused, with the list of those that are allowed. */
export function byMethod(handlers: MethodHandlers): GraphHandler {
  const all = new Map(Object.entries(handlers));
  if (handlers.GET) all.set('HEAD', handlers.GET);
  const allow = [...all.keys()].toSorted();

  return (request, ...rest) => {
    const handler = all.get(request.method);
    if (handler) return handler(request, ...rest);
    const message = `${request.method} is not supported here; use ${allow.join(', ')}.`;
    throw new ServiceError('methodNotAllowed', message, { allow });
  };
}

/** A handler whose module is loaded by its first request, which keeps the start short. */
export function lazy(load: () => Promise<GraphHandler>): GraphHandler {
  let loading: Promise<GraphHandler> | undefined;
  return async (...request) => {
    loading ??= load();
    return (await loading)(...request);
  };
}

/** Converts to a handler for the Functions host. */
export function toHttpHandler(handler: GraphHandler): HttpHandler {
  return (request, context) =>
    withDeadline(REQUEST_DEADLINE_MS, (deadline) =>
      respond(handler, toGraphRequest(request, context), deadline, context),
    );
}

function toGraphRequest(request: HttpRequest, { invocationId: requestId }: InvocationContext): GraphRequest {
  const { method, url, headers, params, body } = request;
  return { requestId, method, url: new URL(url), headers, params, body };
}

/**
 * Handles a request, serializes the response with the headers that every response has, and turns anything that is thrown
 * into an error response, which it logs. The log contains no part of a token, a claim or a body.
 */
export async function respond(
  handler: GraphHandler,
  request: GraphRequest,
  deadline: AbortSignal,
  context: InvocationContext,
): Promise<HttpResponse> {
  const ids = requestIds(request);
  try {
    return complete(await handler(request, deadline, context), request, ids);
  } catch (thrown) {
    const error = toServiceError(thrown);
    const response = toErrorResponse(error, ids, new Date());
    log(error, response, ids, context);
    return complete(response, request, ids);
  }
}

function requestIds({ headers, requestId }: GraphRequest): RequestIds {
  const clientRequestId = headers.get('client-request-id');
  const isEchoed = clientRequestId !== null && CLIENT_REQUEST_ID.test(clientRequestId);
  return { requestId, ...(isEchoed && { clientRequestId }) };
}

function complete(
  { status, headers, body: content }: GraphResponse,
  { method, headers: requested, maxResponseBytes = MAX_RESPONSE_BYTES }: GraphRequest,
  { requestId, clientRequestId }: RequestIds,
): HttpResponse {
  const body = typeof content === 'string' || content === undefined ? content : JSON.stringify(content);
  if (body !== undefined && Buffer.byteLength(body) > maxResponseBytes) {
    throw new ServiceError('insufficientStorage', `The response is larger than ${maxResponseBytes} bytes.`);
  }
  return {
    status,
    headers: {
      'OData-Version': ODATA_VERSION,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'request-id': requestId,
      ...(clientRequestId !== undefined && { 'client-request-id': clientRequestId }),
      ...(body !== undefined && { 'Content-Type': JSON_MEDIA_TYPE }),
      ...repeatabilityResult(method, requested, status),
      ...headers,
    },
    ...(body !== undefined && { body }),
  };
}

function log(
  { reason, cause }: ServiceError,
  { status, body }: ReturnType<typeof toErrorResponse>,
  { requestId }: RequestIds,
  context: InvocationContext,
) {
  const line = JSON.stringify({ 'request-id': requestId, status, code: body.error.code, cause: describe(cause) });
  if (reason === 'internal') context.error(line);
  else if (cause === undefined) context.info(line);
  else context.warn(line);
}

/** A frame of a stack: a place in a file or in Node.js. */
const isFrame = (line: string) => line.startsWith('    at ') && /:\d{1,9}:\d{1,9}\)?$/.test(line);

/** What is logged of a cause: its kind and stack frames, not its message, which may repeat what was stored or sent. */
function describe(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  const { code, statusCode } = cause as { code?: unknown; statusCode?: unknown };
  const frames = cause.stack?.replace(cause.message, '').split('\n').filter(isFrame);
  return { name: cause.name, code, statusCode, frames, cause: describe(cause.cause) };
}
