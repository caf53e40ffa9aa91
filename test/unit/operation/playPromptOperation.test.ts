import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  applyPatch,
  completionReasons,
  idOfClientContext,
  isSameOperation,
  newPlayPromptOperation,
  operationStatuses,
  type PlayPromptOperation,
  type PlayPromptOperationPatch,
  playPromptOperation,
  propertyNames,
} from '../../../shared/operation/playPromptOperation.ts';
import { operations } from '../../support/operations.ts';

/** Some of the members of a record, or all. */
const some = { noNullPrototype: true, requiredKeys: [] };
const int32 = fc.constantFrom(0, 1, -7);
const text = fc.constantFrom(null, '', 'a');
const patches: fc.Arbitrary<PlayPromptOperationPatch> = fc.record(
  {
    id: fc.constant('another'),
    clientContext: text,
    status: fc.constantFrom(...operationStatuses),
    completionReason: fc.constantFrom(...completionReasons, null),
    resultInfo: fc.option(fc.record({ code: int32, subcode: int32, message: text }, some)),
  },
  some,
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
    ...Object.fromEntries(propertyNames.map((name) => [name, null])),
    ...rest,
    resultInfo: isObject(resultInfo) ? { code: 0, subcode: 0, message: null, ...resultInfo } : null,
  };
}

test('a patch has the result of JSON Merge Patch, an operation; twice it does what it does once; it modifies no input', () =>
  fc.assert(
    fc.property(operations, patches, (generated, patch) => {
      const operation = structuredClone(generated);
      const before = structuredClone([operation, patch]);
      const once = applyPatch(operation, patch);
      expect([operation, patch]).toStrictEqual(before);
      expect(once).toStrictEqual(expected(operation, patch));
      expect(playPromptOperation.parse(once)).toStrictEqual(once);
      expect(applyPatch(once, patch)).toStrictEqual(once);
    }),
  ));

test('operations are the same if each of their properties is', () => {
  // The names of the entity, so that none is forgotten.
  const name = fc.constantFrom(...propertyNames);
  void fc.assert(
    fc.property(operations, operations, name, (one, other, changed) => {
      const next = { ...structuredClone(one), [changed]: other[changed] };
      expect(isSameOperation(one, next)).toBe(JSON.stringify(one) === JSON.stringify(next));
    }),
  );
});

test('a new operation has not started, and has nothing else', () => {
  const nothing = Object.fromEntries(propertyNames.map((name) => [name, null]));
  expect(newPlayPromptOperation('a')).toStrictEqual({ ...nothing, id: 'a', status: 'NotStarted' });
});

test('the enumerations are those of Microsoft Graph', () => {
  expect(operationStatuses).toEqual(['NotStarted', 'Running', 'Completed', 'Failed']);
  const reasons = ['unknown', 'completedSuccessfully', 'mediaOperationCanceled', 'unknownFutureValue'];
  expect(completionReasons).toEqual(reasons);
});

describe('the id of a clientContext', () => {
  const ofRfc = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
  test.each([
    ['RFC 9562, appendix A.4', ofRfc, 'www.example.com', '2ed6657d-e927-568b-95e1-2665a8aea6a2'],
    // By Python's uuid.uuid5: beyond ASCII, of a tenant that is no UUID of a version, and of one of an unknown variant.
    ['Python', ofRfc, 'é😀', 'e47cc508-d5a0-5612-84ee-dafa79a49894'],
    ['Python', '00000000-0000-0000-0000-000000000000', 'c', '0f443162-a7b1-54c6-977f-cca1b1a128bb'],
    ['Python', '12345678-1234-f234-0234-123456789abc', 'c', '8e3ec71a-682a-584d-b306-ecf719c09dd9'],
  ])('is the UUIDv5 of tenant and clientContext, as %s has it: %s, %s', (_by, tenant, context, id) => {
    expect(idOfClientContext(tenant, context)).toBe(id);
  });

  test('is an id that an operation may have, and another in each tenant and of each context', () =>
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(fc.uuid(), fc.string({ minLength: 1 })), { selector: String }), (all) => {
        const ids = all.map(([tenant, context]) => idOfClientContext(tenant, context));
        expect(ids.filter((id) => !playPromptOperation.shape.id.safeParse(id).success)).toEqual([]);
        expect(new Set(ids).size).toBe(all.length);
      }),
    ));
});
