// Updating an operation: docs/api.md. What a body, a header and a merge may be is in test/unit; here is what the store and the
// wire have of it.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.ts';
import { tableClient } from '../support/tables.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
  // As the first write does, so that each test runs alone too.
  await tableClient(app.table).createTable();
});
afterAll(() => app.close());

const newId = () => crypto.randomUUID();
const at = (id: string) => `/v1.0/playPromptOperation/${id}`;
const rows = async (id: string) => {
  const found = [];
  for await (const row of tableClient(app.table).listEntities({ queryOptions: { filter: `RowKey eq '${id}'` } })) {
    found.push(row);
  }
  return found;
};

test('the reference page’s own example, its placeholders replaced, answers 200 with an id, twice the same', async () => {
  const body = {
    '@odata.type': '#microsoft.graph.playPromptOperation',
    clientContext: 'the example of the reference page',
    resultInfo: { '@odata.type': 'microsoft.graph.resultInfo' },
    status: 'Completed',
    completionReason: 'completedSuccessfully',
  };
  const first = await app.send({ body });
  const again = await app.send({ body });
  expect([first.status, again.status]).toEqual([200, 200]);
  expect(first.json).toMatchObject({
    ...body,
    resultInfo: { ...body.resultInfo, code: 0, subcode: 0, message: null },
  });
  expect(first.json.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(again.json).toEqual(first.json);
});

test('an id in the body that is not the one in the URL is a 400', async () => {
  const [id, other] = [newId(), newId()];
  const { status, json } = await app.send({ path: at(id), body: { id: other } });
  expect([status, json.error.details]).toMatchObject([400, [{ target: 'id' }]]);
  expect([await rows(id), await rows(other)]).toEqual([[], []]);
});

test('the answer is the merged entity as stored, with the longest values of every property', async () => {
  const path = at(`a${'~'.repeat(127)}`);
  const resultInfo = { code: 2147483647, subcode: -2147483648, message: '\u{1F600}'.repeat(4096) };
  const whole = {
    clientContext: 'é'.repeat(256),
    resultInfo,
    status: 'Completed',
    completionReason: 'unknownFutureValue',
  };
  await app.send({ path, body: whole });
  const changed = await app.send({ path, body: { status: 'Failed', clientContext: null, resultInfo: { code: 0 } } });
  expect(changed.json).toMatchObject({
    ...whole,
    status: 'Failed',
    clientContext: null,
    resultInfo: { ...resultInfo, code: 0 },
  });
  expect((await app.send({ path, body: {} })).json).toEqual(changed.json);
});

describe('upsert', () => {
  test.each([['*'], ['W/"1"']])('If-Match: %s never creates', async (ifMatch) => {
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
    const bodies = [
      { clientContext: 'c' },
      { resultInfo: { code: 1 } },
      { resultInfo: { subcode: 2 } },
      { resultInfo: { message: 'm' } },
      { status: 'Completed' },
      { completionReason: 'unknown' },
    ];
    const answers = await Promise.all(bodies.map((body) => app.send({ path, body })));
    expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 200));
    expect((await app.send({ path, body: {} })).json).toMatchObject({
      clientContext: 'c',
      resultInfo: { code: 1, subcode: 2, message: 'm' },
      status: 'Completed',
      completionReason: 'unknown',
    });
  });
});

