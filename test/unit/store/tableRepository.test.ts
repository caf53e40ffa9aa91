import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Filter } from '../../../shared/operation/filter.ts';
import { newPlayPromptOperation, type OperationVersion } from '../../../shared/operation/playPromptOperation.ts';
import { KEPT_RESPONSES, repeatableRequest } from '../../../shared/operation/repeatability.ts';
import { KEPT_WRITES, type OperationRepository, type StoredOperation } from '../../../shared/operation/repository.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { createTableRepository } from '../../../shared/store/tableRepository.ts';
import { startFaultProxy } from '../../support/faultProxy.ts';
import { contexts, filters, fulfils, prefixes } from '../../support/filters.ts';
import { anOperation, operations as anyOperation, TENANT } from '../../support/operations.ts';
import { newTableName, newTableSettings, tableClient } from '../../support/tables.ts';
import { OTHER_TENANT } from '../../support/tokens.ts';

const signal = new AbortController().signal;

async function open(...at: Parameters<typeof newTableSettings>) {
  const settings = newTableSettings(...at);
  return { ...createTableRepository(settings), table: settings.name };
}

const proxy = await startFaultProxy();
beforeEach(() => {
  proxy.fault = undefined;
  proxy.requests.length = 0;
});
afterAll(() => proxy.close());

const a = newPlayPromptOperation('a');
const running = { ...a, status: 'Running' } as const;

test('a table that is missing holds no operation, and is created by the first write, also after it was deleted', async () => {
  const operations = await open();
  for (let time = 0; time < 2; time++) {
    expect(await operations.get(TENANT, 'a', signal)).toBeUndefined();
    expect(await operations.list(TENANT, { top: 1 }, signal)).toEqual({ operations: [], next: undefined, damaged: 0 });
    expect(await operations.count(TENANT, {}, signal)).toEqual({ count: 0, next: undefined });
    const stored = await operations.put(TENANT, a, undefined, 'w', signal);
    expect(await operations.get(TENANT, 'a', signal)).toEqual(stored);
    expect(await operations.get(OTHER_TENANT, 'a', signal)).toBeUndefined();
    await tableClient(operations.table).deleteTable();
    expect(await operations.put(TENANT, a, stored, 'w', signal)).toBeUndefined();
  }
});

describe('a write', () => {
  test('that creates is refused where there is an operation, and one that replaces when another came before it', async () => {
    const operations = await open();
    const first = await operations.put(TENANT, running, undefined, 'w1', signal);
    expect(await operations.put(TENANT, a, undefined, 'w2', signal)).toBeUndefined();
    const second = await operations.put(TENANT, anOperation({ id: 'a' }), first, 'w3', signal);
    expect(await operations.put(TENANT, a, first, 'w4', signal)).toBeUndefined();
    expect(await operations.get(TENANT, 'a', signal)).toEqual(second);
    // It clears what is null.
    await operations.put(TENANT, a, second, 'w5', signal);
    expect(await operations.get(TENANT, 'a', signal)).toMatchObject({ operation: a, writes: ['w5', 'w3', 'w1'] });
  });

  test(`is remembered by its id, with the ${KEPT_WRITES - 1} before it`, async () => {
    const operations = await open();
    let stored: StoredOperation | undefined;
    for (let n = 0; n <= KEPT_WRITES; n++) stored = await operations.put(TENANT, a, stored, `w${n}`, signal);
    const read = await operations.get(TENANT, 'a', signal);
    expect(read?.writes).toEqual(Array.from({ length: KEPT_WRITES }, (_, n) => `w${KEPT_WRITES - n}`));
  });
});

test('a removal is one for other instances too, even if they have cached the operation', async () => {
  const one = await open();
  const other = await open(one.table);
  const { etag = '' } = (await one.put(TENANT, a, undefined, 'w', signal)) ?? {};
  const cached = await other.get(TENANT, 'a', signal);
  expect(await one.remove(TENANT, 'a', 'W/"x"', signal)).toBe(false);
  expect(await one.remove(TENANT, 'a', etag, signal)).toBe(true);
  expect([one.getCached(TENANT, 'a'), other.getCached(TENANT, 'a')?.etag]).toEqual([undefined, etag]);
  expect(await other.put(TENANT, running, cached, 'w', signal)).toBeUndefined();
  expect([await other.get(TENANT, 'a', signal), other.getCached(TENANT, 'a')]).toEqual([undefined, undefined]);
});

