import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createMemory } from '../../shared/memory.ts';

describe('a memory', () => {
  test('holds what was last remembered under a key', () => {
    const memory = createMemory<number>(2);
    memory.set('a', 1);
    memory.set('a', 2);
    expect([memory.get('a'), memory.get('b')]).toEqual([2, undefined]);
  });

  test('forgets what it is told to forget', () => {
    const memory = createMemory<number>(2);
    memory.set('a', 1);
    memory.set('a', undefined);
    expect(memory.get('a')).toBeUndefined();
  });

  test('when it is full forgets what has gone unused for longest', () => {
    const memory = createMemory<number>(2);
    memory.set('a', 1);
    memory.set('b', 2);
    memory.get('a');
    memory.set('c', 3);
    expect(['a', 'b', 'c'].map((key) => memory.get(key))).toEqual([1, undefined, 3]);
  });

  test('is what a list of the last used says it is', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    const command = fc.record({ key, value: fc.option(fc.nat(), { nil: undefined }), reads: fc.boolean() });
    const holds = fc.property(fc.array(command), fc.integer({ min: 1, max: 4 }), (commands, capacity) => {
      const memory = createMemory<number>(capacity);
      let model: [string, number][] = [];
      for (const { key, value, reads } of commands) {
        const known = model.find(([name]) => name === key);
        const others = model.filter(([name]) => name !== key);
        if (reads) {
          expect(memory.get(key)).toBe(known?.[1]);
          model = known ? [...others, known] : others;
        } else {
          memory.set(key, value);
          model = (value === undefined ? others : [...others, [key, value] as [string, number]]).slice(-capacity);
        }
      }
    });
    return fc.assert(holds);
  });
});
