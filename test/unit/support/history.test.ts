import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { isLinearizable, type Recorded } from '../../support/history.ts';

type Entity = { readonly x: number; readonly y: number };
type Patch = Partial<Entity>;
type Step = Recorded<Entity, Patch>;

const merge = (current: Entity | undefined, patch: Patch): Entity => ({ x: 0, y: 0, ...current, ...patch });
const accepts = (history: readonly Step[]) => isLinearizable(history, merge);

/** A step during an interval: its patch, what it was answered, and the ETag that it asked for. */
function step([start, end]: [number, number], patch: Patch, answer: Step['answer'], ifMatch?: string): Step {
  return { start, end, patch, answer, ...(ifMatch !== undefined && { ifMatch }) };
}
const ok = (x: number, y: number, etag: string): Step['answer'] => ({ status: 200, entity: { x, y }, etag });
const failed: Step['answer'] = { status: 412 };
const unknown: Step['answer'] = { status: 503 };

describe('a history is refused', () => {
  const bad: [string, Step[]][] = [
    [
      'of a lost update',
      [step([0, 5], { x: 1 }, ok(1, 0, 'a')), step([1, 6], { y: 2 }, ok(0, 2, 'b')), step([7, 8], {}, ok(0, 2, 'b'))],
    ],
    [
      'of a stale read',
      [step([0, 1], {}, ok(0, 0, 'a')), step([2, 3], { x: 1 }, ok(1, 0, 'b')), step([4, 5], {}, ok(0, 0, 'a'))],
    ],
    [
      'of two reads that saw two writes in different orders',
      [
        step([0, 9], { x: 1 }, ok(1, 1, 'c')),
        step([0, 9], { y: 1 }, ok(1, 1, 'c')),
        step([1, 8], {}, ok(1, 0, 'a')),
        step([1, 8], {}, ok(0, 1, 'b')),
      ],
    ],
    ['of a read that knows the future', [step([0, 1], {}, ok(1, 0, 'a')), step([2, 3], { x: 1 }, ok(1, 0, 'a'))]],
    [
      'of two that were both accepted with one ETag',
      [
        step([0, 1], { x: 1 }, ok(1, 0, 'a')),
        step([2, 5], { x: 2 }, ok(2, 0, 'b'), 'a'),
        step([2, 5], { y: 3 }, ok(2, 3, 'c'), 'a'),
      ],
    ],
    [
      'of a 412 though the ETag was current',
      [step([0, 1], { x: 1 }, ok(1, 0, 'a')), step([2, 3], { x: 2 }, failed, 'a'), step([4, 5], {}, ok(1, 0, 'a'))],
    ],
    [
      'of a 412 whose write took effect',
      [step([0, 1], { x: 1 }, ok(1, 0, 'a')), step([2, 3], { y: 2 }, failed, 'a'), step([4, 5], {}, ok(1, 2, 'b'))],
    ],
    [
      'of an ambiguous write that took effect twice',
      [
        step([0, 1], { x: 1 }, unknown),
        step([2, 3], {}, ok(1, 0, 'a')),
        step([4, 5], { x: 2 }, ok(2, 0, 'b')),
        step([6, 7], {}, ok(1, 0, 'c')),
      ],
    ],
    [
      'of an ambiguous write that took effect though its ETag was stale',
      [
        step([0, 1], {}, ok(0, 0, 'a')),
        step([2, 3], { x: 1 }, ok(1, 0, 'b')),
        step([4, 5], { y: 2 }, unknown, 'a'),
        step([6, 7], {}, ok(1, 2, 'c')),
      ],
    ],
    [
      'of an ETag that stays although the value changed',
      [step([0, 1], { x: 1 }, ok(1, 0, 'a')), step([2, 3], { x: 2 }, ok(2, 0, 'a'))],
    ],
    [
      'of an ETag that comes back with its value',
      [
        step([0, 1], { x: 1 }, ok(1, 0, 'a')),
        step([2, 3], { x: 2 }, ok(2, 0, 'b')),
        step([4, 5], { x: 1 }, ok(1, 0, 'a')),
      ],
    ],
  ];
  test.each(bad)('%s', (_title, history) => {
    expect(accepts(history)).toBe(false);
  });
});

describe('any history', () => {
  /** What one step does, and how far before and after its place in the order its interval reaches. */
  const intent = fc.record({
    patch: fc.constantFrom<'x' | 'y' | 'read'>('x', 'y', 'read'),
    ifMatch: fc.constantFrom<'none' | 'current' | 'stale'>('none', 'none', 'current', 'stale'),
    ambiguous: fc.constantFrom<'no' | 'effective' | 'lost'>('no', 'no', 'no', 'no', 'effective', 'lost'),
    before: fc.nat(40),
    after: fc.nat(40),
  });
  const intents = fc.array(intent, { minLength: 1, maxLength: 14 });

  /** Does all steps in their order. Step n takes effect at 10 n, and writes n + 1: no value is written twice. */
  function run(all: readonly (typeof intent extends fc.Arbitrary<infer Value> ? Value : never)[]): Step[] {
    let state: { entity: Entity; etag: string } | undefined;
    // A caller can only ask for an ETag that an answer had.
    const seen: string[] = ['never'];
    return all.map(({ patch: kind, ifMatch: asked, ambiguous, before, after }, n) => {
      const interval: [number, number] = [10 * n - before, 10 * n + after];
      const patch: Patch = kind === 'read' ? {} : { [kind]: n + 1 };
      const stale = seen.findLast((etag) => etag !== state?.etag);
      const ifMatch = { none: undefined, current: seen.at(-1), stale }[asked];
      if (ambiguous === 'lost') return step(interval, patch, unknown, ifMatch);
      if (ifMatch !== undefined && ifMatch !== state?.etag) {
        return step(interval, patch, ambiguous === 'no' ? failed : unknown, ifMatch);
      }
      if (!state || kind !== 'read') {
        state = { entity: merge(state?.entity, patch), etag: `e${n}` };
      }
      if (ambiguous !== 'no') return step(interval, patch, unknown, ifMatch);
      seen.push(state.etag);
      return step(interval, patch, { status: 200, ...state }, ifMatch);
    });
  }

  test('that one order explains is accepted', async () => {
    await fc.assert(
      fc.property(intents, (all) => accepts(run(all))),
      { numRuns: 500 },
    );
  });

  test('is refused once an answer has a value that was never written', async () => {
    await fc.assert(
      fc.property(intents, fc.nat(), fc.constantFrom<'x' | 'y'>('x', 'y'), (all, which, property) => {
        const history = run(all);
        const answered = history.filter(({ answer }) => answer.status === 200);
        const spoilt = answered[which % answered.length];
        fc.pre(spoilt?.answer.status === 200);
        const { answer } = spoilt;
        const entity = { ...answer.entity, [property]: -1 };
        return !accepts(history.map((one) => (one === spoilt ? { ...one, answer: { ...answer, entity } } : one)));
      }),
      { numRuns: 500 },
    );
  });
});