test('a store that no setting names cannot be opened', () => {
  const settings = { ...newTableSettings(), connection: undefined };
  expect(() => createTableRepository(settings)).toThrow('connection string or an endpoint');
});

describe('a walk through a tenant', () => {
  const all = fc.sample(anyOperation, { numRuns: 60, seed: 7 }).map((operation, n) => ({
    ...operation,
    id: `op-${n}`,
    clientContext: n % 4 === 0 ? null : (contexts[n % contexts.length] ?? null),
  }));
  let store: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    store = await open();
    for (const operation of all) await store.put(TENANT, operation, undefined, 'w', signal);
    await store.put(OTHER_TENANT, anOperation({ id: 'theirs' }), undefined, 'w', signal);
    await store.sharedKey(signal);
  });

  /** All that steps of at most `top` lead to. */
  async function walk(top: number, filter?: Filter) {
    const found: OperationVersion[] = [];
    for (let from: string | undefined, step = 0; step === 0 || from !== undefined; step++) {
      const page = await store.list(TENANT, { filter, from, top }, signal);
      expect(page.operations.length).toBeLessThanOrEqual(top);
      found.push(...page.operations);
      from = page.next;
    }
    return found;
  }
  const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1);
  const operationsOf = (found: readonly OperationVersion[]) => found.map(({ operation }) => operation).sort(byId);

  test('returns every operation once, with its ETag, in one order, for any size of a step', async () => {
    const whole = await walk(1000);
    expect(operationsOf(whole)).toEqual([...all].sort(byId));
    for (const { operation, etag } of whole) expect(etag).toBe((await store.get(TENANT, operation.id, signal))?.etag);
    for (const top of [1, 2, 7, 59, 60]) expect(await walk(top)).toEqual(whole);
  });

  test('with a filter meets those that fulfil it, and the count is theirs', async () => {
    await fc.assert(
      fc.asyncProperty(filters, fc.integer({ min: 1, max: 70 }), async (filter, top) => {
        const wanted = all.filter((operation) => fulfils(operation, filter)).sort(byId);
        expect(operationsOf(await walk(top, filter))).toEqual(wanted);
        expect(await store.count(TENANT, { filter }, signal)).toEqual({ count: wanted.length, next: undefined });
      }),
      { numRuns: 40 },
    );
  });

  test.each(prefixes)('with a context that begins with %j meets those alone', async (value) => {
    const filter = { operator: 'startswith', property: 'clientContext', value } as const;
    const [found, others] = [await walk(1000, filter), await walk(1000, { operator: 'not', operand: filter })];
    expect(operationsOf(found)).toEqual(all.filter((operation) => fulfils(operation, filter)).sort(byId));
    expect(found.length + others.length).toBe(all.length);
  });

  test('of a filter of ids reads these operations by their keys, and of one that nothing can match, nothing', async () => {
    const operations = await open(newTableName(), proxy.port);
    for (const id of ['a', 'b', 'c'])
      await operations.put(TENANT, anOperation({ id, status: 'Running' }), undefined, 'w', signal);
    proxy.requests.length = 0;
    const ids: Filter = { operator: 'in', property: 'id', values: ['c', 'a', 'none', 'a', 'no id', null] };
    const running: Filter = { operator: 'eq', property: 'status', value: 'Running' };
    const filter: Filter = { operator: 'and', left: ids, right: running };
    const first = await operations.list(TENANT, { filter, top: 1 }, signal);
    const second = await operations.list(TENANT, { filter, from: first.next, top: 5 }, signal);
    expect([...first.operations, ...second.operations].map(({ operation }) => operation.id)).toEqual(['a', 'c']);
    expect(second.next).toBeUndefined();
    expect(await operations.count(TENANT, { filter }, signal)).toEqual({ count: 2, next: undefined });
    expect(proxy.requests.every((request) => request.includes("RowKey='"))).toBe(true);

    const impossible: Filter = { operator: 'eq', property: 'clientContext', value: 'x'.repeat(257) };
    expect((await operations.list(TENANT, { filter: impossible, top: 1 }, signal)).operations).toEqual([]);
    expect((await operations.count(TENANT, { filter: impossible }, signal)).count).toBe(0);
    expect(proxy.requests).toHaveLength(6);
  });
});

