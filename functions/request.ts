// What every request passes before its handler, in the one order that docs/api.md states.
import type { InvocationContext } from '@azure/functions';
import { checkODataHeaders, chooseMediaType } from '../shared/http/contentNegotiation.ts';
import { readPreconditions } from '../shared/http/ifMatch.ts';
import { readJsonBody } from '../shared/http/jsonBody.ts';
import { readRepeatability } from '../shared/http/repeatabilityHeaders.ts';
import { readReturnPreference } from '../shared/http/returnPreference.ts';
import { serviceRoot } from '../shared/odata/entityBody.ts';
import type { KeyParameters } from '../shared/odata/key.ts';
import { readQueryOptions } from '../shared/odata/queryOptions.ts';
import type { QueryBudget } from '../shared/operation/list.ts';
import { withChildSpan } from '../shared/tracing.ts';

/** A request as it arrived, alone or in a batch. */
export interface IncomingRequest {
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
  /** The store queries that it shares with others, if it is in a batch. */
  readonly queries?: QueryBudget;
}

/** What a handler returns: a response without the headers that every response has. */
export interface GraphResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A string or bytes are sent unchanged, anything else as JSON. */
  readonly body?: unknown;
}

/** Handles a request until `deadline` is aborted. Anything that it throws becomes an error response. */
export type GraphHandler = (
  request: IncomingRequest,
  deadline: AbortSignal,
  context: InvocationContext,
) => Promise<GraphResponse>;

/** What a handler takes of a request. */
export interface Takes<Caller, Key, Option extends string> {
  /** Who may call it: see `Authenticate` and `anyone`. */
  readonly authenticate: (authorization: string | null) => Promise<Caller>;
  /** Which key the URL has: `readKey`, `requireKey` or `noKey`. */
  readonly key: (parameters: KeyParameters) => Key;
  /** Its query options. A GET has `$format` besides. */
  readonly options?: readonly Option[];
  /** The media types of its response, the default first: JSON unless they are named, and none where there is no body. */
  readonly produces?: readonly string[];
  /** Whether its response has no body with `Prefer: return=minimal`, so that it satisfies any `Accept`. */
  readonly honorsPreference?: boolean;
  /** Whose the repeatable requests are: see `readRepeatability`. Without it, no request can be repeatable. */
  readonly repeatableBy?: (caller: Caller) => string;
  /** The longest body, in bytes. Without it, no body is read. */
  readonly maxBodyBytes?: number;
}

/** A request that has passed all that comes before its handler. */
export type GraphRequest<Caller, Key, Option extends string> = Awaited<
  ReturnType<typeof readRequest<Caller, Key, Option>>
>;

/** For resources that need no token. */
export const anyone = async () => {};

/** For resources whose URL has no key. */
export const noKey = () => {};

/** Makes a handler of the requests that have what it takes. */
export function createHandler<Caller, Key, Option extends string = never>(
  takes: Takes<Caller, Key, Option>,
  handle: (
    request: GraphRequest<Caller, Key, Option>,
    deadline: AbortSignal,
    context: InvocationContext,
  ) => Promise<GraphResponse>,
): GraphHandler {
  return async (incoming, deadline, context) => handle(await readRequest(takes, incoming), deadline, context);
}

const JSON_ONLY = ['application/json'];

/** Reads all that comes before a handler. Of several faults, the first that is found decides the response. */
async function readRequest<Caller, Key, Option extends string>(
  takes: Takes<Caller, Key, Option>,
  incoming: IncomingRequest,
) {
  const { method, url, headers, params } = incoming;
  const { options: own = [], produces = JSON_ONLY, maxBodyBytes } = takes;
  const isSafe = method === 'GET' || method === 'HEAD';
  // Who calls, and may they? Nothing else of the request is looked at before that is known.
  const caller = await takes.authenticate(headers.get('authorization'));
  const root = serviceRoot(url);
  const options = readQueryOptions<Option | '$format'>(url, isSafe ? [...own, '$format'] : own);
  const version = checkODataHeaders(headers);
  const preference = readReturnPreference(headers);
  const isEmpty = produces.length === 0 || (takes.honorsPreference === true && preference === 'minimal');
  const mediaType = isEmpty ? undefined : chooseMediaType(headers, produces, options.$format);
  const preconditions = readPreconditions(headers);
  const repeatability = isSafe ? undefined : readRepeatability(headers, takes.repeatableBy?.(caller), Date.now());
  const key = takes.key(params);
  const body =
    maxBodyBytes === undefined
      ? undefined
      : await withChildSpan('readBody', () => readJsonBody(incoming, maxBodyBytes));
  return { incoming, caller, root, options, version, preference, mediaType, preconditions, repeatability, key, body };
}
