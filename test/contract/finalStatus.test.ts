// KEEP_FINAL_STATUS: an operation that has ended keeps its status. What may still change is in unit/operation/updateDecision.
import { expect, test } from '@jest/globals';
import { sameService, type TestRequest, useApp } from '../support/app.ts';

const app = useApp({ KEEP_FINAL_STATUS: 'true' });
const other = useApp(() => ({ KEEP_FINAL_STATUS: 'true', ...sameService(app) }));
const newPath = () => `/v1.0/playPromptOperation/${crypto.randomUUID()}`;
const read = async (path: string) => (await app.send({ method: 'GET', path })).json;
const conflict = (status: string) => ({ code: 'Conflict', message: expect.stringContaining(`is ${status}`) });

test('of two that end it at the same time, on two instances, exactly one wins, and the other learns which', async () => {
  for (let round = 0; round < 10; round++) {
    const path = newPath();
    await app.send({ path, body: { status: 'Running' } });
    await other.send({ method: 'GET', path, token: app.token });
    const answers = await Promise.all([
      app.send({ path, body: { status: 'Completed', resultInfo: { code: 200 } } }),
      other.send({ path, token: app.token, body: { status: 'Failed', resultInfo: { code: 500 } } }),
    ]);
    const [winner, loser] = answers.toSorted((one, another) => one.status - another.status);
    expect([winner?.status, loser?.status]).toEqual([200, 409]);
    expect(loser?.json.error).toMatchObject(conflict(winner?.json.status));
    expect(await read(path)).toEqual({ ...winner?.json, '@odata.context': expect.any(String) });
  }
});

test('nothing of a patch that would change the status is written, alone, with If-Match or repeatable', async () => {
  const path = newPath();
  const ended = await app.send({ path, body: { status: 'Completed' } });
  const body = { status: 'Running', clientContext: 'late' };
  const etag = ended.headers.get('etag') ?? '';
  const headers = {
    'repeatability-request-id': crypto.randomUUID(),
    'repeatability-first-sent': new Date().toUTCString(),
  };
  const requests: TestRequest[] = [{}, { headers: { 'if-match': etag } }, { headers }, { headers }];
  for (const request of requests) {
    const { status, json, headers: answered } = await app.send({ path, body, ...request });
    const result = request.headers === headers ? 'rejected' : null;
    expect([status, answered.get('repeatability-result')]).toEqual([409, result]);
    expect(json.error).toMatchObject(conflict('Completed'));
  }
  expect((await read(path))['@odata.etag']).toBe(etag);
});
