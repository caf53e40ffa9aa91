import { describe, expect, test } from '@jest/globals';
import { toErrorResponse, toServiceError } from '../../../shared/odata/errorResponse.ts';
import { type ErrorReason, type OperationFailure, ServiceError } from '../../../shared/serviceError.ts';

const now = new Date('2024-02-29T23:59:58.999Z');

describe('each cause has one status, one code and the headers that it needs', () => {
  test.each<[ErrorReason, number, string, Record<string, string>]>([
    ['invalidRequest', 400, 'BadRequest', {}],
    ['validationFailed', 400, 'ValidationError', {}],
    ['tokenMissing', 401, 'InvalidAuthenticationToken', { 'WWW-Authenticate': 'Bearer realm=""' }],
    [
      'tokenInvalid',
      401,
      'InvalidAuthenticationToken',
      { 'WWW-Authenticate': 'Bearer realm="", error="invalid_token"' },
    ],
    ['forbidden', 403, 'Forbidden', {}],
    ['repetitionDiffers', 400, 'BadRequest', {}],
    ['notFound', 404, 'ResourceNotFound', {}],
    ['subscriptionNotFound', 404, 'ResourceNotFound', {}],
    ['unknownUrl', 404, 'ResourceNotFound', {}],
    ['methodNotAllowed', 405, 'MethodNotAllowed', {}],
    ['notAcceptable', 406, 'NotAcceptable', {}],
    ['conflict', 409, 'Conflict', {}],
    ['lengthRequired', 411, 'LengthRequired', {}],
    ['versionMissing', 412, 'PreconditionFailed', {}],
    ['versionChanged', 412, 'PreconditionFailed', {}],
    ['versionExcluded', 412, 'PreconditionFailed', {}],
    ['repetitionUnknown', 412, 'PreconditionFailed', {}],
    ['contentTooLarge', 413, 'RequestEntityTooLarge', {}],
    ['unsupportedMediaType', 415, 'UnsupportedMediaType', {}],
    ['failedDependency', 424, 'FailedDependency', {}],
    ['tooManyRequests', 429, 'TooManyRequests', { 'Retry-After': '1' }],
    ['internal', 500, 'InternalServerError', {}],
    ['notImplemented', 501, 'NotImplemented', {}],
    ['unavailable', 503, 'ServiceUnavailable', { 'Retry-After': '1' }],
    ['insufficientStorage', 507, 'InsufficientStorage', {}],
  ])('%s is %i %s', (reason, status, code, headers) => {
    const response = toErrorResponse(new ServiceError(reason, 'why'), { requestId: 'r' }, now);
    expect(response).toMatchObject({ status, headers, body: { error: { code } } });
    expect(response.headers).toEqual({ 'Content-Language': 'en', ...headers });
  });
});

describe('a failure of an operation has its message in the table', () => {
  test.each<[OperationFailure, string]>([
    ['notFound', 'There is no operation with this id.'],
    ['subscriptionNotFound', 'There is no subscription with this id.'],
    ['conflict', 'The operation was changed concurrently at every attempt. Try again.'],
    ['versionMissing', 'If-Match was sent, but the operation does not exist.'],
    [
      'versionChanged',
      'The operation has changed: its ETag is none of those in If-Match. Read it again and repeat the change.',
    ],
    ['versionExcluded', 'The operation exists, or has an ETag that If-None-Match excludes.'],
    [
      'repetitionUnknown',
      'Repeatability-First-Sent is outside of the window: it is no longer known whether the request was executed.',
    ],
    ['repetitionDiffers', 'Repeatability-Request-ID has been used for another request.'],
  ])('%s', (reason, message) => {
    expect(toErrorResponse(new ServiceError(reason), { requestId: 'r' }, now).body.error.message).toBe(message);
  });
});

test('a method that is not allowed names those that are', () => {
  const error = new ServiceError('methodNotAllowed', 'why', { allow: ['GET', 'PATCH'] });
  expect(toErrorResponse(error, { requestId: 'r' }, now).headers).toMatchObject({ Allow: 'GET, PATCH' });
});

describe('what was thrown becomes a ServiceError', () => {
  test('a ServiceError stays the one that it is', () => {
    const error = new ServiceError('conflict', 'why');
    expect(toServiceError(error)).toBe(error);
  });

  test.each([
    ['an Error', new Error('secret inside')],
    ['a TypeError', new TypeError('secret inside')],
    ['an error that looks like one', Object.assign(new Error('secret inside'), { reason: 'forbidden' })],
    ['a string', 'secret inside'],
    ['an object', { message: 'secret inside' }],
    ['null', null],
    ['undefined', undefined],
  ])('%s becomes a 500 without a word of the inside, kept as its cause for the log', (_title, thrown) => {
    const error = toServiceError(thrown);
    expect(error).toMatchObject({ reason: 'internal', message: 'The service failed to process the request.' });
    expect(error.cause).toBe(thrown);
    expect(JSON.stringify(toErrorResponse(error, { requestId: 'r' }, now))).not.toContain('secret');
  });
});

describe('the body of an error', () => {
  test('has Graph’s shape, with the date in UTC to the second and without a zone', () => {
    const error = new ServiceError('forbidden', 'why');
    expect(toErrorResponse(error, { requestId: 'r' }, now).body).toStrictEqual({
      error: {
        code: 'Forbidden',
        message: 'why',
        innerError: { date: '2024-02-29T23:59:58', 'request-id': 'r' },
      },
    });
  });

  test('holds every detail, and the id of the caller when it sent one', () => {
    const details = [
      { code: 'InvalidType', message: 'a must be a string.', target: 'a' },
      { code: 'UnknownProperty', message: 'b is not a property.', target: 'b' },
    ];
    const error = new ServiceError('invalidRequest', 'why', { details });
    expect(toErrorResponse(error, { requestId: 'r', clientRequestId: 'c' }, now).body).toStrictEqual({
      error: {
        code: 'BadRequest',
        message: 'why',
        details,
        innerError: { date: '2024-02-29T23:59:58', 'request-id': 'r', 'client-request-id': 'c' },
      },
    });
  });

  test.each([
    ['a', 2046, 2046],
    ['a', 2047, 338],
    ['\u0001', 341, 341],
    ['\u0001', 342, 338],
  ])('cuts a message of %j that is larger than 2 KiB as JSON: of %i, it holds %i', (character, length, held) => {
    const { message } = toErrorResponse(
      new ServiceError('forbidden', character.repeat(length)),
      { requestId: 'r' },
      now,
    ).body.error;
    expect(message).toBe(character.repeat(held) + (held < length ? '...' : ''));
  });
});
