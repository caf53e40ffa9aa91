// createdDateTime and lastActionDateTime: computed, returned only on $select, and filterable.
import { expect, test } from '@jest/globals';
import { useApp } from '../support/app.ts';

const app = useApp();

const PATH = '/v1.0/playPromptOperation';
const SELECT = '$select=*,createdDateTime,lastActionDateTime';
const times = async (id: string) => (await app.send({ method: 'GET', path: `${PATH}/${id}?${SELECT}` })).json;

test('they are those of the service, whatever a body says, and nothing returns them unless they are selected', async () => {
  const before = new Date().toISOString();
  const sent = { createdDateTime: '2020-01-01T00:00:00Z', lastActionDateTime: 7, status: 'Running' };
  const created = await app.send({ path: `${PATH}/a`, body: sent });
  const first = await times('a');
  expect(first).toEqual({
    ...created.json,
    '@odata.context': expect.stringContaining('completionReason,createdDateTime,lastActionDateTime)'),
    createdDateTime: first.lastActionDateTime,
    lastActionDateTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
  expect(first.createdDateTime >= before && first.createdDateTime <= new Date().toISOString()).toBe(true);

  const same = await app.send({ path: `${PATH}/a`, body: sent });
  expect(same.json).toEqual(created.json);
  const { json } = await app.send({ path: `${PATH}/a`, body: { status: 'Completed' } });
  const second = await times('a');
  expect(second).toMatchObject({
    ...json,
    '@odata.context': expect.any(String),
    createdDateTime: first.createdDateTime,
  });
  expect(second.lastActionDateTime > first.lastActionDateTime).toBe(true);
  for (const path of [`${PATH}/a`, `${PATH}/a?$select=*`, PATH]) {
    expect((await app.send({ method: 'GET', path })).text).not.toContain('DateTime');
  }
});

test('a filter finds what has changed since a time, and what has not, at any offset and precision', async () => {
  await app.send({ path: `${PATH}/before`, body: {} });
  await app.send({ path: `${PATH}/after`, body: { clientContext: 'after' } });
  const { lastActionDateTime: last } = await times('after');
  const elsewhere = new Date(Date.parse(last) + 5.5 * 3_600_000).toISOString().replace('Z', '+05:30');
  const find = async (condition: string) => {
    const query = encodeURIComponent(`clientContext eq 'after' and lastActionDateTime ${condition}`);
    return (await app.send({ method: 'GET', path: `${PATH}?$filter=${query}` })).json.value.length;
  };
  for (const same of [last, elsewhere, last.replace('Z', '0000Z')]) {
    const found = { eq: 1, ne: 0, lt: 0, le: 1, gt: 0, ge: 1 };
    for (const [operator, count] of Object.entries(found))
      expect([operator, await find(`${operator} ${same}`)]).toEqual([operator, count]);
  }
  expect([await find(`gt ${last.replace('Z', '5Z')}`), await find(`lt ${last.replace('Z', '5Z')}`)]).toEqual([0, 1]);
});
