import type { Authenticate } from '../shared/auth/authentication.ts';
import { JSON_MEDIA_TYPE } from '../shared/http/contentNegotiation.ts';
import { type BatchedRequest, MAX_BATCH_BYTES, validateBatch } from '../shared/odata/batchRequest.ts';
import { serviceRoot } from '../shared/odata/entityBody.ts';
import { MAX_QUERIES } from '../shared/operation/list.ts';
import { Faults, ServiceError } from '../shared/serviceError.ts';
import { withChildSpan } from '../shared/tracing.ts';
import {
  byMethod,
  type FindHandler,
  type HttpResponse,
  MAX_RESPONSE_BYTES,
  type Route,
  respond,
  unknownUrl,
} from './httpHandler.ts';
import { createHandler, type GraphHandler, type GraphRequest, type IncomingRequest, noKey } from './request.ts';
import { createRouter } from './router.ts';

/** Bytes reserved for the JSON around the bodies: statuses, headers, and ids, which the batch's own body bounds. */
const BATCH_ENVELOPE_BYTES = MAX_BATCH_BYTES + 64 * 1024;

/** Headers of the batch that its requests inherit. */
const INHERITED_HEADERS = ['Authorization', 'client-request-id'];

/**
 * `POST /$batch`: handles up to 20 requests by `routes`, each as if it were sent alone. Requests that do not depend on each
 * other run concurrently, and all share the bound on the size of a response equally, and the store queries of a list. Microsoft Graph, "JSON batching";
 * OData JSON Format, section 19.
 */
export function createBatch({
  authenticate,
  routes,
}: {
  readonly authenticate: Authenticate;
  readonly routes: readonly Route[];
}): GraphHandler {
  const nested = { name: 'batch', template: 'v1.0/$batch', find: byMethod({ POST: refuseNestedBatch }) };
  const route = createRouter('', [...routes, nested]);
  const takes = { authenticate, key: noKey, maxBodyBytes: MAX_BATCH_BYTES };

  return createHandler(takes, async (request, deadline, context) => {
    const { incoming } = request;
    refuseHeadersOfOne(request);
    const batched = validateBatch(request.body);

    const maxResponseBytes = Math.floor((MAX_RESPONSE_BYTES - BATCH_ENVELOPE_BYTES) / batched.length);
    const queries = { left: MAX_QUERIES };
    const pending = new Map<string, Promise<HttpResponse>>();
    const respondTo = async ({ dependsOn, ...one }: BatchedRequest, n: number) => {
      const dependencies = await Promise.all(dependsOn.flatMap((id) => pending.get(id) ?? []));
      const hasFailedDependency = dependencies.some(({ status }) => status >= 400);
      const { alone, find } = resolve(one, incoming, route);
      const shared = { ...alone, requestId: `${incoming.requestId}.${n + 1}`, maxResponseBytes, queries };
      return respond(hasFailedDependency ? dependencyFailed : find, shared, deadline, context);
    };
    const responses = await Promise.all(
      batched.map(async (each, n) => {
        const response = respondTo(each, n);
        pending.set(each.id, response);
        return toJson(each, await response);
      }),
    );
    return { status: 200, headers: { 'Content-Type': JSON_MEDIA_TYPE }, body: `{"responses":[${responses.join()}]}` };
  });
}

/** A request of a batch as if it were sent alone, and its handler. Graph's client cuts the origin off a URL, not the path. */
function resolve(
  { method, url, headers, body }: Omit<BatchedRequest, 'id' | 'dependsOn'>,
  batch: IncomingRequest,
  route: ReturnType<typeof createRouter<Route>>,
): { readonly alone: Omit<IncomingRequest, 'requestId'>; readonly find: FindHandler } {
  const root = new URL(serviceRoot(batch.url));
  const absolute = url.startsWith(`${root.pathname}/`) ? root.origin + url : url;
  const address = URL.parse(absolute) ?? new URL(`${root.href}/${url.replace(/^\/?(?:v1\.0(?:\/|$))?/i, '')}`);
  const isBelow = address.origin === root.origin && address.pathname.startsWith(`${root.pathname}/`);
  const found = isBelow ? route(method, `/v1.0${address.pathname.slice(root.pathname.length)}`) : undefined;
  const own = new Headers(Object.entries(headers));
  for (const name of INHERITED_HEADERS) {
    const value = own.get(name) ?? batch.headers.get(name);
    if (value !== null) own.set(name, value);
  }
  return {
    alone: {
      method,
      url: address,
      headers: own,
      params: found?.params ?? {},
      body: body ? ReadableStream.from([body]) : null,
    },
    find: found ? inChildSpan(found.served) : unknownUrl,
  };
}

function inChildSpan({ name, find }: Route): FindHandler {
  return async (request) => {
    const handler = await find(request);
    return (...all) => withChildSpan(name, () => handler(...all));
  };
}

/** OData Protocol, 11.7.1: headers that concern a single request are not allowed on a batch. */
function refuseHeadersOfOne({ incoming: { headers }, preference }: GraphRequest<unknown, unknown, never>) {
  const faults = new Faults();
  for (const name of ['If-Match', 'If-None-Match', ...(preference ? ['Prefer'] : [])]) {
    if (headers.has(name)) faults.add('InvalidHeader', name, 'is a header of a request, not of a batch');
  }
  faults.throwIfAny();
}

const refuseNestedBatch = () => {
  throw new ServiceError('invalidRequest', 'A batch cannot contain another batch.');
};

const dependencyFailed = () => {
  throw new ServiceError('failedDependency', 'A request that this one depends on failed.');
};

/**
 * Serializes one response. Its body is JSON already, and is embedded without parsing it again; any other body is a string
 * in base64url. OData JSON Format, 19.2.
 */
function toJson({ id, method }: BatchedRequest, { status, headers, body }: HttpResponse): string {
  const members = [`"id":${JSON.stringify(id)}`, `"status":${status}`, `"headers":${JSON.stringify(headers)}`];
  if (method !== 'HEAD' && body !== undefined) {
    const isJson = headers['Content-Type']?.startsWith('application/json');
    members.push(`"body":${isJson ? body : JSON.stringify(Buffer.from(`${body}`).toString('base64url'))}`);
  }
  return `{${members.join()}}`;
}
