import { beforeAll, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { GraphError } from '../../shared/graphError.ts';
import { createUpdate, type PlayPromptOperations, REMEMBERED_WRITES } from '../../shared/playPromptOperations.ts';
import { openPlayPromptOperationsTable } from '../../shared/playPromptOperationsTable.ts';
import type { Preconditions } from '../../shared/preconditions.ts';
import {
  findFirstAnswer,
  MAX_REMEMBERED_LENGTH,
  REMEMBERED_ANSWERS,
  REMEMBERED_REQUESTS,
  REPEATABILITY_SKEW_MS,
  REPEATABILITY_WINDOW_MS,
  type RememberedRequests,
  type RepeatableRequest,
  readRepeatability,
  refuseRepeatability,
  remember,
  repeatableRequest,
} from '../../shared/repeatability.ts';
import { anOperation, operations as anyOperation, TENANT } from '../support/operations.ts';
import { azuriteConnection, newTableName, tableClient } from '../support/tables.ts';

const NOW = Date.UTC(2026, 10, 23, 17, 15, 52);
const ID = '112a3a3e-f94c-4f56-b49b-5aab3d97e5b7';
const dateOf = (time: number) => new Date(time).toUTCString();
const headersOf = (id: string | undefined, firstSent: string | undefined) =>
  new Headers({
    ...(id !== undefined && { 'Repeatability-Request-ID': id }),
    ...(firstSent !== undefined && { 'Repeatability-First-Sent': firstSent }),
  });
const read = (id?: string, firstSent?: string, caller = 'me') =>
  readRepeatability(headersOf(id, firstSent), caller, NOW);

const REJECTED = { 'Repeatability-Result': 'rejected' };
const rejected = (reason: string) => expect.objectContaining({ reason, headers: REJECTED });

describe('the headers', () => {
  test('that were not sent say nothing', () => {
    expect(read()).toBeUndefined();
    expect(() => refuseRepeatability(new Headers(), NOW)).not.toThrow();
  });

  test('tell a request of one caller from all others, whatever the casing of its id', () => {
    const one = read(ID, dateOf(NOW));
    expect(one?.firstSent).toBe(NOW);
    expect(read(ID.toUpperCase(), dateOf(NOW))).toEqual(one);
    expect(read(ID, dateOf(NOW), 'other')?.key).not.toBe(one?.key);
    expect(read(ID.replace('1', '2'), dateOf(NOW))?.key).not.toBe(one?.key);
    expect(JSON.stringify(one)).not.toContain(ID);
  });

  test.each([
    ['one without the other', ID, undefined, ['Repeatability-First-Sent']],
    ['the other without the one', undefined, dateOf(NOW), ['Repeatability-Request-ID']],
    ['an id that is no UUID', 'my-request', dateOf(NOW), ['Repeatability-Request-ID']],
    ['an empty id', '', dateOf(NOW), ['Repeatability-Request-ID']],
    ['both malformed', 'x', 'x', ['Repeatability-Request-ID', 'Repeatability-First-Sent']],
    ...[
      '',
      '2026-11-23T17:15:52Z',
      '1795454152',
      'Monday, 23-Nov-26 17:15:52 GMT',
      'Mon Nov 23 17:15:52 2026',
      'Mon, 23 Nov 2026 17:15:52 UTC',
      'Mon, 23 Nov 2026 17:15:52 +0000',
      'Tue, 23 Nov 2026 17:15:52 GMT',
      'Mon, 31 Feb 2026 17:15:52 GMT',
      'mon, 23 nov 2026 17:15:52 gmt',
    ].map((date): [string, string, string, string[]] => [`the date ${date}`, ID, date, ['Repeatability-First-Sent']]),
  ])('are rejected with 400: %s', (_title, id, date, targets) => {
    const details = targets.map((target) => expect.objectContaining({ code: 'InvalidHeader', target }));
    expect(() => read(id, date)).toThrow(expect.objectContaining({ reason: 'badRequest', headers: REJECTED, details }));
  });

  test('are rejected with 412 when the request was first sent too long ago, or will be', () => {
    const sentAt = (time: number) => () => read(ID, dateOf(time));
    expect(sentAt(NOW - REPEATABILITY_WINDOW_MS)).not.toThrow();
    expect(sentAt(NOW - REPEATABILITY_WINDOW_MS - 1000)).toThrow(rejected('preconditionFailed'));
    expect(sentAt(NOW + REPEATABILITY_SKEW_MS)).not.toThrow();
    expect(sentAt(NOW + REPEATABILITY_SKEW_MS + 1000)).toThrow(rejected('preconditionFailed'));
    expect(sentAt(0)).toThrow(rejected('preconditionFailed'));
  });

  test('are rejected with 501 where no request can be repeatable, if they are well', () => {
    expect(() => refuseRepeatability(headersOf(ID, dateOf(NOW)), NOW)).toThrow(rejected('notImplemented'));
    expect(() => refuseRepeatability(headersOf(ID, undefined), NOW)).toThrow(rejected('badRequest'));
  });
});

describe('the message of a refusal says what is wrong', () => {
  const date = 'Repeatability-First-Sent must be a date such as Mon, 23 Nov 2026 17:15:52 GMT.';
  const id = 'Repeatability-Request-ID must be a UUID.';
  test.each<[string, () => unknown]>([
    [`A repeatable request needs both headers: ${id}`, () => read(undefined, dateOf(NOW))],
    [`A repeatable request needs both headers: ${id} ${date}`, () => read('x', 'x')],
    [
      'Repeatability-First-Sent is not within the time that is looked back on: it cannot be told whether this was done.',
      () => read(ID, dateOf(0)),
    ],
    [
      'This request cannot be repeatable: send it without the headers.',
      () => refuseRepeatability(headersOf(ID, dateOf(NOW)), NOW),
    ],
    [
      'Repeatability-Request-ID has been used for another request.',
      () => findFirstAnswer(afterRequests([requestOf(1)]), requestOf(1, NOW, 'other')),
    ],
  ])('%s', (message, run) => {
    expect(run).toThrow(expect.objectContaining({ message }));
  });

  test('and so do its details', () => {
    expect(() => read('x', 'x')).toThrow(
      expect.objectContaining({ details: [id, date].map((message) => expect.objectContaining({ message })) }),
    );
  });
});

function requestOf(n: number, firstSent = NOW, content: unknown = n): RepeatableRequest {
  return repeatableRequest({ key: `key-${n}`, firstSent }, content);
}
const versionOf = (n: number, message: string | null = null) => ({
  operation: anOperation({ id: 'a', clientContext: `${n}`, resultInfo: { code: 0, subcode: 0, message } }),
  etag: `W/"${n}"`,
});

/** An operation to which one request after the other was done, and which version each of them made. */
function afterRequests(requests: readonly RepeatableRequest[], message: string | null = null, now = NOW) {
  let current: (ReturnType<typeof versionOf> & { remembered?: RememberedRequests | undefined }) | undefined;
  for (const [n, request] of requests.entries()) {
    current = { ...versionOf(n, message), remembered: remember(current, request, now) };
  }
  return current;
}
const answerTo = (current: Parameters<typeof findFirstAnswer>[0], request: RepeatableRequest) =>
  findFirstAnswer(current, request).answer;

describe('what is remembered', () => {
  test('is nothing without a repeatable request', () => {
    expect(remember(undefined, undefined, NOW)).toBeUndefined();
    expect(remember(versionOf(0), undefined, NOW)).toBeUndefined();
  });

  test('is the first answer to each request, whatever came after it', () => {
    const requests = [0, 1, 2].map((n) => requestOf(n));
    const current = afterRequests(requests);
    const later = { ...versionOf(9), remembered: current && remember(current, undefined, NOW) };
    for (const [n, request] of requests.entries()) {
      expect(answerTo(current, request)).toMatchObject(versionOf(n));
      expect(answerTo(later, request)).toMatchObject(versionOf(n));
    }
    expect(findFirstAnswer(later, requestOf(3))).toEqual({ answer: undefined, isForgotten: false });
  });

  test('is that a request was done, even where there is no room for its answer: it then gets the present one', () => {
    const requests = Array.from({ length: REMEMBERED_REQUESTS }, (_, n) => requestOf(n));
    const current = afterRequests(requests);
    for (const [n, request] of requests.entries()) {
      const isAnswerKept = n >= REMEMBERED_REQUESTS - 1 - REMEMBERED_ANSWERS;
      expect(answerTo(current, request)).toMatchObject(versionOf(isAnswerKept ? n : REMEMBERED_REQUESTS - 1));
    }
  });

  test('is, of more requests than that, until when those were sent that are forgotten', () => {
    const requests = Array.from({ length: REMEMBERED_REQUESTS + 5 }, (_, n) => requestOf(n, NOW + n * 1000));
    const current = afterRequests(requests);
    expect(current?.remembered?.requests).toHaveLength(REMEMBERED_REQUESTS);
    expect(findFirstAnswer(current, requestOf(4, NOW + 4000))).toEqual({ answer: undefined, isForgotten: true });
    expect(findFirstAnswer(current, requestOf(999, NOW + 4000)).isForgotten).toBe(true);
    expect(findFirstAnswer(current, requestOf(999, NOW + 5000)).isForgotten).toBe(false);
    expect(findFirstAnswer(current, requestOf(5, NOW + 5000))).toMatchObject({ isForgotten: false });
    expect(answerTo(current, requestOf(5, NOW + 5000))).toBeDefined();
  });

  test('is forgotten when no one can ask for it any more', () => {
    const current = afterRequests(Array.from({ length: REMEMBERED_REQUESTS + 5 }, (_, n) => requestOf(n)));
    const kept = REPEATABILITY_WINDOW_MS + REPEATABILITY_SKEW_MS;
    expect(remember(current, undefined, NOW + kept - 1)).toBeDefined();
    expect(remember(current, undefined, NOW + kept)).toBeUndefined();
    expect(remember(current, requestOf(1, NOW + kept), NOW + kept)?.requests).toHaveLength(1);
  });

  test('is, when no request is left, until when those were sent that are forgotten, as long as it matters', () => {
    const ahead = requestOf(0, NOW + 30_000);
    const current = afterRequests([ahead, ...Array.from({ length: REMEMBERED_REQUESTS }, (_, n) => requestOf(n + 1))]);
    const later = NOW + REPEATABILITY_WINDOW_MS + REPEATABILITY_SKEW_MS;
    expect(remember(current, undefined, later)).toEqual({ requests: [], forgottenUntil: NOW + 30_000 });
    expect(remember(current, undefined, later + 30_000)).toBeUndefined();
  });

  test('fits into a column, whatever is answered', async () => {
    const versions = fc.array(anyOperation, { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.property(versions, fc.constantFrom(null, '\u0001'.repeat(8192), 'x'.repeat(8192)), (all, message) => {
        let current: Parameters<typeof findFirstAnswer>[0];
        for (const [n, version] of all.entries()) {
          const operation = message === null ? version : { ...version, resultInfo: { code: 1, subcode: 1, message } };
          current = { operation, etag: `${n}`, remembered: remember(current, requestOf(n), NOW) };
          expect(JSON.stringify(current.remembered).length).toBeLessThanOrEqual(MAX_REMEMBERED_LENGTH);
          expect(answerTo(current, requestOf(n))).toMatchObject({ operation, etag: `${n}` });
        }
        for (const n of all.keys()) expect(answerTo(current, requestOf(n))).toBeDefined();
      }),
      { numRuns: 30 },
    );
  });
});

describe('a request of the same id', () => {
  const current = afterRequests([requestOf(1, NOW, { status: 'Running' })]);

  test.each([
    ['asks for something else', requestOf(1, NOW, { status: 'Failed' })],
    ['was first sent at another time', requestOf(1, NOW + 1000, { status: 'Running' })],
  ])('is rejected with 400 when it %s', (_title, request) => {
    expect(() => findFirstAnswer(current, request)).toThrow(rejected('badRequest'));
  });
});

describe('an update', () => {
  let table: string;
  let operations: PlayPromptOperations;
  let elsewhere: PlayPromptOperations;
  beforeAll(async () => {
    table = newTableName();
    const settings = { name: table, endpoint: undefined, managedIdentityClientId: undefined };
    operations = openPlayPromptOperationsTable({ ...settings, connection: azuriteConnection() });
    elsewhere = openPlayPromptOperationsTable({ ...settings, connection: azuriteConnection() });
  });

  const { signal } = new AbortController();
  const newId = () => crypto.randomUUID();
  const now = () => NOW;
  const update = (
    store: PlayPromptOperations,
    id: string,
    patch: object,
    repeatable?: RepeatableRequest,
    preconditions: Preconditions = {},
    until = signal,
  ) => createUpdate(store, now)(TENANT, { id, patch }, preconditions, until, repeatable);
  const columnsOf = async (id: string) => {
    const rows = tableClient(table).listEntities({ queryOptions: { filter: `RowKey eq '${id}'` } });
    return Object.keys((await rows.next()).value);
  };

  test('that is sent again gets the first answer, by any instance, and is not done again', async () => {
    const id = newId();
    const first = await update(operations, id, { status: 'Running' }, requestOf(1));
    await update(elsewhere, id, { status: 'Completed', clientContext: 'later' });
    for (const store of [operations, elsewhere]) {
      expect(await update(store, id, { status: 'Running' }, requestOf(1))).toMatchObject({
        operation: first.operation,
        etag: first.etag,
      });
    }
    expect((await operations.get(TENANT, id, signal))?.operation.status).toBe('Completed');
  });

  test('that only may create, or only may change what was, gets the first answer though that is no more', async () => {
    const id = newId();
    const created = await update(operations, id, {}, requestOf(1), { ifNoneMatch: '*' });
    expect((await update(elsewhere, id, {}, requestOf(1), { ifNoneMatch: '*' })).etag).toBe(created.etag);
    const ifMatch = [created.etag.replace('W/', '')];
    const changed = await update(operations, id, { status: 'Failed' }, requestOf(2), { ifMatch });
    expect((await update(elsewhere, id, { status: 'Failed' }, requestOf(2), { ifMatch })).etag).toBe(changed.etag);
  });

  test('that changes nothing does not change anything later either', async () => {
    const id = newId();
    await update(operations, id, { status: 'Running' });
    const first = await update(operations, id, { status: 'Running' }, requestOf(1));
    await update(elsewhere, id, { status: 'Completed' });
    expect((await update(elsewhere, id, { status: 'Running' }, requestOf(1))).etag).toBe(first.etag);
    expect((await elsewhere.get(TENANT, id, signal))?.operation.status).toBe('Completed');
  });

  test('that was refused is done when it is sent again', async () => {
    const id = newId();
    await expect(update(operations, id, {}, requestOf(1), { ifMatch: '*' })).rejects.toMatchObject({
      reason: 'preconditionFailed',
    });
    await update(elsewhere, id, {});
    expect(await update(operations, id, {}, requestOf(1), { ifMatch: '*' })).toBeDefined();
  });

  test('that is sent many times at once is done once', async () => {
    const id = newId();
    await update(operations, id, { clientContext: 'before' });
    const both = [createUpdate(operations, now), createUpdate(elsewhere, now)];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        both[n % 2]?.(TENANT, { id, patch: { status: 'Running' } }, {}, signal, requestOf(1)),
      ),
    );
    expect(new Set(answers.map((answer) => answer?.etag)).size).toBe(1);
    expect((await operations.get(TENANT, id, signal))?.writes).toHaveLength(2);
  });

  test('whose answer never came gets it when it is sent again', async () => {
    const id = newId();
    const deadline = new AbortController();
    const losing: PlayPromptOperations = {
      ...operations,
      async put(...write) {
        await operations.put(...write);
        deadline.abort();
        throw new GraphError('unavailable', 'lost');
      },
    };
    await expect(update(losing, id, { status: 'Running' }, requestOf(1), {}, deadline.signal)).rejects.toMatchObject({
      reason: 'unavailable',
    });
    const done = await elsewhere.get(TENANT, id, signal);
    await update(elsewhere, id, { status: 'Completed' });
    expect((await update(elsewhere, id, { status: 'Running' }, requestOf(1))).etag).toBe(done?.etag);
  });

  test('whose answer was lost on the way to the service answers what it made, not what others made of it', async () => {
    const id = newId();
    let writes = 0;
    const losing: PlayPromptOperations = {
      ...operations,
      async put(...write) {
        writes += 1;
        await operations.put(...write);
        for (let n = 0; n <= REMEMBERED_WRITES; n++) await update(elsewhere, id, { clientContext: `${n}` });
        throw new GraphError('unavailable', 'lost');
      },
    };
    const answer = await update(losing, id, { status: 'Running' }, requestOf(1));
    expect([answer.operation, writes]).toMatchObject([{ status: 'Running', clientContext: null }, 1]);
  });

  test('that may be among those forgotten is rejected with 412, and nothing is written', async () => {
    const id = newId();
    for (let n = 0; n <= REMEMBERED_REQUESTS; n++)
      await update(operations, id, { clientContext: `${n}` }, requestOf(n));
    const before = await elsewhere.get(TENANT, id, signal);
    for (const store of [operations, elsewhere]) {
      await expect(update(store, id, { clientContext: '0' }, requestOf(0))).rejects.toEqual(
        rejected('preconditionFailed'),
      );
    }
    expect((await elsewhere.get(TENANT, id, signal))?.etag).toBe(before?.etag);
    expect(await update(elsewhere, id, { status: 'Failed' }, requestOf(999, NOW + 1000))).toBeDefined();
  });

  test('that is not repeatable costs no column, and one that is costs one until the time is over', async () => {
    const id = newId();
    await update(operations, id, {});
    expect(await columnsOf(id)).not.toContain('remembered');
    await update(operations, id, {}, requestOf(1));
    expect(await columnsOf(id)).toContain('remembered');
    await update(operations, id, { status: 'Running' });
    expect(await columnsOf(id)).toContain('remembered');
    const later = NOW + REPEATABILITY_WINDOW_MS + REPEATABILITY_SKEW_MS;
    await createUpdate(operations, () => later)(TENANT, { id, patch: { status: 'Failed' } }, {}, signal);
    expect(await columnsOf(id)).not.toContain('remembered');
  });
});
