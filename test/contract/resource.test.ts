// SPEC section 2: the resource.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const patch = (id: string, body: object) => app.send({ path: `/v1.0/playPromptOperation/${id}`, body });

test('a new operation starts NotStarted, with everything else null', async () => {
  const { status, json } = await patch('new', {});
  expect(status).toBe(200);
  expect(json).toMatchObject({
    id: 'new',
    clientContext: null,
    resultInfo: null,
    status: 'NotStarted',
    completionReason: null,
  });
});

test('the values of the request replace the defaults of a new operation', async () => {
  const body = {
    clientContext: 'call 7',
    resultInfo: { code: 200, subcode: -1, message: 'played' },
    status: 'Completed',
    completionReason: 'completedSuccessfully',
  };
  expect((await patch('said', body)).json).toMatchObject(body);
});

describe('enumerations are taken in any casing and answered in the declared one', () => {
  const rows = [
    ['status', 'notStarted', 'NotStarted'],
    ['status', 'RUNNING', 'Running'],
    ['status', 'completed', 'Completed'],
    ['status', 'Failed', 'Failed'],
    ['completionReason', 'Unknown', 'unknown'],
    ['completionReason', 'COMPLETEDSUCCESSFULLY', 'completedSuccessfully'],
    ['completionReason', 'mediaoperationcanceled', 'mediaOperationCanceled'],
    ['completionReason', 'UnknownFutureValue', 'unknownFutureValue'],
  ] as const;
  test.each(rows)('%s %s is %s', async (property, sent, answered) => {
    const { json } = await patch(`enum-${sent}`, { [property]: sent });
    expect(json[property]).toBe(answered);
  });
});

describe('a new resultInfo', () => {
  test('has code 0, subcode 0 and message null where the request has no value', async () => {
    expect((await patch('info-1', { resultInfo: {} })).json.resultInfo).toMatchObject({
      code: 0,
      subcode: 0,
      message: null,
    });
    expect((await patch('info-2', { resultInfo: { message: 'x' } })).json.resultInfo).toMatchObject({
      code: 0,
      subcode: 0,
      message: 'x',
    });
  });

  test('is not changed by an empty one after it', async () => {
    await patch('info-3', { resultInfo: { code: 400, subcode: 7, message: 'x' } });
    const { json } = await patch('info-3', { resultInfo: {} });
    expect(json.resultInfo).toMatchObject({ code: 400, subcode: 7, message: 'x' });
  });
});

describe('the limits of each property hold on both sides', () => {
  const rows: [string, object, number, string?][] = [
    ['id of 128 characters', { id: 'a'.repeat(128) }, 200],
    ['id of 129 characters', { id: 'a'.repeat(129) }, 400, 'id'],
    ['id with every legal character', { id: '0aZ._~-' }, 200],
    ['id that begins with a dot', { id: '.a' }, 400, 'id'],
    ['id with a slash', { id: 'a/b' }, 400, 'id'],
    ['empty id', { id: '' }, 400, 'id'],
    ['null id', { id: null }, 400, 'id'],
    ['numeric id', { id: 7 }, 400, 'id'],
    ['clientContext of 256 code units', { id: 'limit', clientContext: '\u{1F600}'.repeat(128) }, 200],
    [
      'clientContext of 257 code units',
      { id: 'limit', clientContext: `${'\u{1F600}'.repeat(128)}x` },
      400,
      'clientContext',
    ],
    ['clientContext null', { id: 'limit', clientContext: null }, 200],
    ['clientContext empty', { id: 'limit', clientContext: '' }, 200],
    ['clientContext a number', { id: 'limit', clientContext: 1 }, 400, 'clientContext'],
    ['message of 8,192 characters', { id: 'limit', resultInfo: { message: 'm'.repeat(8192) } }, 200],
    [
      'message of 8,193 characters',
      { id: 'limit', resultInfo: { message: 'm'.repeat(8193) } },
      400,
      'resultInfo/message',
    ],
    ['message null', { id: 'limit', resultInfo: { message: null } }, 200],
    ['code at the top of Int32', { id: 'limit', resultInfo: { code: 2147483647 } }, 200],
    ['code above Int32', { id: 'limit', resultInfo: { code: 2147483648 } }, 400, 'resultInfo/code'],
    ['subcode at the bottom of Int32', { id: 'limit', resultInfo: { subcode: -2147483648 } }, 200],
    ['subcode below Int32', { id: 'limit', resultInfo: { subcode: -2147483649 } }, 400, 'resultInfo/subcode'],
    ['code with a fraction', { id: 'limit', resultInfo: { code: 1.5 } }, 400, 'resultInfo/code'],
    ['code as text', { id: 'limit', resultInfo: { code: '1' } }, 400, 'resultInfo/code'],
    ['code null', { id: 'limit', resultInfo: { code: null } }, 400, 'resultInfo/code'],
    ['subcode null', { id: 'limit', resultInfo: { subcode: null } }, 400, 'resultInfo/subcode'],
    ['resultInfo null', { id: 'limit', resultInfo: null }, 200],
    ['resultInfo an array', { id: 'limit', resultInfo: [] }, 400, 'resultInfo'],
    ['status null', { id: 'limit', status: null }, 400, 'status'],
    ['status of the reference page’s placeholder', { id: 'limit', status: 'String' }, 400, 'status'],
    ['status a number', { id: 'limit', status: 1 }, 400, 'status'],
    ['completionReason null', { id: 'limit', completionReason: null }, 200],
    ['completionReason that is none', { id: 'limit', completionReason: 'done' }, 400, 'completionReason'],
  ];
  test.each(rows)('%s', async (...[_title, body, status, target]) => {
    const answer = await app.send({ body });
    expect(answer.status).toBe(status);
    if (status === 400) expect(answer.json.error.details).toMatchObject([{ target }]);
  });
});