describe('annotations', () => {
  test.each([['#microsoft.graph.playPromptOperation'], ['microsoft.graph.playPromptOperation']])(
    '@odata.type may be %s',
    async (type) => {
      expect((await app.send({ path: at(newId()), body: { '@odata.type': type } })).status).toBe(200);
    },
  );

  test.each([
    [{ '@odata.type': '#microsoft.graph.recordOperation' }, '@odata.type'],
    [{ '@odata.type': 7 }, '@odata.type'],
    [{ resultInfo: { '@odata.type': '#microsoft.graph.commsOperation' } }, 'resultInfo/@odata.type'],
  ])('an @odata.type that names another type is 400: %j', async (body, target) => {
    const { status, json } = await app.send({ path: at(newId()), body });
    expect(status).toBe(400);
    expect(json.error.details).toMatchObject([{ target }]);
  });

  test('with OData-Version 4.01, @type is @odata.type', async () => {
    const headers = { 'odata-version': '4.01' };
    const send = (body: object) => app.send({ path: at(newId()), headers, body });
    expect((await send({ '@type': '#microsoft.graph.playPromptOperation' })).status).toBe(200);
    const { status, json } = await send({ '@type': '#microsoft.graph.call', resultInfo: { '@type': 7 } });
    expect(status).toBe(400);
    expect(json.error.details).toMatchObject([{ target: '@odata.type' }, { target: 'resultInfo/@odata.type' }]);
  });

  test('with OData-Version 4.01, @type beside @odata.type is a member twice', async () => {
    const types = { '@odata.type': '#microsoft.graph.call', '@type': '#microsoft.graph.playPromptOperation' };
    for (const body of [types, { resultInfo: types }]) {
      const { status, json } = await app.send({ path: at(newId()), headers: { 'odata-version': '4.01' }, body });
      expect([status, json.error.details]).toMatchObject([400, [{ code: 'DuplicateProperty', target: '@type' }]]);
    }
  });

  test('other @odata.* and x@odata.* members are ignored', async () => {
    const body = {
      '@odata.context': 'x',
      '@odata.etag': 'W/"stale"',
      '@odata.id': 7,
      '@odata.nextLink': 'a\0',
      'status@odata.type': '#String',
      'id@odata.unknown': '\ud800',
      'resultInfo@odata.navigationLink': null,
      resultInfo: { code: 3, 'code@odata.type': '#Int32', '@odata.unknown': {} },
    };
    const { status, json } = await app.send({ path: at(newId()), body });
    expect(status).toBe(200);
    expect(json.resultInfo).toMatchObject({ code: 3 });
  });
});

test('anything else in the body is refused by name, all faults at once, each with code, message and target', async () => {
  const id = newId();
  const body = {
    status: 'x',
    Status: 'Running',
    endedDateTime: 1,
    resultInfo: { code: 1.5, extra: 1 },
    clientContext: 7,
  };
  const { status, json } = await app.send({ path: at(id), body });
  expect([status, json.error.code]).toEqual([400, 'BadRequest']);
  const details: { code: string; message: string; target: string }[] = json.error.details;
  expect(details.map(({ target }) => target).sort()).toEqual([
    'Status',
    'clientContext',
    'endedDateTime',
    'resultInfo/code',
    'resultInfo/extra',
    'status',
  ]);
  for (const { code, message, target } of details) {
    expect(code).not.toBe('');
    expect(message).toContain(target);
  }
  expect(await rows(id)).toHaveLength(0);
});

test('Prefer: return=minimal answers 204 with the ETag and Preference-Applied', async () => {
  const path = at(newId());
  const { status, headers, text } = await app.send({
    path,
    headers: { prefer: 'return=minimal' },
    body: { status: 'Running' },
  });
  expect([status, text]).toEqual([204, '']);
  expect(headers.get('preference-applied')).toBe('return=minimal');
  expect(headers.get('content-type')).toBeNull();
  const read = await app.send({ path, body: {} });
  expect(headers.get('etag')).toBe(read.json['@odata.etag']);
  expect(read.json.status).toBe('Running');
});

test('a 204 names the operation, which a caller without its id could not know otherwise', async () => {
  const { headers } = await app.send({ headers: { prefer: 'return=minimal' }, body: { clientContext: 'unnamed' } });
  const read = await app.send({ body: { clientContext: 'unnamed' } });
  expect(headers.get('odata-entityid')).toBe(`http://127.0.0.1:7071/v1.0/playPromptOperation/${read.json.id}`);
});

test('Prefer: return=representation answers 200 and Preference-Applied', async () => {
  const { status, headers } = await app.send({
    path: at(newId()),
    headers: { prefer: 'return=representation' },
    body: {},
  });
  expect([status, headers.get('preference-applied')]).toEqual([200, 'return=representation']);
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
