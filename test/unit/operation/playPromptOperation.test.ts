import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  applyPatch,
  completionReasons,
  idOfClientContext,
  newPlayPromptOperation,
  operationStatuses,
  type PlayPromptOperation,
  type PlayPromptOperationPatch,
  playPromptOperation,
} from '../../../shared/operation/playPromptOperation.ts';
import { anOperation, TENANT } from '../../support/operations.ts';

const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/);
const int32 = fc.oneof(fc.constant(0), fc.integer());
const text = fc.option(fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !value.includes('\0')));
const status = fc.constantFrom(...operationStatuses);
const completionReason = fc.option(fc.constantFrom(...completionReasons));
const plain = { noNullPrototype: true } as const;

const operations: fc.Arbitrary<PlayPromptOperation> = fc.record(
  {
    id,
    clientContext: text,
    resultInfo: fc.option(fc.record({ code: int32, subcode: int32, message: text }, plain)),
    status,
    completionReason,
    createdDateTime: fc.constantFrom('2026-11-23T14:18:02.000Z', null),
    lastActionDateTime: fc.constantFrom('2026-11-23T14:18:02.001Z', null),
  },
  plain,
);

const patches: fc.Arbitrary<PlayPromptOperationPatch> = fc.record(
  {
    id,
    clientContext: text,
    resultInfo: fc.option(fc.record({ code: int32, subcode: int32, message: text }, { ...plain, requiredKeys: [] })),
    status,
    completionReason,
  },
  { ...plain, requiredKeys: [] },
);

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/** MergePatch of RFC 7396, section 2. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Json = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

/** The result of RFC 7396: null is absence there, and what is absent has its default here. */
function expected(operation: PlayPromptOperation, patch: PlayPromptOperationPatch): unknown {
  const merged = mergePatch(mergePatch({}, operation), { ...patch, id: operation.id });
  const { resultInfo, ...rest } = isObject(merged) ? merged : {};
  return {
    clientContext: null,
    completionReason: null,
    createdDateTime: null,
    lastActionDateTime: null,
    ...rest,
    resultInfo: isObject(resultInfo) ? { code: 0, subcode: 0, message: null, ...resultInfo } : null,
  };
}

/** The one patch that does what `first` and then `second` do. A resultInfo that was cleared begins anew. */
function composed(first: PlayPromptOperationPatch, second: PlayPromptOperationPatch): PlayPromptOperationPatch {
  if (!second.resultInfo) return { ...first, ...second };
  const base = first.resultInfo === null ? { code: 0, subcode: 0, message: null } : first.resultInfo;
  return { ...first, ...second, resultInfo: { ...base, ...second.resultInfo } };
}

describe('a patch', () => {
  test('has the result of JSON Merge Patch', () =>
    fc.assert(
      fc.property(operations, patches, (operation, patch) => {
        expect(applyPatch(operation, patch)).toStrictEqual(expected(operation, patch));
      }),
    ));

  test('applied twice does what it does once', () =>
    fc.assert(
      fc.property(operations, patches, (operation, patch) => {
        const once = applyPatch(operation, patch);
        expect(applyPatch(once, patch)).toStrictEqual(once);
      }),
    ));

  test('and then another do what both, merged, do at once', () =>
    fc.assert(
      fc.property(operations, patches, patches, (operation, first, second) => {
        const oneByOne = applyPatch(applyPatch(operation, first), second);
        expect(oneByOne).toStrictEqual(applyPatch(operation, composed(first, second)));
      }),
    ));

  test('makes an operation of an operation', () =>
    fc.assert(
      fc.property(operations, patches, (operation, patch) => {
        const next = applyPatch(operation, patch);
        expect(playPromptOperation.parse(next)).toStrictEqual(next);
      }),
    ));

  test('modifies neither the operation that it was given nor itself', () => {
    const operation = anOperation();
    const patch = { clientContext: null, resultInfo: { code: 1 } };
    const before = structuredClone([operation, patch]);
    applyPatch(operation, patch);
    expect([operation, patch]).toStrictEqual(before);
  });

  test('changes nothing by its annotations', () => {
    const operation = anOperation();
    const patch = {
      '@odata.type': '#microsoft.graph.playPromptOperation',
      resultInfo: { '@odata.type': '#microsoft.graph.resultInfo' },
    };
    expect(applyPatch(operation, patch)).toStrictEqual(operation);
  });
});

test('a new operation has not started, and has nothing else', () => {
  expect(newPlayPromptOperation('a')).toStrictEqual({
    id: 'a',
    clientContext: null,
    resultInfo: null,
    status: 'NotStarted',
    completionReason: null,
    createdDateTime: null,
    lastActionDateTime: null,
  });
});

test('the enumerations are those of Microsoft Graph', () => {
  expect(operationStatuses).toEqual(['NotStarted', 'Running', 'Completed', 'Failed']);
  expect(completionReasons).toEqual([
    'unknown',
    'completedSuccessfully',
    'mediaOperationCanceled',
    'unknownFutureValue',
  ]);
});

describe('the id of a clientContext', () => {
  /** RFC 9562, section 5.5, done by hand. */
  function uuidv5(namespace: string, name: string) {
    const hash = createHash('sha1')
      .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
      .update(name, 'utf8');
    const bytes = hash.digest().subarray(0, 16);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  test('is the example of RFC 9562, appendix A.4', () => {
    const dns = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
    expect(idOfClientContext(dns, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
  });

  test('is the UUIDv5 of tenant and clientContext', () =>
    fc.assert(
      fc.property(fc.uuid(), fc.string({ unit: 'grapheme', minLength: 1 }), (tenant, context) => {
        expect(idOfClientContext(tenant, context)).toBe(uuidv5(tenant, context));
      }),
    ));

  test.each(['00000000-0000-0000-0000-000000000000', '12345678-1234-f234-0234-123456789abc'])(
    'can be used in every tenant, also in %s',
    (tenant) => {
      expect(idOfClientContext(tenant, 'c')).toBe(uuidv5(tenant, 'c'));
    },
  );

  test('is an id that an operation may have, the same each time and another in each tenant', () => {
    const first = idOfClientContext(TENANT, 'c');
    expect(playPromptOperation.shape.id.safeParse(first).success).toBe(true);
    expect(idOfClientContext(TENANT, 'c')).toBe(first);
    expect(idOfClientContext('22222222-2222-4222-8222-222222222222', 'c')).not.toBe(first);
    expect(idOfClientContext(TENANT, 'C')).not.toBe(first);
  });
});