describe('text beyond ASCII', () => {
  const texts = { Greek: '\u03b1', euro: '\u20ac', emoji: '\ud83d\ude00', controls: '\u0001', quotes: '"' };
  test.each(Object.entries(texts))('as large as may be, of many repeatable updates, survives: %s', async (_, text) => {
    const operations = await open();
    const update = createUpdateOperation({ operations });
    const clientContext = text.repeat(256 / text.length);
    const message = text.repeat(8192 / text.length);
    for (let n = 0; n < KEPT_RESPONSES + 2; n++) {
      const patch = { clientContext, resultInfo: { code: n, message } };
      const repeatable = repeatableRequest({ requestId: `${n}`, caller: 'me', firstSent: Date.now() }, n);
      await update(TENANT, { id: 'a', patch, preconditions: {}, repeatable }, signal);
    }
    expect((await operations.get(TENANT, 'a', signal))?.operation.resultInfo?.message).toBe(message);
    const filter: Filter = { operator: 'eq', property: 'clientContext', value: clientContext };
    expect((await operations.list(TENANT, { filter, top: 1 }, signal)).operations).toHaveLength(1);
  });

  test('is sent in ASCII, so that it survives a request that arrives byte by byte', async () => {
    const sent: string[] = [];
    proxy.fault = ({ body }) => {
      sent.push(body);
      return 'pass';
    };
    const operations = await open(newTableName(), proxy.port);
    const operation = { ...newPlayPromptOperation('a'), clientContext: Object.values(texts).join('') };
    await operations.put(TENANT, operation, undefined, 'w', signal);
    expect((await operations.get(TENANT, 'a', signal))?.operation).toEqual(operation);
    expect(sent.join('')).toContain('\\u20ac');
    expect(Buffer.byteLength(sent.join(''))).toBe(sent.join('').length);
  });
});

test('the key that instances share is made once, of 256 random bits, and stays', async () => {
  const [one, two] = [await open(), await open()];
  const keys = await Promise.all([one, one, await open(one.table)].map((store) => store.sharedKey(signal)));
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
  expect(keys[0]).toHaveLength(32);
  expect(await two.sharedKey(signal)).not.toEqual(keys[0]);
});

test.concurrent('a query is waited for as long as Table Storage may scan before it returns a part', async () => {
  const slow = await startFaultProxy();
  slow.fault = () => ({ latency: 5000 });
  const operations = await open(newTableName(), slow.port);
  await expect(operations.list(TENANT, { top: 1 }, signal)).resolves.toBeDefined();
  await slow.close();
});

// How the service answers each way of failing is tested in test/attacks/storageFaults.test.ts.
describe('a store that fails', () => {
  let operations: OperationRepository;
  beforeAll(async () => {
    const table = newTableName();
    await tableClient(table).createTable();
    operations = await open(table, proxy.port);
  });

  const get = () => operations.get(TENANT, 'a', signal);
  const put = () => operations.put(TENANT, newPlayPromptOperation(crypto.randomUUID()), undefined, 'w', signal);
  const unavailable = expect.objectContaining({ reason: 'unavailable', cause: expect.any(Error) });

  test('a call whose deadline is over is unavailable', async () => {
    proxy.fault = () => 'hang';
    const deadline = new AbortController();
    const reading = operations.get(TENANT, 'a', deadline.signal);
    deadline.abort(new Error('over'));
    await expect(reading).rejects.toEqual(unavailable);
    await expect(reading).rejects.toThrow('The store of operations is not available. Try again.');
  });

  test('is asked again by a reader, up to 4 times in all, but not by a writer: whether it was done is decided first', async () => {
    // A table that is being deleted looks like a row that exists.
    const body = '{"odata.error":{"code":"TableBeingDeleted","message":{"value":"It is."}}}';
    for (const status of [503, 409]) {
      proxy.fault = () => ({ status, body });
      proxy.requests.length = 0;
      await expect(put()).rejects.toEqual(unavailable);
      expect(proxy.requests).toHaveLength(1);
    }
    proxy.fault = () => (proxy.requests.length < 4 ? { status: 503 } : 'pass');
    expect(await get()).toBeUndefined();
    proxy.requests.length = 0;
    proxy.fault = () => ({ status: 503 });
    await expect(get()).rejects.toEqual(unavailable);
    expect(proxy.requests).toHaveLength(4);
  });

  test.each([400, 401, 403])('for good, as when it denies access, is no passing failure: %s', async (status) => {
    proxy.fault = () => ({ status, body: '{"odata.error":{"code":"AuthorizationFailure"}}' });
    await expect(get()).rejects.not.toBeInstanceOf(ServiceError);
    await expect(put()).rejects.not.toBeInstanceOf(ServiceError);
  });
});
