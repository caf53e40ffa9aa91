import { expect, test } from '@jest/globals';
import { toErrorResponse, toServiceError, wireErrors } from '../../../shared/odata/errorResponse.ts';
import { type ErrorReason, ServiceError } from '../../../shared/serviceError.ts';

const now = new Date('2024-02-29T23:59:58.999Z');
const respond = (error: ServiceError, clientRequestId?: string) =>
  toErrorResponse(error, { requestId: 'r', ...(clientRequestId && { clientRequestId }) }, now);

const headers: Readonly<Partial<Record<ErrorReason, object>>> = {
  tokenMissing: { 'WWW-Authenticate': 'Bearer realm=""' },
  tokenInvalid: { 'WWW-Authenticate': 'Bearer realm="", error="invalid_token"' },
  tooManyRequests: { 'Retry-After': '1' },
  unavailable: { 'Retry-After': '1' },
};
const busy = 'The operation was changed concurrently at every attempt. Try again.';
const stale = 'The operation has changed: its ETag is none of those in If-Match. Read it again and repeat the change.';
const tooOld =
  'Repeatability-First-Sent is outside of the window: it is no longer known whether the request was executed.';
/** The status and the `code` of each reason; some have a message of their own. */
const reasons: readonly [ErrorReason, status: number, code: string, message?: string][] = [
  ['invalidRequest', 400, 'BadRequest'],
  ['repetitionDiffers', 400, 'BadRequest', 'Repeatability-Request-ID has been used for another request.'],
  ['validationFailed', 400, 'ValidationError'],
  ['tokenMissing', 401, 'InvalidAuthenticationToken'],
  ['tokenInvalid', 401, 'InvalidAuthenticationToken'],
  ['forbidden', 403, 'Forbidden'],
  ['notFound', 404, 'ResourceNotFound', 'There is no operation with this id.'],
  ['subscriptionNotFound', 404, 'ResourceNotFound', 'There is no subscription with this id.'],
  ['unknownUrl', 404, 'ResourceNotFound'],
  ['methodNotAllowed', 405, 'MethodNotAllowed'],
  ['notAcceptable', 406, 'NotAcceptable'],
  ['conflict', 409, 'Conflict', busy],
  ['statusFinal', 409, 'Conflict'],
  ['lengthRequired', 411, 'LengthRequired'],
  ['versionMissing', 412, 'PreconditionFailed', 'If-Match was sent, but the operation does not exist.'],
  ['versionChanged', 412, 'PreconditionFailed', stale],
  ['versionExcluded', 412, 'PreconditionFailed', 'The operation exists, or has an ETag that If-None-Match excludes.'],
  ['repetitionUnknown', 412, 'PreconditionFailed', tooOld],
  ['preconditionFailed', 412, 'PreconditionFailed'],
  ['contentTooLarge', 413, 'RequestEntityTooLarge'],
  ['unsupportedMediaType', 415, 'UnsupportedMediaType'],
  ['failedDependency', 424, 'FailedDependency'],
  ['tooManyRequests', 429, 'TooManyRequests'],
  ['internal', 500, 'InternalServerError'],
  ['notImplemented', 501, 'NotImplemented'],
  ['unavailable', 503, 'ServiceUnavailable'],
  ['insufficientStorage', 507, 'InsufficientStorage'],
];

test('each reason has one status, one code, a message, and the headers that it needs', () => {
  expect(Object.keys(wireErrors).sort()).toEqual(reasons.map(([reason]) => reason).sort());
  for (const [reason, status, code, message = 'why'] of reasons) {
    const { body, ...head } = respond(new ServiceError(reason, 'why'));
    expect([reason, head]).toEqual([reason, { status, headers: { 'Content-Language': 'en', ...headers[reason] } }]);
    expect([reason, body.error]).toEqual([reason, expect.objectContaining({ code, message })]);
  }
  const notAllowed = new ServiceError('methodNotAllowed', 'why', { allow: ['GET', 'PATCH'] });
  expect(respond(notAllowed).headers).toMatchObject({ Allow: 'GET, PATCH' });
});

test('what else is thrown is a 500 without a word of the inside, kept as its cause for the log', () => {
  const withReason = Object.assign(new Error('secret inside'), { reason: 'forbidden' });
  for (const thrown of [withReason, 'secret inside', undefined]) {
    const error = toServiceError(thrown);
    expect(error).toMatchObject({ reason: 'internal', message: 'The service failed to process the request.' });
    expect(error.cause).toBe(thrown);
    expect(JSON.stringify(respond(error))).not.toContain('secret');
    expect(toServiceError(error)).toBe(error);
  }
});

test('the body has Graph’s shape: the date in UTC without a zone, every detail, and the id of the caller if it sent one', () => {
  const details = ['a', 'b'].map((target) => ({ code: 'InvalidType', message: `${target} must be a string.`, target }));
  const innerError = { date: '2024-02-29T23:59:58', 'request-id': 'r' };
  expect(respond(new ServiceError('forbidden', 'why')).body).toStrictEqual({
    error: { code: 'Forbidden', message: 'why', innerError },
  });
  expect(respond(new ServiceError('invalidRequest', 'why', { details }), 'c').body).toStrictEqual({
    error: { code: 'BadRequest', message: 'why', details, innerError: { ...innerError, 'client-request-id': 'c' } },
  });
});

test.each([
  ['a', 2046, 2046],
  ['a', 2047, 338],
  ['\u0001', 341, 341],
  ['\u0001', 342, 338],
])('a message of %j that is larger than 2 KiB as JSON is cut: of %i, it holds %i', (character, length, held) => {
  const { message } = respond(new ServiceError('forbidden', character.repeat(length))).body.error;
  expect(message).toBe(character.repeat(held) + (held < length ? '...' : ''));
});
