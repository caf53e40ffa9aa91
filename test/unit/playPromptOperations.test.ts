import { beforeAll, describe, expect, test } from '@jest/globals';
import { GraphError } from '../../shared/graphError.ts';
import { newPlayPromptOperation } from '../../shared/playPromptOperation.ts';
import {
  MAX_ATTEMPTS,
  type PlayPromptOperations,
  REMEMBERED_WRITES,
  updatePlayPromptOperation,
} from '../../shared/playPromptOperations.ts';
import { openPlayPromptOperationsTable } from '../../shared/playPromptOperationsTable.ts';
import type { Preconditions } from '../../shared/preconditions.ts';
import { TENANT } from '../support/operations.ts';
import { azuriteConnection, newTableName } from '../support/tables.ts';

const lost = () => new GraphError('unavailable', 'lost');

let operations: PlayPromptOperations;
beforeAll(async () => {
  const [name, connection] = [newTableName(), azuriteConnection()];
  operations = await openPlayPromptOperationsTable({
    name,
    connection,
    endpoint: undefined,
    managedIdentityClientId: undefined,
  });
});

const signal = new AbortController().signal;
const newId = () => crypto.randomUUID();
const stored = (id: string) => operations.get(TENANT, id, signal);
const update = (
  store: PlayPromptOperations,
  id: string,
  patch: object,
  preconditions: Preconditions = {},
  until: AbortSignal = signal,
) => updatePlayPromptOperation(store, TENANT, { id, patch }, preconditions, until);

/** The store, but that what `after` does follows the first write, whose answer is lost. */
function losingTheFirstAnswer(after: () => Promise<void> = async () => {}) {
  let writes = 0;
  const store: PlayPromptOperations = {
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

  test('is not done once more over what others wrote after it', async () => {
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

  test('and that did not take effect is done', async () => {
    let tries = 0;
    const store: PlayPromptOperations = {
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
    'and that can no longer be told from the writes after it is unavailable, not done twice: to %s',
    async (_title, exists) => {
      const id = newId();
      if (exists) await update(operations, id, {});
      const others = async () => {
        for (let n = 0; n <= REMEMBERED_WRITES; n++) await update(operations, id, { clientContext: `${n}` });
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
    const store: PlayPromptOperations = {
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
    const store: PlayPromptOperations = {
      ...operations,
      async put(...write) {
        await update(operations, id, { clientContext: 'other' });
        return operations.put(...write);
      },
    };
    const updating = update(store, id, { status: 'Failed' }, { ifMatch: [etag.replace('W/', '')] });
    await expect(updating).rejects.toMatchObject({ reason: 'preconditionFailed' });
    expect((await stored(id))?.operation).toMatchObject({ status: 'NotStarted', clientContext: 'other' });
  });
});

describe('a store that cannot serve', () => {
  test('when it is read from is unavailable at once', async () => {
    const store: PlayPromptOperations = { ...operations, get: () => Promise.reject(lost()) };
    await expect(update(store, newId(), {})).rejects.toMatchObject({ reason: 'unavailable' });
  });

  test('until the deadline is unavailable', async () => {
    const deadline = new AbortController();
    const store: PlayPromptOperations = {
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
    const store: PlayPromptOperations = {
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
    ['an error of another kind', new GraphError('forbidden', 'denied')],
  ])('for a reason that does not pass is not asked again: %s', async (_title, reason) => {
    let tries = 0;
    const store: PlayPromptOperations = {
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

test('an update costs one read and one write, and one that changes nothing no write', async () => {
  const calls: string[] = [];
  const counting: PlayPromptOperations = {
    get(...read) {
      calls.push('read');
      return operations.get(...read);
    },
    put(...write) {
      calls.push('write');
      return operations.put(...write);
    },
  };
  const id = newId();
  for (const status of ['Running', 'Failed', 'Failed'] as const) await update(counting, id, { status });
  expect(calls).toEqual(['read', 'write', 'read', 'write', 'read']);
});

test('an unknown operation comes into being as a new one, under what the patch says', async () => {
  const id = newId();
  await update(operations, id, { clientContext: 'c' });
  expect((await stored(id))?.operation).toEqual({ ...newPlayPromptOperation(id), clientContext: 'c' });
});
