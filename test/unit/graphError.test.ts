import { describe, expect, test } from '@jest/globals';
import { GraphError, type GraphErrorReason, toErrorBody, toGraphError } from '../../shared/graphError.ts';

const now = new Date('2024-02-29T23:59:58.999Z');

describe('each cause has one status, one code and the headers that it needs', () => {
  test.each<[GraphErrorReason, number, string, Record<string, string>]>([
    ['badRequest', 400, 'BadRequest', {}],
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
    const error = new GraphError(reason, 'why');
    expect([error.status, error.code]).toEqual([status, code]);
    expect(error.headers).toEqual(headers);
  });
});

test('an error may need headers of its own beside those of its cause', () => {
  const headers = { Allow: 'PATCH', 'WWW-Authenticate': 'Bearer realm="here"' };
  expect(new GraphError('methodNotAllowed', 'why', { headers }).headers).toEqual(headers);
  expect(new GraphError('tokenMissing', 'why', { headers }).headers).toEqual(headers);
});

describe('what was thrown becomes a GraphError', () => {
  test('a GraphError stays the one that it is', () => {
    const error = new GraphError('conflict', 'why');
    expect(toGraphError(error)).toBe(error);
  });

  test.each([
    ['an Error', new Error('secret inside')],
    ['a TypeError', new TypeError('secret inside')],
    ['an error that looks like one', Object.assign(new Error('secret inside'), { reason: 'forbidden', status: 403 })],
    ['a string', 'secret inside'],
    ['an object', { message: 'secret inside' }],
    ['null', null],
    ['undefined', undefined],
  ])('%s becomes a 500 without a word of the inside, kept as its cause for the log', (_title, thrown) => {
    const error = toGraphError(thrown);
    expect([error.reason, error.status]).toEqual(['internal', 500]);
    expect(error.cause).toBe(thrown);
    expect(JSON.stringify(toErrorBody(error, { requestId: 'r' }, now))).not.toContain('secret');
  });
});

describe('the body of an error', () => {
  test('has Graph’s shape, with the date in UTC to the second and without a zone', () => {
    const error = new GraphError('forbidden', 'why');
    expect(toErrorBody(error, { requestId: 'r' }, now)).toStrictEqual({
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
    const error = new GraphError('badRequest', 'why', { details });
    expect(toErrorBody(error, { requestId: 'r', clientRequestId: 'c' }, now)).toStrictEqual({
      error: {
        code: 'BadRequest',
        message: 'why',
        details,
        innerError: { date: '2024-02-29T23:59:58', 'request-id': 'r', 'client-request-id': 'c' },
      },
    });
  });

  test('never holds the cause', () => {
    const error = new GraphError('unavailable', 'why', { cause: new Error('secret inside') });
    expect(JSON.stringify(toErrorBody(error, { requestId: 'r' }, now))).not.toContain('secret');
  });
});

test('a GraphError without a cause has none, not even undefined', () => {
  expect(new GraphError('notFound', 'why')).not.toHaveProperty('cause');
});

test('what is no GraphError becomes one that says nothing of the inside', () => {
  const error = toGraphError(new TypeError('secret'));
  expect([error.name, error.message]).toEqual(['GraphError', 'The service failed to process the request.']);
});
