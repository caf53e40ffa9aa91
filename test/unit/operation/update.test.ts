import { beforeAll, describe, expect, test } from '@jest/globals';
import { MAX_ATTEMPTS } from '../../../shared/operation/backoff.ts';
import { newPlayPromptOperation } from '../../../shared/operation/playPromptOperation.ts';
import type { Preconditions } from '../../../shared/operation/preconditions.ts';
import { KEPT_WRITES, type OperationRepository } from '../../../shared/operation/repository.ts';
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
) => createUpdateOperation(store)(TENANT, { id, patch }, preconditions, until);

/** The store, but that what `after` does follows the first write, whose answer is lost. */
function losingTheFirstAnswer(after: () => Promise<void> = async () => {}) {
  let writes = 0;
  const store: OperationRepository = {
    ...operations,
    async put(...write) {
      const written = await operations.put(...write);
      writes += 1;
      if (writes > 1) return written;
      await after();
      throw lost();
    },
  };
  return { store, writes: () => writes };
}

describe('a write whose answer was lost', () => {
  test.each([
    ['without a precondition', {}],
    ['that had to create', { ifNoneMatch: '*' } as const],
  ])('and that took effect is not repeated: %s', async (_title, preconditions) => {
    const { store, writes } = losingTheFirstAnswer();
    const id = newId();
    const { operation, etag } = await update(store, id, { status: 'Running' }, preconditions);
    expect(operation.status).toBe('Running');
    expect(writes()).toBe(1);
    expect((await stored(id))?.etag).toBe(etag);
  });

  test('and that took effect is no failed precondition', async () => {
    const id = newId();
    const { etag } = await update(operations, id, {});
    const { store, writes } = losingTheFirstAnswer();
    const answer = await update(store, id, { status: 'Failed' }, { ifMatch: [etag.replace('W/', '')] });
    expect([answer.operation.status, writes()]).toEqual(['Failed', 1]);
  });

  test('is not repeated over later writes of others', async () => {
    const id = newId();
    await update(operations, id, {});
    const others = async () => {
      await update(operations, id, { status: 'Completed' });
    };
    const { store } = losingTheFirstAnswer(others);
    const answer = await update(store, id, { status: 'Running', clientContext: 'mine' });
    expect(answer.operation).toMatchObject({ status: 'Completed', clientContext: 'mine' });
    expect((await stored(id))?.operation).toEqual(answer.operation);
  });

  test('and whose operation was removed since is unavailable, not created again', async () => {
    const id = newId();
    await update(operations, id, {});
    const others = async () => {
      const { etag } = (await elsewhere.get(TENANT, id, signal)) ?? { etag: '' };
      await elsewhere.remove(TENANT, id, etag, signal);
    };
    const { store, writes } = losingTheFirstAnswer(others);
    await expect(update(store, id, { status: 'Running' }, { ifMatch: '*' })).rejects.toMatchObject({
      reason: 'unavailable',
    });
    expect([writes(), await stored(id)]).toEqual([1, undefined]);
  });

  test('and that did not take effect is done', async () => {
    let tries = 0;
    const store: OperationRepository = {
      ...operations,
      async put(...write) {
        tries += 1;
        if (tries === 1) throw lost();
        return operations.put(...write);
      },
    };
    const id = newId();
    expect((await update(store, id, { status: 'Running' })).operation.status).toBe('Running');
    expect((await stored(id))?.operation.status).toBe('Running');
  });

  test.each([
    ['an operation', true],
    ['none yet', false],
  ])(
    'and that can no longer be distinguished from later writes is unavailable, not repeated: to %s',
    async (_title, exists) => {
      const id = newId();
      if (exists) await update(operations, id, {});
      const others = async () => {
        for (let n = 0; n <= KEPT_WRITES; n++) await update(operations, id, { clientContext: `${n}` });
      };
      const { store, writes } = losingTheFirstAnswer(others);
      await expect(update(store, id, { status: 'Running' })).rejects.toMatchObject({ reason: 'unavailable' });
      expect(writes()).toBe(1);
    },
  );
});

describe('an update that meets others', () => {
  test('is tried at least 10 times, and is a conflict when none succeeds', async () => {
    let tries = 0;
    const store: OperationRepository = {
      ...operations,
      async put() {
        tries += 1;
        return undefined;
      },
    };
    await expect(update(store, newId(), {})).rejects.toMatchObject({ reason: 'conflict' });
    expect(tries).toBe(MAX_ATTEMPTS);
    expect(tries).toBeGreaterThanOrEqual(10);
  });

  test('with an If-Match that another has made stale between its reading and its writing is a failed precondition', async () => {
    const id = newId();
    const { etag } = await update(operations, id, {});
    const store: OperationRepository = {
      ...operations,
      async put(...write) {
        await update(operations, id, { clientContext: 'other' });
        return operations.put(...write);
      },
    };
    const updating = update(store, id, { status: 'Failed' }, { ifMatch: [etag.replace('W/', '')] });
    await expect(updating).rejects.toMatchObject({ reason: 'versionChanged' });
    expect((await stored(id))?.operation).toMatchObject({ status: 'NotStarted', clientContext: 'other' });
  });
});

