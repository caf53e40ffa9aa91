// What every answer has, and the shape of an error: Microsoft Graph, "Error responses and resource types"; OData Protocol, 8.2.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startApp, type TestApp, type TestRequest } from '../support/app.ts';
import { tableClient } from '../support/tables.ts';

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const newPath = () => `/v1.0/playPromptOperation/${crypto.randomUUID()}`;

describe('200 OK', () => {
  test('carries the headers of the contract', async () => {
    const { headers } = await app.send({ path: newPath(), headers: { 'client-request-id': 'mine' }, body: {} });
    expect(headers.get('content-type')).toBe('application/json;odata.metadata=minimal;charset=utf-8');
    expect(headers.get('odata-version')).toBe('4.0');
    expect(headers.get('etag')).toMatch(/^W\/".+"$/);
    expect(headers.get('request-id')).toMatch(GUID);
    expect(headers.get('client-request-id')).toBe('mine');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('echoes a client-request-id of up to 128 characters, and none that is longer', async () => {
    for (const [length, echoed] of [
      [128, true],
      [129, false],
      [15_000, false],
    ] as const) {
      const id = 'x'.repeat(length);
      const good = await app.send({ path: newPath(), headers: { 'client-request-id': id }, body: {} });
      expect([good.status, good.headers.get('client-request-id')]).toEqual([200, echoed ? id : null]);
      const bad = await app.send({ path: newPath(), headers: { 'client-request-id': id }, body: { status: 'x' } });
      expect([bad.status, bad.headers.get('client-request-id')]).toEqual([400, echoed ? id : null]);
      expect(bad.json.error.innerError['client-request-id']).toBe(echoed ? id : undefined);
    }
  });

  test('has no client-request-id when none was sent, and a request-id of its own each time', async () => {
    const [one, two] = [await app.send({ path: newPath(), body: {} }), await app.send({ path: newPath(), body: {} })];
    expect(one.headers.get('client-request-id')).toBeNull();
    expect(one.headers.get('request-id')).not.toBe(two.headers.get('request-id'));
  });

  test('has the members of the contract, in the order of the reference page', async () => {
    const { json } = await app.send({ path: '/v1.0/playPromptOperation/ordered', body: { resultInfo: {} } });
    expect(Object.keys(json)).toEqual([
      '@odata.context',
      '@odata.type',
      '@odata.etag',
      'id',
      'clientContext',
      'resultInfo',
      'status',
      'completionReason',
    ]);
    expect(json['@odata.context']).toBe('http://127.0.0.1:7071/v1.0/$metadata#playPromptOperation/$entity');
    expect(json['@odata.type']).toBe('#microsoft.graph.playPromptOperation');
    expect(Object.entries(json.resultInfo)).toEqual([
      ['@odata.type', 'microsoft.graph.resultInfo'],
      ['code', 0],
      ['subcode', 0],
      ['message', null],
    ]);
  });
});

describe('errors', () => {
  const rows: [number, string, TestRequest][] = [
    [400, 'BadRequest', { body: {} }],
    [401, 'InvalidAuthenticationToken', { token: undefined }],
    [404, 'ResourceNotFound', { method: 'GET', path: '/v1.0/unknown' }],
    [405, 'MethodNotAllowed', { method: 'PUT' }],
    [412, 'PreconditionFailed', { path: newPath(), headers: { 'if-match': '*' }, body: {} }],
  ];
  test.each(rows)('%s %s has the one shape', async (status, code, request) => {
    const headers = { ...request.headers, 'client-request-id': 'mine' };
    const answer = await app.send({ ...request, headers });
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.json)).toEqual(['error']);
    const { code: answered, message, details, innerError, ...rest } = answer.json.error;
    expect(answered).toBe(code);
    expect(message).toMatch(/\S/);
    expect(details === undefined || details.length > 0).toBe(true);
    expect(rest).toEqual({});
    expect(innerError).toEqual({
      date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/),
      'request-id': answer.headers.get('request-id'),
      'client-request-id': 'mine',
    });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json;/);
    expect(answer.headers.get('odata-version')).toBe('4.0');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('client-request-id')).toBe('mine');
  });

  test('innerError has no client-request-id when none was sent', async () => {
    const { json } = await app.send({ body: {} });
    expect(Object.keys(json.error.innerError)).toEqual(['date', 'request-id']);
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
});
