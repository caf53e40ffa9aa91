// What every answer has besides what /openapi.json describes, against which each is checked; and what a failure does not show.
import { expect, test } from '@jest/globals';
import { useApp } from '../support/app.ts';
import { tableClient } from '../support/tables.ts';

const app = useApp();
const newPath = () => `/v1.0/playPromptOperation/${crypto.randomUUID()}`;

test('every answer has a request-id of its own', async () => {
  const answers = [await app.send({ path: newPath(), body: {} }), await app.send({ token: undefined })];
  const ids = answers.map(({ headers }) => headers.get('request-id'));
  for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(new Set(ids).size).toBe(2);
});

test('a client-request-id is echoed if it has up to 128 characters, by a refusal in its body too', async () => {
  const most = 'x'.repeat(128);
  for (const id of [undefined, most, `${most}x`, 'x'.repeat(15_000)]) {
    const headers = { 'client-request-id': id };
    const echoed = id === most ? id : null;
    expect((await app.send({ path: newPath(), headers, body: {} })).headers.get('client-request-id')).toBe(echoed);
    for (const refused of [{ path: newPath() }, { token: undefined }, { method: 'GET', path: '/v1.0/unknown' }]) {
      const answer = await app.send({ body: { status: 'x' }, ...refused, headers });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.headers.get('client-request-id')).toBe(echoed);
      expect(answer.json.error.innerError['client-request-id']).toBe(echoed ?? undefined);
    }
  }
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
