import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { type GraphError, type RequestIds, toErrorBody, toGraphError } from '../shared/graphError.ts';
import { JSON_MEDIA_TYPE, ODATA_VERSION } from '../shared/odata.ts';

/** The longest `client-request-id` that is echoed: an answer's head must not grow with what is sent. A GUID has 36. */
const MAX_CLIENT_REQUEST_ID_LENGTH = 128;

/** The answer to one request, without what every answer has in common. */
export interface GraphAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/**
 * Makes a handler of a request's story: adds the headers that every answer has, turns whatever is thrown into the one
 * shape of error, and logs it. Nothing of a token, a body or a claim is logged.
 */
export function graphHandler(
  story: (request: HttpRequest, context: InvocationContext) => Promise<GraphAnswer>,
  now: () => number = Date.now,
): HttpHandler {
  return async (request, context) => {
    const ids = requestIds(request, context);
    try {
      return toResponse(await story(request, context), ids);
    } catch (thrown) {
      const error = toGraphError(thrown);
      log(error, ids, context);
      const body = toErrorBody(error, ids, new Date(now()));
      return toResponse({ status: error.status, headers: error.headers, body }, ids);
    }
  };
}

function requestIds(request: HttpRequest, context: InvocationContext): RequestIds {
  const clientRequestId = request.headers.get('client-request-id');
  const isEchoed = clientRequestId !== null && clientRequestId.length <= MAX_CLIENT_REQUEST_ID_LENGTH;
  return { requestId: context.invocationId, ...(isEchoed && { clientRequestId }) };
}

function toResponse(
  { status, headers, body }: GraphAnswer,
  { requestId, clientRequestId }: RequestIds,
): HttpResponseInit {
  return {
    status,
    headers: {
      'OData-Version': ODATA_VERSION,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'request-id': requestId,
      ...(clientRequestId !== undefined && { 'client-request-id': clientRequestId }),
      ...(body !== undefined && { 'Content-Type': JSON_MEDIA_TYPE }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
}

function log(error: GraphError, { requestId }: RequestIds, context: InvocationContext) {
  const entry = { 'request-id': requestId, status: error.status, code: error.code, cause: describe(error.cause) };
  const line = JSON.stringify(entry);
  if (error.reason === 'internal') context.error(line);
  else if (error.cause === undefined) context.info(line);
  else context.warn(line);
}

/** A cause as the log has it: what kind of failure and where, with its own cause, but none of the data it carries. */
function describe(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  const { code, statusCode } = cause as { code?: unknown; statusCode?: unknown };
  return { name: cause.name, code, statusCode, stack: cause.stack, cause: describe(cause.cause) };
}
