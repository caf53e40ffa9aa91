// What every request passes before its handler, in the one order that docs/api.md states.
import type { InvocationContext } from '@azure/functions';
import { checkODataHeaders, chooseMediaType } from '../shared/http/contentNegotiation.ts';
import { readPreconditions } from '../shared/http/ifMatch.ts';
import { readJsonBody } from '../shared/http/jsonBody.ts';
import { readRepeatability, refuseRepeatability } from '../shared/http/repeatabilityHeaders.ts';
import { type ReturnPreference, readReturnPreference } from '../shared/http/returnPreference.ts';
import { serviceRoot } from '../shared/odata/entityBody.ts';
import type { KeyParameters } from '../shared/odata/key.ts';
import { readQueryOptions } from '../shared/odata/queryOptions.ts';
import type { Preconditions } from '../shared/operation/preconditions.ts';
import type { Repeatability } from '../shared/operation/repeatability.ts';
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
}

/** What a handler returns: a response without the headers that every response has. */
export interface GraphResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A string is sent unchanged, anything else as JSON. */
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
  /** Whose the repeatable requests are. Without it, no request can be repeatable. */
  readonly repeatableBy?: (caller: Caller) => string;
  /** The longest body, in bytes. Without it, no body is read. */
  readonly maxBodyBytes?: number;
}

/** A request that has passed all that comes before its handler. */
export interface GraphRequest<Caller, Key, Option extends string> {
  readonly incoming: IncomingRequest;
  readonly caller: Caller;
  /** The service root, with which links begin. */
  readonly root: string;
  readonly options: Readonly<Partial<Record<Option | '$format', string>>>;
  /** The OData version of the request. */
  readonly version: '4.0' | '4.01';
  readonly preference: ReturnPreference;
  /** The media type of the response; undefined where it has no body. */
  readonly mediaType: string | undefined;
  readonly preconditions: Preconditions;
  readonly repeatability: Repeatability | undefined;
  readonly key: Key;
  /** The body, parsed as JSON; undefined where none is read. */
  readonly body: unknown;
}

/** For resources that need no token. */
export const anyone = async () => {};

/** For resources whose URL has no key. */
export const noKey = () => {};

const JSON_ONLY: readonly string[] = ['application/json'];

/**
 * Makes a handler of the requests that pass the preamble. Each step throws what the shared function throws that it calls; of
 * several faults, the first step that finds one decides.
 */
export function createHandler<Caller, Key, Option extends string = never>(
  takes: Takes<Caller, Key, Option>,
  handle: (
    request: GraphRequest<Caller, Key, Option>,
    deadline: AbortSignal,
    context: InvocationContext,
  ) => Promise<GraphResponse>,
): GraphHandler {
  const { authenticate, options: own = [], produces = JSON_ONLY, honorsPreference, repeatableBy, maxBodyBytes } = takes;
  const ownAndFormat = [...own, '$format' as const];

  return async (incoming, deadline, context) => {
    const { method, url, headers, params } = incoming;
    const isSafe = method === 'GET' || method === 'HEAD';
    // Who calls, and may they? Nothing else of the request is looked at before that is known.
    const caller = await authenticate(headers.get('authorization'));
    const root = serviceRoot(url);
    const options = readQueryOptions<Option | '$format'>(url, isSafe ? ownAndFormat : own);
    const version = checkODataHeaders(headers);
    const preference = readReturnPreference(headers);
    const hasBody = produces.length > 0 && !(honorsPreference && preference === 'minimal');
    const mediaType = hasBody ? chooseMediaType(headers, produces, options.$format) : undefined;
    const preconditions = readPreconditions(headers);
    const repeatability = isSafe ? undefined : readRepeatabilityOf(headers, caller);
    const key = takes.key(params);
    const body = maxBodyBytes === undefined ? undefined : await readBody(incoming, maxBodyBytes);
    const read = {
      incoming,
      caller,
      root,
      options,
      version,
      preference,
      mediaType,
      preconditions,
      repeatability,
      key,
      body,
    };
    return handle(read, deadline, context);
  };

  function readRepeatabilityOf(headers: Headers, caller: Caller) {
    const now = Date.now();
    return repeatableBy ? readRepeatability(headers, repeatableBy(caller), now) : refuseRepeatability(headers, now);
  }
}

const readBody = (incoming: IncomingRequest, maxBytes: number) =>
  withChildSpan('readBody', () => readJsonBody(incoming, maxBytes));
