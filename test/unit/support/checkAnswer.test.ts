// The check of answers against /openapi.json can fail. That it passes what is good, every contract test shows.
import { expect, test } from '@jest/globals';
import { toEntityBody } from '../../../shared/odata/entityBody.ts';
import { toErrorResponse } from '../../../shared/odata/errorResponse.ts';
import { type ErrorReason, ServiceError } from '../../../shared/serviceError.ts';
import { checkAnswer, type Exchange, faultsOf } from '../../support/openApi.ts';
import { anOperation } from '../../support/operations.ts';

const ROOT = 'http://127.0.0.1/v1.0';
const common = {
  'odata-version': '4.0',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'request-id': 'a',
  'content-type': 'application/json;odata.metadata=minimal;charset=utf-8',
};
const entity = toEntityBody(ROOT, anOperation(), '"1"');

type Changes = Partial<Omit<Exchange, 'headers'>> & { headers?: Record<string, string | undefined>; json?: unknown };

/** A good answer to a PATCH, except for the changes of a test. */
function exchange({ headers = {}, json = entity, ...rest }: Changes = {}): Exchange {
  const all = Object.entries({ ...common, etag: '"1"', ...headers }).filter(([, value]) => value !== undefined);
  return {
    ...{ method: 'PATCH', url: `${ROOT}/playPromptOperation`, status: 200, body: JSON.stringify(json) },
    headers: new Headers(all.map(([name, value]) => [name, String(value)])),
    ...rest,
  };
}

const refused = (reason: ErrorReason) => toErrorResponse(new ServiceError(reason, 'x'), { requestId: 'a' }, new Date());
const error = (reason: ErrorReason, rest: Changes = {}) => {
  const { status, headers, body } = refused(reason);
  return exchange({ status, json: body, ...rest, headers: { etag: undefined, ...headers, ...rest.headers } });
};

const { 'content-type': type, ...others } = common;
const inBatch = { ...others, ETag: '"1"', 'Content-Type': type };
/** The answer to a batch of one update. */
const batch = (...responses: object[]) =>
  exchange({
    ...{ method: 'POST', url: `${ROOT}/$batch`, headers: { etag: undefined }, json: { responses } },
    sent: { requests: [{ id: '1', method: 'patch', url: 'playPromptOperation' }] },
  });

const { status: _, ...withoutStatus } = entity;
test.each([
  ['a status', exchange({ status: 201 })],
  ['a status of another method', exchange({ method: 'GET', url: `${ROOT}/playPromptOperation/a`, status: 204 })],
  ['a property that is not described', exchange({ json: { ...entity, createdDateTime: 'x' } })],
  ['a property that is missing', exchange({ json: withoutStatus })],
  ['a value of another type', exchange({ json: { ...entity, clientContext: 7 } })],
  ['an operation with 409', error('conflict', { json: entity })],
  ['a code of another status', error('conflict', { json: refused('forbidden').body })],
  ['a header that is missing', exchange({ headers: { etag: undefined } })],
  ['a header that is not described', exchange({ headers: { 'x-powered-by': 'x' } })],
  ['a header of another value', exchange({ headers: { 'odata-version': '4.01' } })],
  ['another media type', exchange({ headers: { 'content-type': 'text/html' } })],
  ['a body where there is none', exchange({ status: 204, headers: { 'odata-entityid': 'x' } })],
  ['an unknown address that is served', exchange({ url: 'http://127.0.0.1/other' })],
  ['a method that is served and not described', exchange({ method: 'PUT' })],
  ['Allow of other methods', error('methodNotAllowed', { method: 'PUT', headers: { allow: 'GET' } })],
  ['an answer of a batch, with more', batch({ id: '1', status: 200, headers: inBatch, body: { ...entity, more: 1 } })],
  ['one without its headers', batch({ id: '1', status: 200, headers: {}, body: entity })],
  ['one of another id', batch({ id: '2', status: 200, headers: inBatch, body: entity })],
  ['one that is missing', batch()],
])('an answer is not as described: %s', (_title, bad) => {
  expect(faultsOf(bad)).not.toEqual([]);
  expect(() => checkAnswer(bad)).toThrow('is not as described');
});
