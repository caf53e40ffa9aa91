import * as z from 'zod';
import { Faults } from '../serviceError.ts';
import { parseBody } from './validation.ts';

/** How many requests a batch may have. Microsoft Graph, "Batching". */
export const MAX_BATCH_REQUESTS = 20;

/** The longest body of a batch, in bytes. */
export const MAX_BATCH_BYTES = 1024 * 1024;

/** The longest URL of a request, and all its headers in total, in characters: what the host accepts of a single request. */
const MAX_BATCHED_URL_LENGTH = 8192;
const MAX_HEADERS_LENGTH = 32 * 1024;

/** One request of a batch. */
export interface BatchedRequest {
  readonly id: string;
  /** In upper case. */
  readonly method: string;
  /** Relative to the service root, with or without `/v1.0` or a leading slash; or absolute. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /** The ids of the requests that must succeed first. */
  readonly dependsOn: readonly string[];
}

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'must be the name of a header' });
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: 'must be the value of a header' });

/** A request within the body of a batch. */
export const batchedRequest = z.strictObject({
  id: z.string().regex(/[\s\S]/, { error: 'must not be empty' }),
  method: z
    .string()
    .regex(/^[A-Za-z]{1,20}$/, { error: 'must be the name of a method' })
    .toUpperCase(),
  url: z
    .string()
    .max(MAX_BATCHED_URL_LENGTH)
    .regex(/^(?!\/\/|(?!https?:\/\/)[A-Za-z][A-Za-z0-9+.-]*:)[^\\#]*$/, {
      error: 'must be relative to the service root, such as /playPromptOperation/{id}, or a URL of this service',
    }),
  headers: limited(
    z.record(headerName, headerValue),
    (headers) => lengthOf(headers) <= MAX_HEADERS_LENGTH,
    `must be at most ${MAX_HEADERS_LENGTH} characters long in total`,
  )
    .refine((headers) => !Object.keys(headers).some((name) => name.toLowerCase() === 'authorization'), {
      error: 'must not have Authorization, which the batch has',
    })
    .nullish()
    .transform((headers) => headers ?? {}),
  body: z
    .unknown()
    .transform((body, context) => (body === null || body === undefined ? undefined : toBytes(body, context)))
    .optional(),
  dependsOn: limited(
    z.array(z.string()),
    (ids) => !Array.isArray(ids) || ids.length < MAX_BATCH_REQUESTS,
    `must have at most ${MAX_BATCH_REQUESTS - 1} ids`,
  )
    .meta({ maxItems: MAX_BATCH_REQUESTS - 1 })
    .nullish()
    .transform((ids) => ids ?? []),
});

/** The body of a batch. */
export const batch = z.strictObject({
  requests: limited(
    z.array(batchedRequest),
    (requests) => !Array.isArray(requests) || (requests.length >= 1 && requests.length <= MAX_BATCH_REQUESTS),
    `must have 1 to ${MAX_BATCH_REQUESTS} members`,
  ).meta({ minItems: 1, maxItems: MAX_BATCH_REQUESTS }),
});

/** A schema that parses the members of a value only if the value as a whole is within a limit. */
function limited<Schema extends z.ZodType>(schema: Schema, isWithin: (value: unknown) => boolean, error: string) {
  return z.preprocess((value, context) => {
    if (!isWithin(value)) context.addIssue({ code: 'custom', message: error });
    return value;
  }, schema);
}

function lengthOf(headers: unknown): number {
  if (typeof headers !== 'object' || headers === null) return 0;
  // A value that is not a string is refused anyway.
  const texts = Object.entries(headers).flat();
  return texts.reduce((sum, text) => sum + (typeof text === 'string' ? text.length : 0), 0);
}

/** The bytes of a body: JSON, or a string in base64, in either alphabet. */
function toBytes(body: unknown, context: z.RefinementCtx): Uint8Array {
  if (typeof body !== 'string') {
    if (holdsInfinity(body))
      context.addIssue({ code: 'custom', message: 'must not have a number beyond the range of a double' });
    return Buffer.from(JSON.stringify(body));
  }
  if (!/^[\w+/-]*={0,2}$/.test(body))
    context.addIssue({ code: 'custom', message: 'must be JSON, or a string in base64' });
  return Buffer.from(body, 'base64');
}

/** Whether a number was too large for a double, so that it cannot be serialized as JSON again. */
function holdsInfinity(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(holdsInfinity);
  return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY;
}

/**
 * Validates the body of a batch. OData JSON Format, section 19; Microsoft Graph, "Batching".
 *
 * @returns the requests in an order in which each follows those that it depends on
 * @throws ServiceError `invalidRequest` whose `details` hold every fault
 */
export function validateBatch(body: unknown): readonly BatchedRequest[] {
  const parsed = parseBody(batch, body);
  const faults = new Faults();
  const byId = new Map(parsed.requests.map((request) => [request.id.toLowerCase(), request]));
  const requests = parsed.requests.map(({ dependsOn, ...request }) => ({
    ...request,
    dependsOn: dependsOn.map((id) => byId.get(id.toLowerCase())?.id ?? id),
  }));

  const inOrder = new Set<BatchedRequest>();
  const isThere = (wanted: string) => [...inOrder].some(({ id }) => id === wanted);
  for (const _ of requests) {
    for (const request of requests) if (request.dependsOn.every(isThere)) inOrder.add(request);
  }
  for (const [n, request] of requests.entries()) {
    if (byId.get(request.id.toLowerCase()) !== parsed.requests[n]) {
      faults.add('InvalidValue', `requests/${n}/id`, 'must be unique');
    }
    if (!inOrder.has(request)) {
      const text = 'must have ids of other requests, none of which depends on this one';
      faults.add('InvalidValue', `requests/${n}/dependsOn`, text);
    }
  }
  faults.throwIfAny();
  return [...inOrder];
}
