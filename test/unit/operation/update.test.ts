import { beforeAll, describe, expect, test } from '@jest/globals';
import { MAX_ATTEMPTS } from '../../../shared/operation/backoff.ts';
import { newPlayPromptOperation } from '../../../shared/operation/playPromptOperation.ts';
import type { Preconditions } from '../../../shared/operation/preconditions.ts';
import type { OperationRepository } from '../../../shared/operation/repository.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { createTableRepository } from '../../../shared/store/tableRepository.ts';
import { TENANT } from '../../support/operations.ts';
import { azuriteConnection, newTableName } from '../../support/tables.ts';

const lost = () => new ServiceError('unavailable', 'lost');

/** The store as two instances of the service have it. */
let operations: OperationRepository;
let elsewhere: OperationRepository;
beforeAll(async () => {
  const [name, connection] = [newTableName(), azuriteConnection()];
  const settings = { name, connection, endpoint: undefined, managedIdentityClientId: undefined };
  operations = createTableRepository(settings);
  elsewhere = createTableRepository(settings);
});

const signal = new AbortController().signal;
const newId = () => crypto.randomUUID();
const stored = (id: string) => operations.get(TENANT, id, signal);
const update = (
  store: OperationRepository,
  id: string,
  patch: object,
  preconditions: Preconditions = {},
  until: AbortSignal = signal,
) => createUpdateOperation({ operations: store })(TENANT, { id, patch, preconditions }, until);

/** The store, except for its writes, which are counted; `n` counts from 1. */
function writing(
  put: (n: number, write: () => ReturnType<OperationRepository['put']>) => ReturnType<OperationRepository['put']>,
) {
  let tries = 0;
  const store: OperationRepository = {
    ...operations,
    async put(...write) {
      tries += 1;
      return put(tries, () => operations.put(...write));
    },
  };
  return { store, tries: () => tries };
}

describe('a write whose answer was lost', () => {
  test('and that took effect is not repeated', async () => {
    const id = newId();
    const { store, tries } = writing(async (_n, write) => {
      await write();
      throw lost();
    });
    const { operation, etag } = await update(store, id, { status: 'Running' });
    expect([operation.status, tries(), (await stored(id))?.etag]).toEqual(['Running', 1, etag]);
  });

  test('and that did not take effect is done', async () => {
    const id = newId();
    const { store } = writing((n, write) => (n === 1 ? Promise.reject(lost()) : write()));
    expect((await update(store, id, { status: 'Running' })).operation.status).toBe('Running');
    expect((await stored(id))?.operation.status).toBe('Running');
  });
});

describe('an update that meets others', () => {
  test.concurrent('is tried at least 10 times, and is a conflict when none succeeds', async () => {
    const { store, tries } = writing(async () => undefined);
    await expect(update(store, newId(), {})).rejects.toMatchObject({ reason: 'conflict' });
    expect(tries()).toBe(MAX_ATTEMPTS);
    expect(tries()).toBeGreaterThanOrEqual(10);
  });
});

describe('a store that cannot serve', () => {
  test('when it is read from is unavailable at once', async () => {
    const store: OperationRepository = { ...operations, get: () => Promise.reject(lost()) };
    await expect(update(store, newId(), {})).rejects.toMatchObject({ reason: 'unavailable' });
  });

  test('until the deadline is unavailable', async () => {
    const deadline = new AbortController();
    const { store } = writing(async () => {
      deadline.abort();
      throw lost();
    });
    await expect(update(store, newId(), {}, {}, deadline.signal)).rejects.toMatchObject({ reason: 'unavailable' });
  });

  test('whose deadline passes between two attempts is unavailable', async () => {
    const deadline = new AbortController();
    const { store } = writing(async () => {
      setImmediate(() => deadline.abort());
      return undefined;
    });
    await expect(update(store, newId(), {}, {}, deadline.signal)).rejects.toMatchObject({ reason: 'unavailable' });
  });

  test.each([
    ['an error', new Error('denied')],
    ['an error of another kind', new ServiceError('forbidden', 'denied')],
  ])('for a reason that does not pass is not asked again: %s', async (_title, reason) => {
    const { store, tries } = writing(() => Promise.reject(reason));
    await expect(update(store, newId(), {})).rejects.toThrow('denied');
    expect(tries()).toBe(1);
  });
});

