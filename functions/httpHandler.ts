// The one way in: what the host calls for each request, and how the handler of the request is found.
import type { HttpRequest, InvocationContext } from '@azure/functions';
import { metrics, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { withDeadline } from '../shared/bounds.ts';
import { JSON_MEDIA_TYPE, ODATA_VERSION } from '../shared/http/contentNegotiation.ts';
import { repeatabilityResult } from '../shared/http/repeatabilityHeaders.ts';
import { type RequestIds, toErrorResponse, toServiceError } from '../shared/odata/errorResponse.ts';
import { quoted, ServiceError } from '../shared/serviceError.ts';
import { DURATION_IN_SECONDS, SCOPE, serverAttributes } from '../shared/tracing.ts';
import { log } from './log.ts';
import type { GraphHandler, GraphResponse, IncomingRequest } from './request.ts';
import type { Served } from './router.ts';

/** A `client-request-id` that is echoed: short, and visible ASCII, since the host cannot send other response headers. */
const CLIENT_REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** How long a request may take; changes of subscriptions, which validate a receiver, have deadlines of their own. */
export const REQUEST_DEADLINE_MS = 10_000;

/** The largest body of a response, in bytes. */
export const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

/** A complete response. */
export type HttpResponse = GraphResponse & { readonly body?: string | Uint8Array };

/** A route, and how the handler of a request to it is found. */
export interface Route extends Served {
  readonly find: FindHandler;
}

/** Finds the handler of a request, or throws the ServiceError with which it is refused. */
export type FindHandler = (request: IncomingRequest) => GraphHandler | Promise<GraphHandler>;

/** Finds handlers by method. Any method that has none is refused, with the list of those that are allowed. */
export function byMethod(
  handlers: Readonly<Partial<Record<'GET' | 'PATCH' | 'POST' | 'DELETE', () => ReturnType<FindHandler>>>>,
): FindHandler {
  const all = new Map(Object.entries(handlers));
  // The host sends no body then.
  if (handlers.GET) all.set('HEAD', handlers.GET);
  const allow = [...all.keys()].toSorted();

  return (request) => {
    // A segment such as $count, which is not served.
    if (request.params.id?.startsWith('$')) return unknownUrl(request);
    const load = all.get(request.method);
    if (load) return load();
    const message = `${request.method} is not supported here; use ${allow.join(', ')}.`;
    throw new ServiceError('methodNotAllowed', message, { allow });
  };
}

/** Loads a handler once, for the first request to it, which keeps the start short. */
export function lazy(load: () => Promise<GraphHandler>): () => Promise<GraphHandler> {
  let loading: Promise<GraphHandler> | undefined;
  return () => {
    loading ??= load();
    return loading;
  };
}

/** Refuses a request to a URL without a resource. */
export const unknownUrl: FindHandler = ({ url }) => {
  const message = 'There is no resource at this URL.';
  const detail = { code: 'UnknownUrl', message, target: quoted(url.pathname) };
  throw new ServiceError('unknownUrl', message, { details: [detail] });
};

/**
 * Converts a route to a handler for the Functions host. Each request runs in a span, as part of the host's or the caller's
 * trace, and within the deadline; its duration is measured. The metric is not `http.server.request.duration`: the host has
 * that one, and both would add up under one name.
 *
 * @param publicUrl the address by which callers know the app, if it is not the one that the host sees
 */
export function toHttpHandler({ name, template, find }: Route, publicUrl?: string) {
  const tracer = trace.getTracer(SCOPE);
  const durations = metrics.getMeter(SCOPE).createHistogram('playpromptoperation.request.duration', {
    description: 'Requests, by route, method and status.',
    ...DURATION_IN_SECONDS,
  });

  return (request: HttpRequest, context: InvocationContext): Promise<HttpResponse> => {
    const start = performance.now();
    const { method, url, headers, params, body } = request;
    const requestId = context.invocationId;
    return tracer.startActiveSpan(name, {}, parentOf(request, context), async (span) => {
      let status = 500;
      try {
        const asSeen = new URL(url);
        const known = publicUrl === undefined ? asSeen : new URL(publicUrl + asSeen.pathname + asSeen.search);
        const incoming = { requestId, method, url: known, headers, params, body };
        const response = await withDeadline(REQUEST_DEADLINE_MS, (deadline) =>
          respond(find, incoming, deadline, context),
        );
        status = response.status;
        return response;
      } finally {
        const attributes = {
          'http.route': template,
          'http.request.method': method,
          'http.response.status_code': status,
          ...(status >= 500 && { 'error.type': String(status) }),
        };
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        if (span.isRecording()) {
          span.setAttributes({ ...attributes, ...serverAttributes(url), 'faas.invocation_id': requestId });
        }
        span.end();
        durations.record((performance.now() - start) / 1000, attributes);
      }
    });
  };
}

/** The host's span of this request, or else the caller's. W3C Trace Context, section 3. */
function parentOf({ headers }: HttpRequest, { traceContext }: InvocationContext) {
  const fromHost = traceContext?.traceParent;
  const traceparent = fromHost ?? headers.get('traceparent');
  if (!traceparent) return ROOT_CONTEXT;
  const tracestate = fromHost ? traceContext?.traceState : headers.get('tracestate');
  return propagation.extract(ROOT_CONTEXT, { traceparent, ...(tracestate && { tracestate }) });
}

/**
 * Finds the handler of a request and runs it, serializes the response with the headers that every response has, and turns
 * anything that is thrown into an error response, which it logs. The log contains no part of a token, a claim or a body.
 */
export async function respond(
  find: FindHandler,
  request: IncomingRequest,
  deadline: AbortSignal,
  context: InvocationContext,
): Promise<HttpResponse> {
  const ids = requestIds(request);
  try {
    const handler = await find(request);
    return complete(await handler(request, deadline, context), request, ids);
  } catch (thrown) {
    const error = toServiceError(thrown);
    const response = toErrorResponse(error, ids, new Date());
    logError(error, response, ids, context);
    return complete(response, request, ids);
  }
}

function requestIds({ headers, requestId }: IncomingRequest): RequestIds {
  const clientRequestId = headers.get('client-request-id');
  const isEchoed = clientRequestId !== null && CLIENT_REQUEST_ID.test(clientRequestId);
  return { requestId, ...(isEchoed && { clientRequestId }) };
}

function complete(
  { status, headers, body: content }: GraphResponse,
  { method, headers: requested, maxResponseBytes = MAX_RESPONSE_BYTES }: IncomingRequest,
  { requestId, clientRequestId }: RequestIds,
): HttpResponse {
  const isSerialized = typeof content === 'string' || content instanceof Uint8Array || content === undefined;
  const body = isSerialized ? content : JSON.stringify(content);
  if (body !== undefined && Buffer.byteLength(body) > maxResponseBytes) {
    throw new ServiceError('insufficientStorage', `The response is larger than ${maxResponseBytes} bytes.`);
  }
  const all: Record<string, string> = {
    'OData-Version': ODATA_VERSION,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'request-id': requestId,
  };
  if (clientRequestId !== undefined) all['client-request-id'] = clientRequestId;
  if (body !== undefined) all['Content-Type'] = JSON_MEDIA_TYPE;
  Object.assign(all, repeatabilityResult(method, requested, status), headers);
  return { status, headers: all, ...(body !== undefined && { body }) };
}

function logError(
  { reason, cause }: ServiceError,
  { status, body }: ReturnType<typeof toErrorResponse>,
  { requestId }: RequestIds,
  context: InvocationContext,
) {
  const severity = reason === 'internal' ? 'error' : cause === undefined ? 'info' : 'warn';
  log(context, severity, { 'request-id': requestId, status, code: body.error.code, cause: describe(cause) });
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
