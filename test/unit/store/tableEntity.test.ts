import { hash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { newPlayPromptOperation } from '../../../shared/operation/playPromptOperation.ts';
import {
  fromKeyEntity,
  fromListedEntity,
  fromTableEntity,
  fromVersionEntity,
  keysOf,
  toTableEntity,
} from '../../../shared/store/tableEntity.ts';
import { anOperation, operations, TENANT } from '../../support/operations.ts';

describe('a row', () => {
  const good = { ...toTableEntity(keysOf(TENANT, 'op-1'), anOperation({ id: 'op-1' }), ['w2', 'w1']), etag: 'W/"1"' };

  test('is keyed by tenant and bucket, and by id, by which it is found again', () => {
    const bucket = hash('sha256', 'op-1').slice(0, 2);
    expect(good).toMatchObject({ partitionKey: `${TENANT}_${bucket}`, rowKey: 'op-1' });
    expect(fromKeyEntity(good)).toEqual({ tenant: TENANT, id: 'op-1', etag: 'W/"1"' });
  });

  test('has no property of a name that Cosmos DB keeps to itself, and none that is null', () => {
    const entity = toTableEntity(keysOf(TENANT, 'a'), newPlayPromptOperation('a'), ['w']);
    expect(Object.keys(entity)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(id|etag|rid)$/i)]));
    for (const absent of [null, undefined]) expect(Object.values(entity)).not.toContain(absent);
    // What is not repeatable costs no column.
    expect(Object.keys(entity)).not.toContain('repeatability');
  });

  test.each<[string, object]>([
    ['a status that is none', { status: 'Exploded' }],
    ['a completionReason that is none', { completionReason: '"x"' }],
    ['a completionReason that is no JSON', { completionReason: 'unknown' }],
    ['a subcode without a code', { resultInfoCode: undefined }],
    ['a code without a subcode', { resultInfoSubcode: undefined }],
    ['a code with a fraction', { resultInfoCode: 1.5 }],
    ['a clientContext that is no text', { clientContext: 7 }],
    ['a time that is none', { createdDateTime: '2026-11-23' }],
    ['no write ids', { writes: undefined }],
    ['repeatability that is no JSON', { repeatability: 'x' }],
    ['repeatability of another shape', { repeatability: '{"responses":[{}]}' }],
    ['repeatable requests of another shape', { repeatableRequests: 'x' }],
    ['no ETag', { etag: undefined }],
    ['an id that is none', { rowKey: ' ' }],
  ])('that is damaged is refused: %s', (_title, damage) => {
    expect(() => fromTableEntity({ ...good, ...damage })).toThrow(expect.objectContaining({ name: 'ZodError' }));
  });
});

test('a row that was listed needs no write ids, and may have null for what it does not have', () => {
  const operation = anOperation({ resultInfo: null });
  const { writes, ...listed } = { ...toTableEntity(keysOf(TENANT, operation.id), operation, ['w']), etag: 'W/"1"' };
  const absent = { resultInfoCode: null, resultInfoSubcode: null, resultInfoMessage: null };
  for (const row of [listed, { ...listed, ...absent }])
    expect(fromListedEntity(row)).toEqual({ operation, etag: 'W/"1"' });
});

test('to a row and back changes nothing', async () => {
  const writes = ['w2', 'w1'];
  const entry = fc.string({ unit: fc.constantFrom('a', 'Z', '_', '-', '0'), minLength: 21, maxLength: 21 });
  const version = fc.record({ operation: operations, etag: fc.string() });
  const history = fc.record(
    {
      requests: fc.array(entry, { maxLength: 3 }).map((entries) => entries.join('')),
      latest: fc.string(),
      responses: fc.array(fc.record({ key: fc.string(), version }), { maxLength: 2 }),
    },
    { requiredKeys: ['requests', 'responses'] },
  );
  await fc.assert(
    fc.property(operations, fc.option(history, { nil: undefined }), (operation, kept) => {
      const row = { ...toTableEntity(keysOf(TENANT, operation.id), operation, writes, kept), etag: 'W/"1"' };
      expect(fromTableEntity(row)).toEqual({ operation, etag: 'W/"1"', writes, ...(kept && { history: kept }) });
    }),
  );
});

test.each([
  [{ writes: 'b,a' }, ['b', 'a']],
  [{ writes: '' }, []],
  [{ writes: 7 }, []],
  [{}, []],
])('the version in a row of %j has these writes, however damaged the row is', (columns, writes) => {
  expect(fromVersionEntity({ etag: 'W/"1"', ...columns })).toEqual({ etag: 'W/"1"', writes });
});
