import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { GraphError } from '../../shared/graphError.ts';
import { completionReasons, newPlayPromptOperation, operationStatuses } from '../../shared/playPromptOperation.ts';
import { type PlayPromptOperations, REMEMBERED_WRITES } from '../../shared/playPromptOperations.ts';
import {
  fromTableEntity,
  openPlayPromptOperationsTable,
  toTableEntity,
} from '../../shared/playPromptOperationsTable.ts';
import { type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import { anOperation, TENANT } from '../support/operations.ts';
import { azuriteConnection, newTableName, tableClient } from '../support/tables.ts';

const signal = new AbortController().signal;
const newWriteId = () => crypto.randomUUID();

async function open(name = newTableName(), port?: number): Promise<PlayPromptOperations & { readonly table: string }> {
  const connection = azuriteConnection(port);
  const settings = { name, connection, endpoint: undefined, managedIdentityClientId: undefined };
  return { ...(await openPlayPromptOperationsTable(settings)), table: name };
}

describe('a table', () => {
  test('that is missing holds no operation', async () => {
    const operations = await open();
    expect(await operations.get(TENANT, 'a', signal)).toBeUndefined();
  });

  test('is created when the first operation is stored', async () => {
    const operations = await open();
    const stored = await operations.put(TENANT, newPlayPromptOperation('a'), undefined, 'w', signal);
    expect(await operations.get(TENANT, 'a', signal)).toEqual(stored);
  });

  test('that was deleted underneath is created again', async () => {
    const operations = await open();
    const stored = await operations.put(TENANT, newPlayPromptOperation('a'), undefined, 'w1', signal);
    await tableClient(operations.table).deleteTable();
    expect(await operations.get(TENANT, 'a', signal)).toBeUndefined();
    expect(await operations.put(TENANT, newPlayPromptOperation('a'), stored, 'w2', signal)).toBeUndefined();
    expect(await operations.put(TENANT, newPlayPromptOperation('a'), undefined, 'w3', signal)).toBeDefined();
  });
});

describe('a write', () => {
  test('that creates is refused where there is an operation', async () => {
    const operations = await open();
    await operations.put(TENANT, { ...newPlayPromptOperation('a'), status: 'Running' }, undefined, 'w1', signal);
    expect(await operations.put(TENANT, newPlayPromptOperation('a'), undefined, 'w2', signal)).toBeUndefined();
    expect(await operations.get(TENANT, 'a', signal)).toMatchObject({
      operation: { status: 'Running' },
      writes: ['w1'],
    });
  });

  test('that replaces is refused when another came before it', async () => {
    const operations = await open();
    const first = await operations.put(TENANT, newPlayPromptOperation('a'), undefined, 'w1', signal);
    const running = { ...newPlayPromptOperation('a'), status: 'Running' as const };
    const second = await operations.put(TENANT, running, first, 'w2', signal);
    expect(await operations.put(TENANT, newPlayPromptOperation('a'), first, 'w3', signal)).toBeUndefined();
    expect(await operations.get(TENANT, 'a', signal)).toEqual(second);
  });

  test('clears what is null', async () => {
    const operations = await open();
    const whole = anOperation({ id: 'a' });
    const first = await operations.put(TENANT, whole, undefined, 'w1', signal);
    await operations.put(TENANT, newPlayPromptOperation('a'), first, 'w2', signal);
    expect(await operations.get(TENANT, 'a', signal)).toMatchObject({ operation: newPlayPromptOperation('a') });
  });

  test(`is remembered by its id, with the ${REMEMBERED_WRITES - 1} before it`, async () => {
    const operations = await open();
    let stored = await operations.put(TENANT, newPlayPromptOperation('a'), undefined, 'w0', signal);
    for (let n = 1; n <= REMEMBERED_WRITES; n++) {
      stored = await operations.put(TENANT, newPlayPromptOperation('a'), stored, `w${n}`, signal);
    }
    const read = await operations.get(TENANT, 'a', signal);
    expect(read?.writes).toEqual(Array.from({ length: REMEMBERED_WRITES }, (_, n) => `w${REMEMBERED_WRITES - n}`));
  });

  test('belongs to its tenant', async () => {
    const operations = await open();
    await operations.put(TENANT, newPlayPromptOperation('a'), undefined, 'w', signal);
    expect(await operations.get('22222222-2222-4222-8222-222222222222', 'a', signal)).toBeUndefined();
  });
});

test('a store that no setting names cannot be opened', async () => {
  const settings = { name: 'a', connection: undefined, endpoint: undefined, managedIdentityClientId: undefined };
  await expect(openPlayPromptOperationsTable(settings)).rejects.toThrow('connection string or an endpoint');
});

describe('a row', () => {
  test('is keyed by tenant and bucket, and by id', () => {
    const bucket = createHash('sha256').update('op-1').digest('hex').slice(0, 2);
    expect(toTableEntity(TENANT, newPlayPromptOperation('op-1'), ['w'])).toMatchObject({
      partitionKey: `${TENANT}_${bucket}`,
      rowKey: 'op-1',
    });
  });

  test('has no property of a name that Cosmos DB keeps to itself, and none that is null', () => {
    const entity = toTableEntity(TENANT, newPlayPromptOperation('a'), ['w']);
    expect(Object.keys(entity)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(id|etag|rid)$/i)]));
    expect(Object.values(entity)).not.toContain(null);
    expect(Object.values(entity)).not.toContain(undefined);
  });

  const good = { ...toTableEntity(TENANT, anOperation({ id: 'a' }), ['w']), etag: 'W/"1"' };
  const damages: [string, object][] = [
    ['a status that is none', { status: 'Exploded' }],
    ['no status', { status: undefined }],
    ['a completionReason that is none', { completionReason: 'x' }],
    ['a subcode without a code', { resultInfoCode: undefined }],
    ['a code without a subcode', { resultInfoSubcode: undefined }],
    ['a code with a fraction', { resultInfoCode: 1.5 }],
    ['a code beyond Int32', { resultInfoCode: 2 ** 31 }],
    ['a code that is text', { resultInfoCode: '1' }],
    ['a clientContext that is too long', { clientContext: 'x'.repeat(257) }],
    ['a clientContext that is a number', { clientContext: 7 }],
    ['no write ids', { writes: undefined }],
    ['no ETag', { etag: undefined }],
    ['an id that is none', { rowKey: ' ' }],
  ];
  test('that is whole is an operation', () => {
    expect(fromTableEntity(good)).toEqual({ operation: anOperation({ id: 'a' }), etag: 'W/"1"', writes: ['w'] });
  });
  test.each(damages)('that is damaged is refused: %s', (_title, damage) => {
    expect(() => fromTableEntity({ ...good, ...damage })).toThrow(expect.objectContaining({ name: 'ZodError' }));
  });
});

