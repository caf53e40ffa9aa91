// What every answer has, and the shape of an error: Microsoft Graph, "Error responses and resource types"; OData Protocol, 8.2.
import { expect, test } from '@jest/globals';
import { type TestRequest, useApp } from '../support/app.ts';
import { tableClient } from '../support/tables.ts';

const app = useApp();
const newPath = () => `/v1.0/playPromptOperation/${crypto.randomUUID()}`;

const common = {
  'content-type': 'application/json;odata.metadata=minimal;charset=utf-8',
  'odata-version': '4.0',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'client-request-id': 'mine',
  'request-id': expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
};

test('a 200 has the headers of the contract, and a request-id of its own', async () => {
  const send = () => app.send({ path: newPath(), headers: { 'client-request-id': 'mine' }, body: {} });
  const [one, two] = [await send(), await send()];
  expect(Object.fromEntries(one.headers)).toMatchObject({ ...common, etag: expect.stringMatching(/^W\/".+"$/) });
  expect(one.headers.get('request-id')).not.toBe(two.headers.get('request-id'));
});

test('a client-request-id is echoed if it has up to 128 characters, in the body of an error too', async () => {
  const most = 'x'.repeat(128);
  for (const id of [undefined, most, `${most}x`, 'x'.repeat(15_000)]) {
    const send = (body: object) => app.send({ path: newPath(), headers: { 'client-request-id': id }, body });
    const [good, bad] = [await send({}), await send({ status: 'x' })];
    const echoed = id === most ? id : null;
    expect([good, bad].map(({ headers }) => headers.get('client-request-id'))).toEqual([echoed, echoed]);
    expect(bad.json.error.innerError['client-request-id']).toBe(echoed ?? undefined);
  }
});

test.each<[number, string, TestRequest]>([
  [400, 'BadRequest', { body: {} }],
  [401, 'InvalidAuthenticationToken', { token: undefined }],
  [404, 'ResourceNotFound', { method: 'GET', path: '/v1.0/unknown' }],
  [405, 'MethodNotAllowed', { method: 'PUT' }],
  [412, 'PreconditionFailed', { path: newPath(), headers: { 'if-match': '*' }, body: {} }],
])('an error has the one shape: %s %s', async (status, code, request) => {
  const headers = { ...request.headers, 'client-request-id': 'mine' };
  const answer = await app.send({ ...request, headers });
  expect([answer.status, Object.fromEntries(answer.headers)]).toEqual([status, expect.objectContaining(common)]);
  const date = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  const innerError = { date, 'request-id': answer.headers.get('request-id'), 'client-request-id': 'mine' };
  expect(Object.keys(answer.json)).toEqual(['error']);
  const { details = [{}], ...error } = answer.json.error;
  expect(details).not.toEqual([]);
  expect(error).toEqual({ code, message: expect.stringMatching(/\S/), innerError });
});

test('a damaged row is a 500, without any of its content in the response or the log', async () => {
  const path = newPath();
  await app.send({ path, body: { status: 'Running' } });
  const table = tableClient(app.table);
  const id = path.split('/').at(-1);
  const found = await table.listEntities({ queryOptions: { filter: `RowKey eq '${id}'` } }).next();
  await table.updateEntity({ ...found.value, status: 'Exploded' }, 'Replace');

  const { status, json } = await app.send({ path, body: {} });
  expect([status, json.error.code]).toEqual([500, 'InternalServerError']);
  expect(Object.keys(json.error)).toEqual(['code', 'message', 'innerError']);
  expect(JSON.stringify(json)).not.toMatch(/Zod|status|Exploded|at /);
  const line = app.logged.find((entry) => entry.includes(json.error.innerError['request-id']));
  expect(line).toContain('ZodError');
  expect(line).not.toMatch(/Exploded|operationStatus/);

  const list = await app.send({ method: 'GET', path: '/v1.0/playPromptOperation' });
  expect([list.status, list.json.value.some((each: { id: string }) => each.id === id)]).toEqual([200, false]);
  expect(app.logged.some((entry) => entry.includes('"damaged":1'))).toBe(true);
  expect((await app.send({ method: 'DELETE', path })).status).toBe(204);
});
