import { expect, test } from '@jest/globals';
import { toErrorResponse, toServiceError, wireErrors } from '../../../shared/odata/errorResponse.ts';
import { type ErrorReason, ServiceError } from '../../../shared/serviceError.ts';

const now = new Date('2024-02-29T23:59:58.999Z');
const respond = (error: ServiceError, clientRequestId?: string) =>
  toErrorResponse(error, { requestId: 'r', ...(clientRequestId && { clientRequestId }) }, now);

/** The `code` of each status, and the reasons that have it; some have a message of their own. */
const codes: Readonly<Record<number, [code: string, reasons: readonly ErrorReason[]]>> = {
  400: ['BadRequest', ['invalidRequest', 'repetitionDiffers']],
  401: ['InvalidAuthenticationToken', ['tokenMissing', 'tokenInvalid']],
  403: ['Forbidden', ['forbidden']],
  404: ['ResourceNotFound', ['notFound', 'subscriptionNotFound', 'unknownUrl']],
  405: ['MethodNotAllowed', ['methodNotAllowed']],
  406: ['NotAcceptable', ['notAcceptable']],
  409: ['Conflict', ['conflict', 'statusFinal']],
  411: ['LengthRequired', ['lengthRequired']],
  412: [
    'PreconditionFailed',
    ['versionMissing', 'versionChanged', 'versionExcluded', 'repetitionUnknown', 'preconditionFailed'],
  ],
  413: ['RequestEntityTooLarge', ['contentTooLarge']],
  415: ['UnsupportedMediaType', ['unsupportedMediaType']],
  424: ['FailedDependency', ['failedDependency']],
  429: ['TooManyRequests', ['tooManyRequests']],
  500: ['InternalServerError', ['internal']],
  501: ['NotImplemented', ['notImplemented']],
  503: ['ServiceUnavailable', ['unavailable']],
  507: ['InsufficientStorage', ['insufficientStorage']],
};
const messages: Readonly<Partial<Record<ErrorReason, string>>> = {
  notFound: 'There is no operation with this id.',
  subscriptionNotFound: 'There is no subscription with this id.',
  conflict: 'The operation was changed concurrently at every attempt. Try again.',
  versionMissing: 'If-Match was sent, but the operation does not exist.',
  versionChanged:
    'The operation has changed: its ETag is none of those in If-Match. Read it again and repeat the change.',
  versionExcluded: 'The operation exists, or has an ETag that If-None-Match excludes.',
  repetitionUnknown:
    'Repeatability-First-Sent is outside of the window: it is no longer known whether the request was executed.',
  repetitionDiffers: 'Repeatability-Request-ID has been used for another request.',
};
const headers: Readonly<Partial<Record<ErrorReason, object>>> = {
  tokenMissing: { 'WWW-Authenticate': 'Bearer realm=""' },
  tokenInvalid: { 'WWW-Authenticate': 'Bearer realm="", error="invalid_token"' },
  tooManyRequests: { 'Retry-After': '1' },
  unavailable: { 'Retry-After': '1' },
};

test('each reason has one status, one code, a message, and the headers that it needs', () => {
  const rows = Object.entries(codes).flatMap(([status, [code, reasons]]) =>
    reasons.map((reason) => [reason, Number(status), code] as const),
  );
  expect(Object.keys(wireErrors).sort()).toEqual([...rows.map(([reason]) => reason), 'validationFailed'].sort());
  for (const [reason, status, code] of [...rows, ['validationFailed', 400, 'ValidationError'] as const]) {
    const response = respond(new ServiceError(reason, 'why'));
    expect([reason, response.status, response.body.error.code]).toEqual([reason, status, code]);
    expect(response.body.error.message).toBe(messages[reason] ?? 'why');
    expect(response.headers).toEqual({ 'Content-Language': 'en', ...headers[reason] });
  }
  const notAllowed = new ServiceError('methodNotAllowed', 'why', { allow: ['GET', 'PATCH'] });
  expect(respond(notAllowed).headers).toMatchObject({ Allow: 'GET, PATCH' });
});

test.each<[unknown]>([
  [new Error('secret inside')],
  [new TypeError('secret inside')],
  [Object.assign(new Error('secret inside'), { reason: 'forbidden' })],
  ['secret inside'],
  [{ message: 'secret inside' }],
  [null],
  [undefined],
])('what else is thrown is a 500 without a word of the inside, kept as its cause for the log: %s', (thrown) => {
  const error = toServiceError(thrown);
  expect(error).toMatchObject({ reason: 'internal', message: 'The service failed to process the request.' });
  expect(error.cause).toBe(thrown);
  expect(JSON.stringify(respond(error))).not.toContain('secret');
  expect(toServiceError(error)).toBe(error);
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
