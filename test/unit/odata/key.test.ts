import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { readKey, requireKey } from '../../../shared/odata/key.ts';
import { faultsOf } from '../../support/faults.ts';

describe('the id in an address', () => {
  test.each([
    [{}, undefined],
    [{ id: '' }, undefined],
    [{ id: "'a'" }, "'a'"],
  ])('%j is %j', (parameters, id) => {
    expect(readKey(parameters)).toBe(id);
  });

  test('in parentheses must be quoted: else it is a 400 that shows how', () => {
    const message = expect.stringContaining("('{id}')");
    const unquoted = ['a', '7', "'", "'a", "a'", "'a'b'", "'a''", 'id=a', '"a"'];
    for (const key of [...unquoted, "ID='a'", "key='a'", " 'a'", "'a' ", "'a','b'"])
      expect(() => readKey({ key })).toThrow(expect.objectContaining({ reason: 'invalidRequest', message }));
  });

  test('in parentheses is the one that was quoted, for any id', async () => {
    await fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (id, isNamed) => {
        const key = `${isNamed ? 'id=' : ''}'${id.replaceAll("'", "''")}'`;
        expect(readKey({ key })).toBe(id);
      }),
    );
  });
});

test('an id that a URL needs is one that an operation can have', () => {
  for (const parameters of [{ id: 'A1._~-' }, { key: "'A1._~-'" }]) expect(requireKey(parameters)).toBe('A1._~-');
  for (const parameters of [{}, { id: '.a' }, { id: 'a b' }, { id: 'a%2Fb' }, { id: 'a'.repeat(129) }, { key: "''" }]) {
    expect(faultsOf(() => requireKey(parameters))).toContainEqual(expect.stringMatching(/ id$/));
    expect(() => requireKey(parameters)).toThrow(/^The (id in the URL must be|request has)/);
  }
});
