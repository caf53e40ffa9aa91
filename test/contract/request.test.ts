// Updating an operation: docs/api.md. What a body, a header and a merge may be is in test/unit; here is what the store and the
// wire have of it.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { useApp } from '../support/app.ts';
import { tableClient } from '../support/tables.ts';

const app = useApp();
// As the first write does, so that each test runs alone too.
beforeAll(() => tableClient(app.table).createTable());

const newId = () => crypto.randomUUID();
const at = (id: string) => `/v1.0/playPromptOperation/${id}`;
const rows = (id: string) =>
  Array.fromAsync(tableClient(app.table).listEntities({ queryOptions: { filter: `RowKey eq '${id}'` } }));

test('the reference page’s own example, its placeholders replaced, answers 200 with an id, twice the same', async () => {
  const body = {
    '@odata.type': '#microsoft.graph.playPromptOperation',
    clientContext: 'the example of the reference page',
    resultInfo: { '@odata.type': 'microsoft.graph.resultInfo' },
    status: 'Completed',
    completionReason: 'completedSuccessfully',
  };
  const [first, again] = [await app.send({ body }), await app.send({ body })];
  expect([first.status, again.status]).toEqual([200, 200]);
  const resultInfo = { ...body.resultInfo, code: 0, subcode: 0, message: null };
  expect(first.json).toMatchObject({ ...body, resultInfo, id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  expect(again.json).toEqual(first.json);
});

test('the answer is the merged entity as stored, with the longest values of every property', async () => {
  const path = at(`a${'~'.repeat(127)}`);
  const resultInfo = { code: 2147483647, subcode: -2147483648, message: '\u{1F600}'.repeat(4096) };
  const ended = { status: 'Completed', completionReason: 'unknownFutureValue' };
  await app.send({ path, body: { ...ended, clientContext: 'é'.repeat(256), resultInfo } });
  const changes = { status: 'Failed', clientContext: null, resultInfo: { code: 0 } };
  const { json } = await app.send({ path, body: changes });
  expect(json).toMatchObject({ ...ended, ...changes, resultInfo: { ...resultInfo, code: 0 } });
  expect((await app.send({ path, body: {} })).json).toEqual(json);
});

describe('upsert', () => {
  test.each(['*', 'W/"1"'])('If-Match: %s never creates', async (ifMatch) => {
    const id = newId();
    const { status, json } = await app.send({ path: at(id), headers: { 'if-match': ifMatch }, body: {} });
    expect([status, json.error.code]).toEqual([412, 'PreconditionFailed']);
    expect(await rows(id)).toHaveLength(0);
  });

  test('If-None-Match: * only creates', async () => {
    const request = { path: at(newId()), headers: { 'if-none-match': '*' }, body: { status: 'Running' } };
    expect((await app.send(request)).status).toBe(200);
    const again = await app.send({ ...request, body: { status: 'Failed' } });
    expect([again.status, again.json.error.code]).toEqual([412, 'PreconditionFailed']);
    expect((await app.send({ path: request.path, body: {} })).json.status).toBe('Running');
  });

  test('of many that create one operation with If-None-Match: *, one does', async () => {
    const request = { path: at(newId()), headers: { 'if-none-match': '*' } };
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => app.send({ ...request, body: { clientContext: `${n}` } })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
  });
});

describe('concurrency', () => {
  test('the ETag changes with every change, and is the one in the body', async () => {
    const path = at(newId());
    const first = await app.send({ path, body: { status: 'Running' } });
    const second = await app.send({ path, body: { status: 'Failed' } });
    expect(first.headers.get('etag')).toBe(first.json['@odata.etag']);
    expect(second.headers.get('etag')).toBe(second.json['@odata.etag']);
    expect(second.json['@odata.etag']).not.toBe(first.json['@odata.etag']);
  });

  test('a stale If-Match is 412, and nothing is written', async () => {
    const path = at(newId());
    const { headers } = await app.send({ path, body: { status: 'Running' } });
    const current = await app.send({ path, body: { status: 'Completed' } });
    const request = { path, headers: { 'if-match': headers.get('etag') ?? '' }, body: { status: 'Failed' } };
    const stale = await app.send(request);
    expect([stale.status, stale.json.error.code]).toEqual([412, 'PreconditionFailed']);
    expect((await app.send({ path, body: {} })).json).toEqual(current.json);
  });

  test('concurrent updates of different properties all survive', async () => {
    const path = at(newId());
    const resultInfo = { code: 1, subcode: 2, message: 'm' };
    const others = { clientContext: 'c', status: 'Completed', completionReason: 'unknown' };
    const bodies = [
      ...Object.entries(others).map((property) => Object.fromEntries([property])),
      ...Object.entries(resultInfo).map((member) => ({ resultInfo: Object.fromEntries([member]) })),
    ];
    const answers = await Promise.all(bodies.map((body) => app.send({ path, body })));
    expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 200));
    expect((await app.send({ path, body: {} })).json).toMatchObject({ ...others, resultInfo });
  });
});

test('@type is @odata.type with OData-Version 4.01, and another annotation with 4.0', async () => {
  const send = (version: string) =>
    app.send({ path: at(newId()), headers: { 'odata-version': version }, body: { '@type': '#microsoft.graph.call' } });
  expect((await send('4.0')).status).toBe(200);
  const { status, json } = await send('4.01');
  expect([status, json.error.details]).toMatchObject([400, [{ target: '@odata.type' }]]);
});

test('anything else in the body is refused by name, all faults at once, each with code, message and target', async () => {
  const id = newId();
  const { status, json } = await app.send({ path: at(id), body: { status: 'x', extra: 1, resultInfo: { code: 1.5 } } });
  expect([status, json.error.code]).toEqual([400, 'BadRequest']);
  const faults = ['extra', 'resultInfo/code', 'status'].map((target) => ({
    ...{ code: expect.stringMatching(/./), message: expect.stringContaining(target), target },
  }));
  expect(json.error.details).toEqual(expect.arrayContaining(faults));
  expect(json.error.details).toHaveLength(faults.length);
  expect(await rows(id)).toHaveLength(0);
});

test('Prefer: return is applied: minimal is a 204 with the ETag and the URL of the operation', async () => {
  const send = (preference: string, body: object) => app.send({ headers: { prefer: `return=${preference}` }, body });
  const { status, headers, text } = await send('minimal', { clientContext: 'unnamed', status: 'Running' });
  expect([status, text, headers.get('content-type')]).toEqual([204, '', null]);
  expect(headers.get('preference-applied')).toBe('return=minimal');
  const whole = await send('representation', { clientContext: 'unnamed' });
  expect([whole.status, whole.headers.get('preference-applied')]).toEqual([200, 'return=representation']);
  expect(headers.get('etag')).toBe(whole.json['@odata.etag']);
  expect(headers.get('odata-entityid')).toBe(`http://127.0.0.1:7071${at(whole.json.id)}`);
  expect(whole.json.status).toBe('Running');
});

test.each<[string, string | Uint8Array]>([
  ['a member twice', '{"status":"Running","\\u0073tatus":"Failed"}'],
  ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ['a lone surrogate', '{"clientContext":"\\ud800"}'],
])('%s is a clear 400, and nothing is written', async (_title, body) => {
  const id = newId();
  const { status, json } = await app.send({ path: at(id), body });
  expect([status, json.error.code]).toEqual([400, 'BadRequest']);
  expect(json.error.message).not.toBe('');
  expect(await rows(id)).toHaveLength(0);
});
