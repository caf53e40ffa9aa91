import { beforeAll, describe, expect, test } from '@jest/globals';
import { MAX_ATTEMPTS } from '../../../shared/operation/backoff.ts';
import { createDeleteOperation } from '../../../shared/operation/delete.ts';
import type { Preconditions } from '../../../shared/operation/preconditions.ts';
import type { OperationRepository } from '../../../shared/operation/repository.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { createTableRepository } from '../../../shared/store/tableRepository.ts';
import { TENANT } from '../../support/operations.ts';
import { azuriteConnection, newTableName } from '../../support/tables.ts';

const lost = () => new ServiceError('unavailable', 'lost');
const signal = new AbortController().signal;

/** The store as two instances of the service have it. */
let operations: OperationRepository;
let elsewhere: OperationRepository;
beforeAll(async () => {
  const [name, connection] = [newTableName(), azuriteConnection()];
  const settings = { name, connection, endpoint: undefined, managedIdentityClientId: undefined };
  operations = createTableRepository(settings);
  elsewhere = createTableRepository(settings);
});

const stored = (id: string) => operations.get(TENANT, id, signal);
const update = (id: string, patch: object, store = operations) =>
  createUpdateOperation({ operations: store })(TENANT, { id, patch, preconditions: {} }, signal);
const remove = (id: string, preconditions: Preconditions = {}, store = operations, until = signal) =>
  createDeleteOperation({ operations: store })(TENANT, { id, preconditions }, until);

async function newOperation() {
  const id = crypto.randomUUID();
  return { id, ...(await update(id, { status: 'Running' })) };
}

/** The store, except that the first removal gets no answer: it is done or not, and then `after` happens. */
function losingTheFirstAnswer({
  isDone = true,
  after = async () => {},
}: {
  isDone?: boolean;
  after?: () => Promise<unknown>;
}) {
  let tries = 0;
  const store: OperationRepository = {
    ...operations,
    async remove(...removal) {
      tries += 1;
      if (tries > 1) return operations.remove(...removal);
      if (isDone) await operations.remove(...removal);
      await after();
      throw lost();
    },
  };
  return { store, tries: () => tries };
}

describe('a removal', () => {
  test('removes the operation, for other instances too, even if they have cached it', async () => {
    const { id } = await newOperation();
    await elsewhere.get(TENANT, id, signal);
    await remove(id);
    expect(await stored(id)).toBeUndefined();
    expect(operations.getCached(TENANT, id)).toBeUndefined();
    expect(elsewhere.getCached(TENANT, id)).toBeDefined();
    // An update that begins with what is remembered finds out, and begins anew.
    expect((await update(id, { clientContext: 'again' }, elsewhere)).operation).toMatchObject({
      id,
      clientContext: 'again',
      resultInfo: null,
      status: 'NotStarted',
      completionReason: null,
    });
  });

  test('that meets a change takes the operation as it then is, unless a precondition excludes that', async () => {
    const interrupted = (id: string): OperationRepository => {
      let tries = 0;
      return {
        ...operations,
        async remove(...removal) {
          tries += 1;
          if (tries === 1) await update(id, { clientContext: 'changed' }, elsewhere);
          return operations.remove(...removal);
        },
      };
    };
    const one = await newOperation();
    await remove(one.id, {}, interrupted(one.id));
    expect(await stored(one.id)).toBeUndefined();
    const two = await newOperation();
    await expect(remove(two.id, { ifMatch: [two.etag.replace('W/', '')] }, interrupted(two.id))).rejects.toMatchObject({
      reason: 'versionChanged',
    });
    expect((await stored(two.id))?.operation.clientContext).toBe('changed');
  });

  test.concurrent('is a conflict when it never succeeds', async () => {
    const { id } = await newOperation();
    let tries = 0;
    const store: OperationRepository = {
      ...operations,
      async remove() {
        tries += 1;
        return false;
      },
    };
    await expect(remove(id, {}, store)).rejects.toMatchObject({ reason: 'conflict' });
    expect(tries).toBe(MAX_ATTEMPTS);
  });
});

describe('a removal whose answer was lost', () => {
  test('and that did not take effect is done again', async () => {
    const { id } = await newOperation();
    const { store, tries } = losingTheFirstAnswer({ isDone: false });
    await remove(id, {}, store);
    expect([tries(), await stored(id)]).toEqual([2, undefined]);
  });

  test('and that reaches the store when the operation is another leaves that one', async () => {
    const { id } = await newOperation();
    let late = async () => {};
    const store: OperationRepository = {
      ...operations,
      async remove(...removal) {
        late = async () => {
          await elsewhere.remove(...removal);
        };
        store.remove = operations.remove;
        throw lost();
      },
    };
    await remove(id, {}, store);
    await update(id, { clientContext: 'new' });
    await late();
    expect((await stored(id))?.operation.clientContext).toBe('new');
  });

  test('is unavailable when there is no time left to find out', async () => {
    const { id } = await newOperation();
    const deadline = new AbortController();
    const after = async () => deadline.abort();
    const { store, tries } = losingTheFirstAnswer({ after });
    await expect(remove(id, {}, store, deadline.signal)).rejects.toMatchObject({ reason: 'unavailable' });
    expect(tries()).toBe(1);
  });

  test('is unavailable when none ever comes', async () => {
    const { id } = await newOperation();
    const store: OperationRepository = { ...operations, remove: () => Promise.reject(lost()) };
    const deadline = AbortSignal.timeout(600);
    await expect(remove(id, {}, store, deadline)).rejects.toMatchObject({ reason: 'unavailable' });
  });

  test('for a reason that will stay is not tried again', async () => {
    const { id } = await newOperation();
    for (const reason of [new Error('denied'), new ServiceError('internal', 'denied')]) {
      let tries = 0;
      const store: OperationRepository = {
        ...operations,
        async remove() {
          tries += 1;
          throw reason;
        },
      };
      await expect(remove(id, {}, store)).rejects.toThrow('denied');
      expect(tries).toBe(1);
    }
  });
});
