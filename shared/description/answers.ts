import { ODATA_VERSION } from '../http/contentNegotiation.ts';
import { toErrorResponse, wireErrors } from '../odata/errorResponse.ts';
import { type ErrorReason, ServiceError } from '../serviceError.ts';

const header = (description: string, schema: object = { type: 'string' }) => ({ description, schema });
const always = (description: string, schema?: object) => ({ ...header(description, schema), required: true });

/** The headers of answers. */
export const headers = {
  'OData-Version': always('The version of OData that the answer is of.', { const: ODATA_VERSION }),
  'Cache-Control': always('Nothing is to be kept.', { const: 'no-store' }),
  'X-Content-Type-Options': always('The answer is what its Content-Type says.', { const: 'nosniff' }),
  'request-id': always('What the log knows the request by.'),
  'client-request-id': header('That of the request.'),
  ETag: always('Changes with every write of the operation; opaque.'),
  'Preference-Applied': header('Which preference was.'),
  'OData-EntityId': always('The address of the operation.'),
  'Repeatability-Result': header('Of a request that asks to be repeatable.', { enum: ['accepted', 'rejected'] }),
  'WWW-Authenticate': always('How to be admitted.'),
  'Retry-After': always('When to try again, in seconds.', { type: 'string', pattern: '^[0-9]+$' }),
};
export type HeaderName = keyof typeof headers;

/** What every answer has, and may have. */
const common = ['OData-Version', 'Cache-Control', 'X-Content-Type-Options', 'request-id', 'client-request-id'] as const;

/** An answer, with its headers beside the common ones, and its content. */
export const answer = (description: string, names: readonly HeaderName[], content?: object) => ({
  description,
  headers: Object.fromEntries([...common, ...names].map((name) => [name, { $ref: `#/components/headers/${name}` }])),
  ...(content && { content }),
});

/** Why a request is refused; 405 goes without saying: `Allow` names the methods of an address. */
const descriptions = {
  invalidRequest: 'The body, the id, a header or a query option says something that cannot be.',
  tokenInvalid: 'No access token, or one that is not good for this service.',
  forbidden: 'A good token without the permission.',
  notFound: 'There is no such operation.',
  notAcceptable: 'The formats that are served are none that is asked for.',
  conflict: 'Others kept changing the operation until the attempts were used up.',
  preconditionFailed: 'If-Match, If-None-Match or Repeatability-First-Sent does not hold. Nothing was written.',
  lengthRequired: 'The body was sent without Content-Length, and did not arrive.',
  contentTooLarge: 'The body is too large.',
  unsupportedMediaType: 'The body is not application/json in UTF-8.',
  internal: 'A fault of the service.',
  notImplemented: 'The request asks to be repeatable, and cannot be.',
  unavailable: 'The store or the token issuer cannot serve now. A change may have taken effect; to repeat it is safe.',
} as const satisfies Partial<Record<ErrorReason, string>>;
export type Refusal = keyof typeof descriptions;

/** The answers to requests that are refused, by their codes. */
export const refusals = Object.fromEntries(
  Object.entries(descriptions).map(([reason, description]) => {
    const error = new ServiceError(reason as Refusal, description);
    const schema = { $ref: '#/components/schemas/graphError' };
    const requestId = '7a1cbb0c-3d5a-4b9a-8f2e-5d0c1f6f2a11';
    const { headers: own, body: example } = toErrorResponse(error, { requestId }, new Date(0));
    const names = [...(Object.keys(own) as HeaderName[]), 'Repeatability-Result'] as const;
    return [example.error.code, answer(description, names, { 'application/json': { schema, example } })];
  }),
);

/** The refusals that a request can meet, by their statuses. */
export const refusedFor = (reasons: readonly Refusal[]) =>
  Object.fromEntries(
    reasons.map((reason) => {
      const { status, code } = wireErrors[reason];
      return [status, { $ref: `#/components/responses/${code}` }];
    }),
  );
