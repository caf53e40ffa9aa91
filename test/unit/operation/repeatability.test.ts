import { beforeAll, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Preconditions } from '../../../shared/operation/preconditions.ts';
import {
  findFirstAnswer,
  MAX_REMEMBERED_LENGTH,
  REMEMBERED_ANSWERS,
  REMEMBERED_REQUESTS,
  REPEATABILITY_SKEW_MS,
  REPEATABILITY_WINDOW_MS,
  type RememberedRequests,
  type RepeatableRequest,
  remember,
  repeatableRequest,
} from '../../../shared/operation/repeatability.ts';
import { KEPT_WRITES, type OperationRepository } from '../../../shared/operation/repository.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { createTableRepository } from '../../../shared/store/tableRepository.ts';
import { anOperation, operations as anyOperation, TENANT } from '../../support/operations.ts';
import { azuriteConnection, newTableName, tableClient } from '../../support/tables.ts';

const NOW = Date.UTC(2026, 10, 23, 17, 15, 52);
const rejected = (reason: string) => expect.objectContaining({ reason });

function requestOf(n: number, firstSent = NOW, content: unknown = n): RepeatableRequest {
  return repeatableRequest({ requestId: `${n}`, caller: 'me', firstSent }, content);
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
    expect(() => findFirstAnswer(current, request)).toThrow(rejected('invalidRequest'));
  });
});

describe('an update', () => {
  let table: string;
  let operations: OperationRepository;
  let elsewhere: OperationRepository;
  beforeAll(async () => {
    table = newTableName();
    const settings = { name: table, endpoint: undefined, managedIdentityClientId: undefined };
    operations = createTableRepository({ ...settings, connection: azuriteConnection() });
    elsewhere = createTableRepository({ ...settings, connection: azuriteConnection() });
  });

  const { signal } = new AbortController();
  const newId = () => crypto.randomUUID();
  const now = () => NOW;
  const update = (
    store: OperationRepository,
    id: string,
    patch: object,
    repeatable?: RepeatableRequest,
    preconditions: Preconditions = {},
    until = signal,
  ) => createUpdateOperation(store, now)(TENANT, { id, patch }, preconditions, until, repeatable);
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
    const both = [createUpdateOperation(operations, now), createUpdateOperation(elsewhere, now)];
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
    const losing: OperationRepository = {
      ...operations,
      async put(...write) {
        await operations.put(...write);
        deadline.abort();
        throw new ServiceError('unavailable', 'lost');
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
    const losing: OperationRepository = {
      ...operations,
      async put(...write) {
        writes += 1;
        await operations.put(...write);
        for (let n = 0; n <= KEPT_WRITES; n++) await update(elsewhere, id, { clientContext: `${n}` });
        throw new ServiceError('unavailable', 'lost');
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
    await createUpdateOperation(operations, () => later)(TENANT, { id, patch: { status: 'Failed' } }, {}, signal);
    expect(await columnsOf(id)).not.toContain('remembered');
  });
});
