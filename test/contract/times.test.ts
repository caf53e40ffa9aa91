// createdDateTime and lastActionDateTime: computed, and returned only on $select. How a filter compares them is in test/unit.
import { expect, test } from '@jest/globals';
import { useApp } from '../support/app.ts';

const app = useApp();

const PATH = '/v1.0/playPromptOperation';
const SELECT = '$select=*,createdDateTime,lastActionDateTime';
const times = async () => (await app.send({ method: 'GET', path: `${PATH}/a?${SELECT}` })).json;

test('they are those of the service, whatever a body says, and nothing returns them unless they are selected', async () => {
  const before = new Date().toISOString();
  const sent = { createdDateTime: '2020-01-01T00:00:00Z', lastActionDateTime: 7, status: 'Running' };
  const created = await app.send({ path: `${PATH}/a`, body: sent });
  const first = await times();
  expect(first).toEqual({
    ...created.json,
    '@odata.context': expect.stringContaining('completionReason,createdDateTime,lastActionDateTime)'),
    createdDateTime: first.lastActionDateTime,
    lastActionDateTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
  expect(first.createdDateTime >= before && first.createdDateTime <= new Date().toISOString()).toBe(true);

  const same = await app.send({ path: `${PATH}/a`, body: sent });
  expect(same.json).toEqual(created.json);
  await app.send({ path: `${PATH}/a`, body: { status: 'Completed' } });
  const second = await times();
  expect(second).toMatchObject({ status: 'Completed', createdDateTime: first.createdDateTime });
  expect(second.lastActionDateTime > first.lastActionDateTime).toBe(true);
  for (const path of [`${PATH}/a`, `${PATH}/a?$select=*`, PATH])
    expect((await app.send({ method: 'GET', path })).text).not.toContain('DateTime');
});
