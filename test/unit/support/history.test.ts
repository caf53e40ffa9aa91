import { expect, test } from '@jest/globals';
import { isLinearizable, type Recorded } from '../../support/history.ts';

type Entity = { readonly x: number; readonly y: number };
type Patch = Partial<Entity>;
type Step = Recorded<Entity, Patch>;

const merge = (current: Entity | undefined, patch: Patch): Entity => ({ x: 0, y: 0, ...current, ...patch });

/** A step during an interval: its patch, what it was answered, and the ETag that it asked for. */
const step = (start: number, end: number, patch: Patch, answer: Step['answer'], ifMatch?: string): Step => ({
  ...{ start, end, patch, answer },
  ...(ifMatch !== undefined && { ifMatch }),
});
const ok = (x: number, y: number, etag: string): Step['answer'] => ({ status: 200, entity: { x, y }, etag });
const failed: Step['answer'] = { status: 412 };
const unknown: Step['answer'] = { status: 503 };
const one = step(0, 1, { x: 1 }, ok(1, 0, 'a'));

test.each<[string, boolean, Step[]]>([
  [
    'concurrent updates, both of which a read sees',
    true,
    [step(0, 5, { x: 1 }, ok(1, 2, 'b')), step(1, 6, { y: 2 }, ok(1, 2, 'b'))],
  ],
  ['a lost update', false, [step(0, 5, { x: 1 }, ok(1, 0, 'a')), step(1, 6, { y: 2 }, ok(0, 2, 'b'))]],
  ['a stale read', false, [one, step(2, 3, { x: 2 }, ok(2, 0, 'b')), step(4, 5, {}, ok(1, 0, 'a'))]],
  ['a read that knows the future', false, [step(0, 1, {}, ok(1, 0, 'a')), step(2, 3, { x: 1 }, ok(1, 0, 'a'))]],
  ['a 412 though the ETag was current', false, [one, step(2, 3, { x: 2 }, failed, 'a'), step(4, 5, {}, ok(1, 0, 'a'))]],
  ['a 412 since it was not', true, [one, step(2, 3, { x: 2 }, ok(2, 0, 'b')), step(4, 5, { y: 2 }, failed, 'a')]],
  ['a 412 whose write took effect', false, [one, step(2, 3, { y: 2 }, failed, 'a'), step(4, 5, {}, ok(1, 2, 'b'))]],
  [
    'two that were accepted with one ETag',
    false,
    [one, step(2, 5, { x: 2 }, ok(2, 0, 'b'), 'a'), step(2, 5, { y: 3 }, ok(2, 3, 'c'), 'a')],
  ],
  [
    'an ambiguous write that took effect late',
    true,
    [step(0, 1, { x: 2 }, unknown), one, step(4, 5, {}, ok(2, 0, 'b'))],
  ],
  ['one that never did', true, [step(0, 1, { x: 2 }, unknown), one, step(4, 5, {}, ok(1, 0, 'a'))]],
  [
    'one that did twice',
    false,
    [
      step(0, 1, { x: 1 }, unknown),
      step(2, 3, {}, ok(1, 0, 'a')),
      step(4, 5, { x: 2 }, ok(2, 0, 'b')),
      step(6, 7, {}, ok(1, 0, 'c')),
    ],
  ],
  [
    'one that did although its ETag was stale',
    false,
    [one, step(2, 3, { x: 2 }, ok(2, 0, 'b')), step(4, 5, { y: 2 }, unknown, 'a'), step(6, 7, {}, ok(2, 2, 'c'))],
  ],
  ['an ETag that stays although the value changed', false, [one, step(2, 3, { x: 2 }, ok(2, 0, 'a'))]],
  [
    'an ETag that comes back with its value',
    false,
    [one, step(2, 3, { x: 2 }, ok(2, 0, 'b')), step(4, 5, { x: 1 }, ok(1, 0, 'a'))],
  ],
])('a history of %s has an explanation: %s', (_title, isExplained, history) => {
  expect(isLinearizable(history, merge)).toBe(isExplained);
});