describe('a store that cannot serve', () => {
  test('when it is read from is unavailable at once', async () => {
    const store: OperationRepository = { ...operations, get: () => Promise.reject(lost()) };
    await expect(update(store, newId(), {})).rejects.toMatchObject({ reason: 'unavailable' });
  });

  test('until the deadline is unavailable', async () => {
    const deadline = new AbortController();
    const store: OperationRepository = {
      ...operations,
      async put() {
        deadline.abort();
        throw lost();
      },
    };
    const updating = update(store, newId(), {}, {}, deadline.signal);
    await expect(updating).rejects.toMatchObject({ reason: 'unavailable' });
  });

  test('whose deadline passes between two attempts is unavailable', async () => {
    const deadline = new AbortController();
    const store: OperationRepository = {
      ...operations,
      async put() {
        setImmediate(() => deadline.abort());
        return undefined;
      },
    };
    const updating = update(store, newId(), {}, {}, deadline.signal);
    await expect(updating).rejects.toMatchObject({ reason: 'unavailable' });
  });

  test.each([
    ['an error', new Error('denied')],
    ['an error of another kind', new ServiceError('forbidden', 'denied')],
  ])('for a reason that does not pass is not asked again: %s', async (_title, reason) => {
    let tries = 0;
    const store: OperationRepository = {
      ...operations,
      async put() {
        tries += 1;
        throw reason;
      },
    };
    await expect(update(store, newId(), {})).rejects.toThrow('denied');
    expect(tries).toBe(1);
  });
});

describe('what an update costs', () => {
  /** The store, with a list of what was asked of it. */
  function counting(store: OperationRepository) {
    const calls: string[] = [];
    const counted: OperationRepository = {
      ...store,
      get(...read) {
        calls.push('read');
        return store.get(...read);
      },
      put(...write) {
        calls.push('write');
        return store.put(...write);
      },
    };
    return { calls, counted };
  }

  test('is a read and a write where nothing is known of the operation', async () => {
    const { calls, counted } = counting(operations);
    await update(counted, newId(), { status: 'Running' });
    expect(calls).toEqual(['read', 'write']);
  });

  test('is one write where the operation was lately seen, also with its ETag', async () => {
    const id = newId();
    const { etag } = await update(operations, id, { status: 'Running' });
    const { calls, counted } = counting(operations);
    await update(counted, id, { status: 'Completed' }, { ifMatch: [etag.replace('W/', '')] });
    await update(counted, id, { status: 'Failed' });
    expect(calls).toEqual(['write', 'write']);
  });

  test('is one write where it may only create', async () => {
    const { calls, counted } = counting(operations);
    await update(counted, newId(), {}, { ifNoneMatch: '*' });
    expect(calls).toEqual(['write']);
  });

  test('is one read where it changes nothing', async () => {
    const id = newId();
    await update(operations, id, { status: 'Running' });
    const { calls, counted } = counting(operations);
    await update(counted, id, { status: 'Running' });
    expect(calls).toEqual(['read']);
  });

  test('is one read more where what was seen is stale', async () => {
    const id = newId();
    await update(operations, id, { status: 'Running' });
    await update(elsewhere, id, { clientContext: 'other' });
    const { calls, counted } = counting(operations);
    const { operation } = await update(counted, id, { status: 'Failed' });
    expect(operation).toMatchObject({ status: 'Failed', clientContext: 'other' });
    expect(calls).toEqual(['write', 'read', 'write']);
  });
});

describe('of what is remembered, nothing is concluded: another instance may have written since', () => {
  const seen = async () => {
    const id = newId();
    const { etag } = await update(operations, id, { status: 'Running' });
    const now = await update(elsewhere, id, { status: 'Completed' });
    return { id, old: etag.replace('W/', ''), current: now.etag.replace('W/', '') };
  };

  test('a patch that changes nothing returns what is stored', async () => {
    const { id } = await seen();
    expect((await update(operations, id, {})).operation.status).toBe('Completed');
    expect((await update(operations, id, { status: 'Running' })).operation.status).toBe('Running');
  });

  test('an If-Match holds or fails against what is stored', async () => {
    const { id, old, current } = await seen();
    await expect(update(operations, id, { status: 'Failed' }, { ifMatch: [old] })).rejects.toMatchObject({
      reason: 'versionChanged',
    });
    expect((await update(operations, id, { status: 'Failed' }, { ifMatch: [current] })).operation.status).toBe(
      'Failed',
    );
  });

  test('an If-None-Match: * fails against what is stored', async () => {
    const id = newId();
    await update(elsewhere, id, {});
    await expect(update(operations, id, {}, { ifNoneMatch: '*' })).rejects.toMatchObject({
      reason: 'versionExcluded',
    });
  });
});

test('updates of one operation by one instance wait for each other', async () => {
  const id = newId();
  let [running, most] = [0, 0];
  const store: OperationRepository = {
    ...operations,
    async put(...write) {
      running += 1;
      most = Math.max(most, running);
      const stored = await operations.put(...write);
      running -= 1;
      return stored;
    },
  };
  const updateIt = createUpdateOperation(store);
  const patches = Array.from({ length: 50 }, (_, n) => ({ id, patch: { clientContext: `${n}` } }));
  await Promise.all(patches.map((request) => updateIt(TENANT, request, {}, signal)));
  expect(most).toBe(1);
  expect((await stored(id))?.operation.clientContext).toBe('49');
});

test('an unknown operation is created with the values of the patch', async () => {
  const id = newId();
  await update(operations, id, { clientContext: 'c' });
  expect((await stored(id))?.operation).toEqual({ ...newPlayPromptOperation(id), clientContext: 'c' });
});
