import { type ErrorReason, type OperationFailure, ServiceError } from '../serviceError.ts';

interface WireError {
  readonly status: number;
  readonly code: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The message, where it is always the same. */
  readonly message?: string;
}

const unauthenticated = (challenge: string) => ({
  ...{ status: 401, code: 'InvalidAuthenticationToken', headers: { 'WWW-Authenticate': challenge } },
});
const notFound = { status: 404, code: 'ResourceNotFound' };
const preconditionFailed = { status: 412, code: 'PreconditionFailed' };

/** The response to each reason. Microsoft Graph, "Errors"; RFC 9110, section 15; RFC 6750, section 3. */
export const wireErrors: Readonly<Record<ErrorReason, WireError> & Record<OperationFailure, { message: string }>> = {
  invalidRequest: { status: 400, code: 'BadRequest' },
  validationFailed: { status: 400, code: 'ValidationError' },
  repetitionDiffers: {
    status: 400,
    code: 'BadRequest',
    message: 'Repeatability-Request-ID has been used for another request.',
  },
  tokenMissing: unauthenticated('Bearer realm=""'),
  tokenInvalid: unauthenticated('Bearer realm="", error="invalid_token"'),
  forbidden: { status: 403, code: 'Forbidden' },
  notFound: { ...notFound, message: 'There is no operation with this id.' },
  subscriptionNotFound: { ...notFound, message: 'There is no subscription with this id.' },
  unknownUrl: notFound,
  methodNotAllowed: { status: 405, code: 'MethodNotAllowed' },
  notAcceptable: { status: 406, code: 'NotAcceptable' },
  conflict: {
    status: 409,
    code: 'Conflict',
    message: 'The operation was changed concurrently at every attempt. Try again.',
  },
  statusFinal: { status: 409, code: 'Conflict' },
  lengthRequired: { status: 411, code: 'LengthRequired' },
  versionMissing: { ...preconditionFailed, message: 'If-Match was sent, but the operation does not exist.' },
  versionChanged: {
    ...preconditionFailed,
    message: 'The operation has changed: its ETag is none of those in If-Match. Read it again and repeat the change.',
  },
  versionExcluded: {
    ...preconditionFailed,
    message: 'The operation exists, or has an ETag that If-None-Match excludes.',
  },
  repetitionUnknown: {
    ...preconditionFailed,
    message:
      'Repeatability-First-Sent is outside of the window: it is no longer known whether the request was executed.',
  },
  preconditionFailed,
  contentTooLarge: { status: 413, code: 'RequestEntityTooLarge' },
  unsupportedMediaType: { status: 415, code: 'UnsupportedMediaType' },
  failedDependency: { status: 424, code: 'FailedDependency' },
  tooManyRequests: { status: 429, code: 'TooManyRequests', headers: { 'Retry-After': '1' } },
  internal: { status: 500, code: 'InternalServerError' },
  notImplemented: { status: 501, code: 'NotImplemented' },
  insufficientStorage: { status: 507, code: 'InsufficientStorage' },
  unavailable: { status: 503, code: 'ServiceUnavailable', headers: { 'Retry-After': '1' } },
};

/** What identifies one request: the service's own id, and the caller's if it sent one. */
export interface RequestIds {
  readonly requestId: string;
  readonly clientRequestId?: string;
}

/** Turns anything thrown into a ServiceError. What is not one already becomes `internal`, with a fixed message. */
export function toServiceError(thrown: unknown): ServiceError {
  return thrown instanceof ServiceError
    ? thrown
    : new ServiceError('internal', 'The service failed to process the request.', { cause: thrown });
}

/** The status, headers and body of an error. Microsoft Graph, "Errors": `date` is UTC, to the second, without a zone. */
export function toErrorResponse(error: ServiceError, { requestId, clientRequestId }: RequestIds, now: Date) {
  const { status, code, headers, message = error.message } = wireErrors[error.reason];
  return {
    status,
    // OData Protocol, 8.1.3: the language of the message.
    headers: { 'Content-Language': 'en', ...headers, ...(error.allow.length > 0 && { Allow: error.allow.join(', ') }) },
    body: {
      error: {
        code,
        message: fitting(message),
        ...(error.details.length > 0 && { details: error.details }),
        innerError: {
          date: now.toISOString().slice(0, 19),
          'request-id': requestId,
          ...(clientRequestId !== undefined && { 'client-request-id': clientRequestId }),
        },
      },
    },
  };
}

/** The longest message, in bytes of JSON, which keeps an error response below 16 KiB. */
const MAX_MESSAGE_BYTES = 2048;

/** A message that is too long only when a name in it needs many escapes. */
function fitting(message: string) {
  const isFitting = Buffer.byteLength(JSON.stringify(message)) <= MAX_MESSAGE_BYTES;
  return isFitting ? message : `${message.slice(0, MAX_MESSAGE_BYTES / 6 - 3)}...`;
}
