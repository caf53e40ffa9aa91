import { describe, expect, test } from '@jest/globals';
import { toErrorResponse, toServiceError } from '../../../shared/odata/errorResponse.ts';
import { type ErrorReason, ServiceError } from '../../../shared/serviceError.ts';

const now = new Date('2024-02-29T23:59:58.999Z');

describe('each cause has one status, one code and the headers that it needs', () => {
  test.each<[ErrorReason, number, string, Record<string, string>]>([
    ['invalidRequest', 400, 'BadRequest', {}],
    ['tokenMissing', 401, 'InvalidAuthenticationToken', { 'WWW-Authenticate': 'Bearer realm=""' }],
    [
      'tokenInvalid',
      401,
      'InvalidAuthenticationToken',
      { 'WWW-Authenticate': 'Bearer realm="", error="invalid_token"' },
    ],
    ['forbidden', 403, 'Forbidden', {}],
    ['notFound', 404, 'ResourceNotFound', {}],
    ['methodNotAllowed', 405, 'MethodNotAllowed', {}],
    ['notAcceptable', 406, 'NotAcceptable', {}],
    ['conflict', 409, 'Conflict', {}],
    ['preconditionFailed', 412, 'PreconditionFailed', {}],
    ['contentTooLarge', 413, 'RequestEntityTooLarge', {}],
    ['unsupportedMediaType', 415, 'UnsupportedMediaType', {}],
    ['failedDependency', 424, 'FailedDependency', {}],
    ['tooManyRequests', 429, 'TooManyRequests', { 'Retry-After': '1' }],
    ['internal', 500, 'InternalServerError', {}],
    ['notImplemented', 501, 'NotImplemented', {}],
    ['unavailable', 503, 'ServiceUnavailable', { 'Retry-After': '1' }],
  ])('%s is %i %s', (reason, status, code, headers) => {
    const response = toErrorResponse(new ServiceError(reason, 'why'), { requestId: 'r' }, now);
    expect(response).toMatchObject({ status, headers, body: { error: { code } } });
    expect(response.headers).toEqual(headers);
  });
});

test('a method that is not allowed names those that are', () => {
  const error = new ServiceError('methodNotAllowed', 'why', { allow: ['GET', 'PATCH'] });
  expect(toErrorResponse(error, { requestId: 'r' }, now).headers).toEqual({ Allow: 'GET, PATCH' });
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
    expect(error.reason).toBe('internal');
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

  test('never holds the cause', () => {
    const error = new ServiceError('unavailable', 'why', { cause: new Error('secret inside') });
    expect(JSON.stringify(toErrorResponse(error, { requestId: 'r' }, now))).not.toContain('secret');
  });
});

test('a ServiceError without a cause has none, not even undefined', () => {
  expect(new ServiceError('notFound', 'why')).not.toHaveProperty('cause');
});

test('what is no ServiceError becomes one that says nothing of the inside', () => {
  const error = toServiceError(new TypeError('secret'));
  expect([error.name, error.message]).toEqual(['ServiceError', 'The service failed to process the request.']);
});
