import { ODATA_VERSION } from '../http/contentNegotiation.ts';
import { toErrorResponse, wireErrors } from '../odata/errorResponse.ts';
import { type ErrorReason, ServiceError } from '../serviceError.ts';
import type { Features } from './features.ts';

const header = (description: string, schema: object = { type: 'string' }) => ({ description, schema });
const always = (description: string, schema?: object) => ({ ...header(description, schema), required: true });

/** The headers of responses. */
const headers = {
  'OData-Version': always('The OData version of the response.', { type: 'string', const: ODATA_VERSION }),
  'Cache-Control': always('Responses must not be cached.', { type: 'string', const: 'no-store' }),
  'X-Content-Type-Options': always('Clients must not guess another media type.', { type: 'string', const: 'nosniff' }),
  'request-id': always('The id of the request, which the log has too.'),
  'client-request-id': header('The client-request-id of the request.'),
  ETag: always('The version of the operation. Opaque; it changes with every write.'),
  'Preference-Applied': header('The preference that was applied.'),
  'OData-EntityId': always('The URL of the operation.'),
  'Repeatability-Result': header('The result of a repeatable request.', {
    type: 'string',
    enum: ['accepted', 'rejected'],
  }),
  'Content-Language': always('The language of the message.', { type: 'string', const: 'en' }),
  'WWW-Authenticate': always('How to authenticate.'),
  'Retry-After': always('How long to wait before the next attempt, in seconds.', {
    type: 'string',
    pattern: '^[0-9]+$',
  }),
};
const notificationHeaders = { Location: always('The URL of the subscription.') };
export type HeaderName = keyof typeof headers | keyof typeof notificationHeaders;

/** The headers of the responses of the features that are on. */
export const headersFor = ({ notifications }: Features) => ({ ...headers, ...(notifications && notificationHeaders) });

/** The headers that every response has or may have. */
const common = ['OData-Version', 'Cache-Control', 'X-Content-Type-Options', 'request-id', 'client-request-id'] as const;

/** A response, with its content, and its headers besides the common ones. */
export const response = (description: string, names: readonly HeaderName[], content?: object) => ({
  description,
  headers: Object.fromEntries([...common, ...names].map((name) => [name, { $ref: `#/components/headers/${name}` }])),
  ...(content && { content }),
});

/** Why a request is refused. 405 is not listed: `Allow` names the methods of a URL. */
const descriptions = {
  invalidRequest: 'The body, the id, a header or a query option is not valid.',
  validationFailed:
    'The receiver of notifications failed its validation, or, with BadRequest, the request is not valid.',
  tokenInvalid: 'There is no access token, or it is not valid for this service.',
  forbidden: 'The access token is valid, but lacks the permission.',
  notFound: 'There is no such resource.',
  notAcceptable: '$format or Accept excludes the formats of the response.',
  conflict:
    'The operation was changed concurrently at every attempt, or, with KEEP_FINAL_STATUS, has ended and keeps its status.',
  preconditionFailed: 'If-Match, If-None-Match or Repeatability-First-Sent does not hold. Nothing was written.',
  lengthRequired: 'The body was sent without Content-Length, and was dropped by the Functions host.',
  contentTooLarge: 'The body is too large.',
  unsupportedMediaType: 'The body is not application/json in UTF-8.',
  tooManyRequests: 'Too many receivers of notifications are validated at the same time.',
  internal: 'An error of the service.',
  notImplemented: 'The request has repeatability headers, which this resource does not support.',
  unavailable:
    'The store or the token issuer is not available. A change of an operation may have taken effect; it is safe to repeat.',
} as const satisfies Partial<Record<ErrorReason, string>>;
export type Refusal = keyof typeof descriptions;

/** The error responses, by their codes. */
const refusals = Object.fromEntries(
  Object.entries(descriptions).map(([reason, description]) => {
    const error = new ServiceError(reason as Refusal, description);
    const schema = { $ref: '#/components/schemas/graphError' };
    const requestId = '7a1cbb0c-3d5a-4b9a-8f2e-5d0c1f6f2a11';
    const { headers: own, body: example } = toErrorResponse(error, { requestId }, new Date(0));
    const names = Object.keys(own) as HeaderName[];
    if (!error.isFailure) names.push('Repeatability-Result');
    return [example.error.code, response(description, names, { 'application/json': { schema, example } })];
  }),
);

/** The error responses of the features that are on, by their codes. */
export function refusalsFor({ notifications }: Features) {
  if (notifications) return refusals;
  const { validationFailed, tooManyRequests } = wireErrors;
  const { [validationFailed.code]: _, [tooManyRequests.code]: __, ...others } = refusals;
  return others;
}

/** The error responses of a request, by their statuses: the last of several with the same one. */
export const refusedFor = (reasons: readonly Refusal[]) =>
  Object.fromEntries(
    reasons.map((reason) => {
      const { status, code } = wireErrors[reason];
      return [status, { $ref: `#/components/responses/${code}` }];
    }),
  );
