import type { HttpHandler, InvocationContext } from '@azure/functions';
import { withDeadline } from '../shared/deadline.ts';
import { GraphError, type RequestIds, toErrorBody, toGraphError } from '../shared/graphError.ts';
import { JSON_MEDIA_TYPE, ODATA_VERSION } from '../shared/odata.ts';

/** The longest `client-request-id` that is echoed: an answer's head must not grow with what is sent. A GUID has 36. */
const MAX_CLIENT_REQUEST_ID_LENGTH = 128;

/** How long a request may take in all. */
const REQUEST_DEADLINE_MS = 10_000;

/** What the story of a request needs to know of it. */
export interface GraphRequest {
  readonly method: string;
  /** The whole address. */
  readonly url: string;
  readonly headers: Headers;
  /** The parameters of the route. */
  readonly params: Readonly<Record<string, string>>;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** The answer to one request, without what every answer has in common. */
export interface GraphAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

/** What happens to a request, until `deadline` is aborted. Whatever it throws becomes an error answer. */
export type Story = (request: GraphRequest, deadline: AbortSignal, context: InvocationContext) => Promise<GraphAnswer>;

/** The stories of an address by method. That of GET serves HEAD too, of which the host sends no body. */
export type Stories = Readonly<Partial<Record<'GET' | 'PATCH' | 'POST' | 'DELETE', Story>>>;

/** The story of an address: that of the request's method, or 405 with what `Allow` may name. */
export function storyByMethod(stories: Stories): Story {
  const byMethod = new Map(Object.entries(stories));
  if (stories.GET) byMethod.set('HEAD', stories.GET);
  const allow = [...byMethod.keys()].toSorted().join(', ');

  return (request, ...rest) => {
    const story = byMethod.get(request.method);
    if (story) return story(request, ...rest);
    const message = `${request.method} is not supported here; use ${allow}.`;
    throw new GraphError('methodNotAllowed', message, { headers: { Allow: allow } });
  };
}

/** Makes a handler of a story: see `answerTo`. */
export function graphHandler(story: Story): HttpHandler {
  return async (request, context) => {
    const { status, headers, body } = await withDeadline(REQUEST_DEADLINE_MS, (deadline) =>
      answerTo(story, request, deadline, context),
    );
    return {
      status,
      headers,
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    };
  };
}

/**
 * Answers a request: adds the headers that every answer has, turns whatever the story throws into the one shape of
 * error, and logs it. Nothing of a token, a body or a claim is logged.
 */
export async function answerTo(
  story: Story,
  request: GraphRequest,
  deadline: AbortSignal,
  context: InvocationContext,
): Promise<GraphAnswer> {
  const ids = requestIds(request, context);
  try {
    return complete(await story(request, deadline, context), request, ids);
  } catch (thrown) {
    const error = toGraphError(thrown);
    log(error, ids, context);
    const body = toErrorBody(error, ids, new Date());
    return complete({ status: error.status, headers: error.headers, body }, request, ids);
  }
}

function requestIds({ headers }: GraphRequest, context: InvocationContext): RequestIds {
  const clientRequestId = headers.get('client-request-id');
  const isEchoed = clientRequestId !== null && clientRequestId.length <= MAX_CLIENT_REQUEST_ID_LENGTH;
  return { requestId: context.invocationId, ...(isEchoed && { clientRequestId }) };
}

function complete(
  { status, headers, body }: GraphAnswer,
  request: GraphRequest,
  { requestId, clientRequestId }: RequestIds,
): GraphAnswer {
  // Repeatable Requests 1.0: a story says so when it rejects one. Those that only read know of none.
  const isRepeatable = request.headers.has('Repeatability-Request-ID') && !['GET', 'HEAD'].includes(request.method);
  return {
    status,
    headers: {
      'OData-Version': ODATA_VERSION,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'request-id': requestId,
      ...(clientRequestId !== undefined && { 'client-request-id': clientRequestId }),
      ...(body !== undefined && { 'Content-Type': JSON_MEDIA_TYPE }),
      ...(isRepeatable && { 'Repeatability-Result': 'accepted' }),
      ...headers,
    },
    body,
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