describe('the round trip', () => {
  const text = (maxLength: number) =>
    fc.string({ unit: 'binary', maxLength }).filter((value) => value.length <= maxLength && !value.includes('\0'));
  const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const operation = fc.record({
    id: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/),
    clientContext: fc.option(text(256)),
    resultInfo: fc.option(fc.record({ code: int32, subcode: int32, message: fc.option(text(8192)) })),
    status: fc.constantFrom(...operationStatuses),
    completionReason: fc.option(fc.constantFrom(...completionReasons)),
  });

  test('to a row and back changes nothing', async () => {
    await fc.assert(
      fc.property(operation, (value) => {
        const row = { ...toTableEntity(TENANT, value, ['w']), etag: 'W/"1"' };
        expect(fromTableEntity(row).operation).toEqual(value);
      }),
    );
  });

  test('through the store changes nothing', async () => {
    const operations = await open();
    await fc.assert(
      fc.asyncProperty(operation, async (value) => {
        const current = await operations.get(TENANT, value.id, signal);
        const written = await operations.put(TENANT, value, current, newWriteId(), signal);
        expect(await operations.get(TENANT, value.id, signal)).toEqual(written);
        expect(written?.operation).toEqual(value);
      }),
    );
  });
});

describe('a store that fails', () => {
  let proxy: FaultProxy;
  let operations: PlayPromptOperations;
  beforeAll(async () => {
    proxy = await startFaultProxy();
    const table = newTableName();
    await tableClient(table).createTable();
    operations = await open(table, proxy.port);
  });
  beforeEach(() => {
    proxy.fault = undefined;
    proxy.requests.length = 0;
  });
  afterAll(() => proxy.close());

  const get = () => operations.get(TENANT, 'a', signal);
  const put = () => operations.put(TENANT, newPlayPromptOperation(crypto.randomUUID()), undefined, 'w', signal);
  const unavailable = expect.objectContaining({ reason: 'unavailable', cause: expect.any(Error) });

  const passing: [string, NonNullable<FaultProxy['fault']>][] = [
    ['503 ServerBusy', () => ({ status: 503, body: '{"odata.error":{"code":"ServerBusy"}}' })],
    ['500 OperationTimedOut', () => ({ status: 500, body: '{"odata.error":{"code":"OperationTimedOut"}}' })],
    ['429', () => ({ status: 429 })],
    ['408', () => ({ status: 408 })],
    ['a reset before the request arrives', () => 'resetBefore'],
    ['a reset before the answer arrives', () => 'resetAfter'],
  ];
  test.each(passing)('%s is unavailable, to a reader and to a writer', async (_title, fault) => {
    proxy.fault = fault;
    await expect(get()).rejects.toEqual(unavailable);
    await expect(put()).rejects.toEqual(unavailable);
  });

  test('half an answer and an answer that is not JSON are unavailable', async () => {
    await operations.put(TENANT, newPlayPromptOperation('a'), undefined, 'w', signal);
    proxy.fault = () => 'halfAnswer';
    await expect(get()).rejects.toEqual(unavailable);
    proxy.fault = () => ({ status: 200, body: '<html>' });
    await expect(get()).rejects.toEqual(unavailable);
  });

  test('a call whose deadline is over is unavailable', async () => {
    proxy.fault = () => 'hang';
    const deadline = new AbortController();
    const reading = operations.get(TENANT, 'a', deadline.signal);
    deadline.abort();
    await expect(reading).rejects.toEqual(unavailable);
    await expect(reading).rejects.toThrow('The store of operations cannot serve now. Try again.');
  });

  test('is asked again when it was read from', async () => {
    proxy.fault = () => (proxy.requests.length < 3 ? { status: 503 } : 'pass');
    await get();
    expect(proxy.requests).toHaveLength(3);
  });

  test('is not asked again when it was written to: whether it was done is judged first', async () => {
    proxy.fault = () => ({ status: 503 });
    await expect(put()).rejects.toEqual(unavailable);
    expect(proxy.requests).toHaveLength(1);
  });

  test.each([400, 401, 403])('for good, as when it denies access, is no passing failure: %s', async (status) => {
    proxy.fault = () => ({ status, body: '{"odata.error":{"code":"AuthorizationFailure"}}' });
    await expect(get()).rejects.not.toBeInstanceOf(GraphError);
    await expect(put()).rejects.not.toBeInstanceOf(GraphError);
  });
});
