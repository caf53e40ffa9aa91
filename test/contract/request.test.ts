// Updating an operation: docs/api.md. What a body, a header and a merge may be is in test/unit; here is what the store and the
// wire have of it.
import { beforeAll, expect, test } from '@jest/globals';
import { useApp } from '../support/app.ts';
import { tableClient } from '../support/tables.ts';

const app = useApp();
// As the first write does, so that each test runs alone too.
beforeAll(() => tableClient(app.table).createTable());

const newId = () => crypto.randomUUID();
const at = (id: string) => `/v1.0/playPromptOperation/${id}`;

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

test('of many that create one operation with If-None-Match: *, one does', async () => {
  const request = { path: at(newId()), headers: { 'if-none-match': '*' } };
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => app.send({ ...request, body: { clientContext: `${n}` } })),
  );
  const [created, ...others] = answers.toSorted((one, other) => one.status - other.status);
  expect(created?.status).toBe(200);
  for (const { status, json } of others) expect([status, json.error.code]).toEqual([412, 'PreconditionFailed']);
  expect((await app.send({ path: request.path, body: {} })).json).toEqual(created?.json);
});

test('every change has a new ETag, in the header and the body; a stale If-Match is 412, and nothing is written', async () => {
  const path = at(newId());
  const first = await app.send({ path, body: { status: 'Running' } });
  const second = await app.send({ path, body: { status: 'Completed' } });
  const [old, current] = [first, second].map(({ headers }) => headers.get('etag') ?? '');
  expect([first.json['@odata.etag'], second.json['@odata.etag']]).toEqual([old, current]);
  expect(current).not.toBe(old);
  const stale = await app.send({ path, headers: { 'if-match': old }, body: { status: 'Failed' } });
  expect([stale.status, stale.json.error.code]).toEqual([412, 'PreconditionFailed']);
  expect((await app.send({ path, body: {} })).json).toEqual(second.json);
});

test('@type is @odata.type with OData-Version 4.01, and another annotation with 4.0', async () => {
  const body = { id: newId(), '@type': '#microsoft.graph.call' };
  expect((await app.send({ body })).status).toBe(200);
  const { status, json } = await app.send({ headers: { 'odata-version': '4.01' }, body });
  expect([status, json.error.details]).toMatchObject([400, [{ target: '@odata.type' }]]);
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

test('a body with faults is a 400 that names each, and nothing is written', async () => {
  const id = newId();
  const { status, json } = await app.send({ path: at(id), body: { status: 'x', resultInfo: { code: 1.5 } } });
  expect([status, json.error]).toMatchObject([400, { code: 'BadRequest', message: expect.stringMatching(/./) }]);
  const targets = json.error.details.map(({ target }: { target: string }) => target);
  expect(targets.sort()).toEqual(['resultInfo/code', 'status']);
  const rows = tableClient(app.table).listEntities({ queryOptions: { filter: `RowKey eq '${id}'` } });
  expect(await Array.fromAsync(rows)).toEqual([]);
});
