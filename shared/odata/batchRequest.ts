import * as z from 'zod';
import { type ErrorDetail, invalidRequest } from '../serviceError.ts';
import { toDetails } from './validation.ts';

/** How many requests a batch may have. Microsoft Graph, "Batching". */
export const MAX_BATCH_REQUESTS = 20;

/** The longest body of a batch, in bytes. */
export const MAX_BATCH_BYTES = 1024 * 1024;

/** One request of a batch. */
export interface BatchedRequest {
  readonly id: string;
  /** In upper case. */
  readonly method: string;
  /** Relative to the service root, with or without a leading slash. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /** The ids of the requests that must succeed first. */
  readonly dependsOn: readonly string[];
}

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'must be the name of a header' });
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: 'must be the value of a header' });

/** The body of a batch. */
export const batch = z.strictObject({
  requests: z
    .array(
      z.strictObject({
        id: z.string().regex(/[\s\S]/, { error: 'must not be empty' }),
        method: z
          .string()
          .regex(/^[A-Za-z]+$/, { error: 'must be the name of a method' })
          .toUpperCase(),
        url: z.string().regex(/^(?!\/\/|[A-Za-z][A-Za-z0-9+.-]*:)[^\\#]*$/, {
          error: 'must be an address below the root of the service, such as /playPromptOperation/{id}',
        }),
        headers: z
          .record(headerName, headerValue)
          .default({})
          .refine((headers) => !Object.keys(headers).some((name) => name.toLowerCase() === 'authorization'), {
            error: 'must not name Authorization, which is that of the batch',
          }),
        body: z.unknown().transform(toBytes).optional(),
        dependsOn: z
          .array(z.string())
          .default([])
          .refine(({ length }) => length < MAX_BATCH_REQUESTS, { error: 'must name fewer requests' })
          .meta({ maxItems: MAX_BATCH_REQUESTS - 1 }),
      }),
    )
    .refine(({ length }) => length >= 1 && length <= MAX_BATCH_REQUESTS, {
      error: `must be 1 to ${MAX_BATCH_REQUESTS} requests`,
    })
    .meta({ minItems: 1, maxItems: MAX_BATCH_REQUESTS }),
});

/** The bytes of a body: JSON as it is, anything else in base64, in either alphabet. */
function toBytes(body: unknown, context: z.RefinementCtx): Uint8Array {
  if (typeof body !== 'string') {
    if (holdsInfinity(body)) context.addIssue({ code: 'custom', message: 'must not hold a number beyond a double' });
    return Buffer.from(JSON.stringify(body));
  }
  if (!/^[\w+/-]*={0,2}$/.test(body)) context.addIssue({ code: 'custom', message: 'must be JSON, or text in base64' });
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
  const parsed = batch.safeParse(body);
  if (!parsed.success) throw invalidRequest(parsed.error.issues.flatMap(toDetails));
  const byId = new Map(parsed.data.requests.map((request) => [request.id.toLowerCase(), request]));
  const requests = parsed.data.requests.map(({ dependsOn, ...request }) => ({
    ...request,
    dependsOn: dependsOn.map((id) => byId.get(id.toLowerCase())?.id ?? id),
  }));

  const inOrder = new Set<BatchedRequest>();
  const isThere = (wanted: string) => [...inOrder].some(({ id }) => id === wanted);
  for (const _ of requests) {
    for (const request of requests) if (request.dependsOn.every(isThere)) inOrder.add(request);
  }
  const faults = requests.flatMap((request, n) => [
    ...(byId.get(request.id.toLowerCase()) === parsed.data.requests[n]
      ? []
      : [fault(n, 'id', 'must not be that of another')]),
    ...(inOrder.has(request)
      ? []
      : [fault(n, 'dependsOn', 'must name other requests, none of which depends on this one')]),
  ]);
  if (faults.length > 0) throw invalidRequest(faults);
  return [...inOrder];
}

function fault(n: number, member: string, message: string): ErrorDetail {
  const target = `requests/${n}/${member}`;
  return { code: 'InvalidValue', message: `${target} ${message}.`, target };
}
