import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { newPlayPromptOperation } from '../../../shared/operation/playPromptOperation.ts';
import { fromListedEntity, fromTableEntity, toTableEntity } from '../../../shared/store/tableEntity.ts';
import { toTableFilter } from '../../../shared/store/tableFilter.ts';
import { comparisonsOf, filters } from '../../support/filters.ts';
import { anOperation, operations, TENANT } from '../../support/operations.ts';

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
    ['a completionReason that is none', { completionReason: '"x"' }],
    ['a completionReason that is no JSON', { completionReason: 'unknown' }],
    ['no completionReason', { completionReason: undefined }],
    ['a subcode without a code', { resultInfoCode: undefined }],
    ['a code without a subcode', { resultInfoSubcode: undefined }],
    ['a code with a fraction', { resultInfoCode: 1.5 }],
    ['a code beyond Int32', { resultInfoCode: 2 ** 31 }],
    ['a code that is text', { resultInfoCode: '1' }],
    ['a clientContext that is too long', { clientContext: JSON.stringify('x'.repeat(257)) }],
    ['a clientContext that is a number', { clientContext: '7' }],
    ['a clientContext that is no text', { clientContext: 7 }],
    ['no clientContext', { clientContext: undefined }],
    ['no write ids', { writes: undefined }],
    ['remembered requests that are no JSON', { remembered: 'x' }],
    ['remembered requests of another shape', { remembered: '{"requests":[{}],"forgottenUntil":0}' }],
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

describe('a row that was listed', () => {
  const { writes, ...listed } = {
    ...toTableEntity(TENANT, anOperation({ id: 'a', resultInfo: null }), ['w']),
    etag: 'W/"1"',
  };

  test('needs no write ids, and may have null for what it does not have', () => {
    const absent = { resultInfoCode: null, resultInfoSubcode: null, resultInfoMessage: null };
    expect(fromListedEntity({ ...listed, ...absent })).toEqual(fromListedEntity(listed));
    expect(fromListedEntity(listed)).toEqual({ operation: anOperation({ id: 'a', resultInfo: null }), etag: 'W/"1"' });
  });
});

test('to a row and back changes nothing', async () => {
  const request = fc.record(
    {
      key: fc.string(),
      content: fc.string(),
      firstSent: fc.nat(),
      answer: fc.record({ operation: operations, etag: fc.string() }),
    },
    { requiredKeys: ['key', 'content', 'firstSent'] },
  );
  const remembered = fc.option(fc.record({ requests: fc.array(request, { maxLength: 2 }), forgottenUntil: fc.nat() }), {
    nil: undefined,
  });
  await fc.assert(
    fc.property(operations, remembered, (operation, requests) => {
      const row = { ...toTableEntity(TENANT, operation, ['w'], requests), etag: 'W/"1"' };
      expect(fromTableEntity(row)).toEqual({ operation, etag: 'W/"1"', writes: ['w'], remembered: requests });
    }),
  );
});

describe('a filter in the words of the store', () => {
  const range = `PartitionKey ge '${TENANT}_' and PartitionKey lt '${TENANT}_g'`;

  test('is the range of the tenant, where there is no other', () => {
    expect(toTableFilter(TENANT, undefined)).toBe(range);
    const hexadecimal = Array.from({ length: 256 }, (_, n) => `${TENANT}_${n.toString(16).padStart(2, '0')}`);
    for (const key of hexadecimal) expect(key >= `${TENANT}_` && key < `${TENANT}_g`).toBe(true);
  });

  test.each([
    [{ operator: 'eq', property: 'status', value: 'Running' } as const, "status eq 'Running'"],
    [{ operator: 'ne', property: 'clientContext', value: "o'clock" } as const, `clientContext ne '"o''clock"'`],
    [{ operator: 'eq', property: 'clientContext', value: null } as const, "clientContext eq 'null'"],
    [{ operator: 'eq', property: 'clientContext', value: 'null' } as const, `clientContext eq '"null"'`],
    [
      { operator: 'not', operand: { operator: 'in', property: 'status', values: ['Failed', null] } } as const,
      "(status ne 'Failed' and status ne 'null')",
    ],
  ])('%j', (filter, words) => {
    expect(toTableFilter(TENANT, filter)).toBe(`${range} and ${words}`);
  });

  test('never says not, and never makes more comparisons than the store allows', async () => {
    await fc.assert(
      fc.property(filters, (filter) => {
        const words = toTableFilter(TENANT, filter).replaceAll(/'(?:[^']|'')*'/g, "''");
        expect(words).not.toMatch(/\bnot\b/);
        const comparisons = words.match(/ (?:eq|ne|ge|lt) /g)?.length ?? 0;
        expect(comparisons).toBe(comparisonsOf(filter) + 2);
        expect(comparisons).toBeLessThanOrEqual(15);
      }),
    );
  });
});