describe('what an update costs', () => {
  /** What is asked of the store. */
  async function callsOf(work: (store: OperationRepository) => Promise<unknown>) {
    const calls: string[] = [];
    const get: OperationRepository['get'] = (...read) => {
      calls.push('read');
      return operations.get(...read);
    };
    const put: OperationRepository['put'] = (...write) => {
      calls.push('write');
      return operations.put(...write);
    };
    await work({ ...operations, get, put });
    return calls;
  }

  test('is a read and a write where nothing is known of the operation', async () => {
    expect(await callsOf((store) => update(store, newId(), { status: 'Running' }))).toEqual(['read', 'write']);
  });

  test('is one write where the operation was lately seen, also with its ETag', async () => {
    const id = newId();
    const { etag } = await update(operations, id, { status: 'Running' });
    const ifMatch = [etag.replace('W/', '')];
    expect(await callsOf((store) => update(store, id, { status: 'Completed' }, { ifMatch }))).toEqual(['write']);
    expect(await callsOf((store) => update(store, id, { status: 'Failed' }))).toEqual(['write']);
  });

  test('is one read more where what was seen is stale', async () => {
    const id = newId();
    await update(operations, id, { status: 'Running' });
    await update(elsewhere, id, { clientContext: 'other' });
    expect(await callsOf((store) => update(store, id, { status: 'Failed' }))).toEqual(['write', 'read', 'write']);
    expect((await stored(id))?.operation).toMatchObject({ status: 'Failed', clientContext: 'other' });
  });
});

test('updates of one operation by one instance wait for each other', async () => {
  const id = newId();
  let [running, most] = [0, 0];
  const { store } = writing(async (_n, write) => {
    running += 1;
    most = Math.max(most, running);
    const written = await write();
    running -= 1;
    return written;
  });
  const updateIt = createUpdateOperation({ operations: store });
  const patches = Array.from({ length: 50 }, (_, n) => ({ id, patch: { clientContext: `${n}` }, preconditions: {} }));
  await Promise.all(patches.map((request) => updateIt(TENANT, request, signal)));
  expect(most).toBe(1);
  expect((await stored(id))?.operation.clientContext).toBe('49');
});

describe('the times of an operation', () => {
  const NOW = Date.UTC(2026, 10, 23);
  const iso = (time: number) => new Date(time).toISOString();
  /** An update by an instance, by whose clock it is so many milliseconds later than it is. */
  const updateAt = (store: OperationRepository, id: string, patch: object, ahead: number) =>
    createUpdateOperation({ operations: store, now: () => NOW + ahead })(
      TENANT,
      { id, patch, preconditions: {} },
      signal,
    );
  const timesOf = async (id: string) => {
    const { createdDateTime, lastActionDateTime } = (await stored(id))?.operation ?? newPlayPromptOperation(id);
    return [createdDateTime, lastActionDateTime];
  };

  test('of the last change increases strictly, whichever instance makes it, and stays where nothing changes', async () => {
    const id = newId();
    const changes = [
      [operations, 0, 0],
      [elsewhere, -60_000, 1],
      [operations, 1, 2],
      [elsewhere, 60_000, 60_000],
      [operations, 5, 60_001],
    ] as const;
    for (const [n, [store, ahead, at]] of changes.entries()) {
      await updateAt(store, id, { resultInfo: { code: n } }, ahead);
      expect(await timesOf(id)).toEqual([iso(NOW), iso(NOW + at)]);
    }
    await updateAt(elsewhere, id, { resultInfo: { code: changes.length - 1 } }, 90_000);
    expect(await timesOf(id)).toEqual([iso(NOW), iso(NOW + 60_001)]);
  });

  test('are null where it was stored before it had them, until it changes', async () => {
    const id = newId();
    await operations.put(TENANT, newPlayPromptOperation(id), undefined, 'w', signal);
    expect(await timesOf(id)).toEqual([null, null]);
    await updateAt(operations, id, { status: 'Running' }, 0);
    expect(await timesOf(id)).toEqual([null, iso(NOW)]);
  });
});
