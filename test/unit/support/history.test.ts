import { expect, test } from '@jest/globals';
import { isLinearizable, type Recorded } from '../../support/history.ts';

type Entity = { readonly x: number; readonly y: number };
type Step = Recorded<Entity, Partial<Entity>>;

const accepts = (history: readonly Step[]) =>
  isLinearizable<Entity, Partial<Entity>>(history, (current, patch) => ({ x: 0, y: 0, ...current, ...patch }));

/** Steps, each with its interval: its patch, what it was answered, and the ETag that it asked for. */
const step = (start: number, end: number, patch: Partial<Entity>, answer: Step['answer'], ifMatch?: string): Step => ({
  ...{ start, end, patch, answer, ...(ifMatch !== undefined && { ifMatch }) },
});
const ok = (x: number, y: number, etag: string): Step['answer'] => ({ status: 200, entity: { x, y }, etag });
const read = (start: number, x: number, y: number, etag: string) => step(start, start + 1, {}, ok(x, y, etag));
const failed: Step['answer'] = { status: 412 };
const unknown: Step['answer'] = { status: 503 };

const first = step(0, 1, { x: 1 }, ok(1, 0, 'a'));
const second = step(2, 3, { x: 2 }, ok(2, 0, 'b'));

test.each<[string, ...Step[]]>([
  ['any two, side by side', step(0, 9, { x: 1 }, ok(1, 1, 'b')), step(0, 9, { y: 1 }, ok(0, 1, 'a'))],
  ['a 412 of a stale ETag', first, second, step(4, 5, { y: 2 }, failed, 'a'), read(6, 2, 0, 'b')],
  ['an ambiguous write that was lost', first, step(2, 3, { x: 2 }, unknown), read(4, 1, 0, 'a')],
  ['one that took effect', first, step(2, 3, { x: 3 }, unknown), second, read(4, 3, 0, 'c')],
])('a history is accepted that one order explains: of %s', (_title, ...history) => {
  expect(accepts(history)).toBe(true);
});

const [writeX, writeY] = [step(0, 9, { x: 1 }, ok(1, 1, 'c')), step(0, 9, { y: 1 }, ok(1, 1, 'c'))];
const stale = step(4, 5, { y: 2 }, unknown, 'a');

test.each<[string, ...Step[]]>([
  ['a value that was never written', first, read(2, 1, 7, 'a')],
  ['a lost update', step(0, 5, { x: 1 }, ok(1, 0, 'a')), step(1, 6, { y: 2 }, ok(0, 2, 'b')), read(7, 0, 2, 'b')],
  ['a stale read', first, second, read(4, 1, 0, 'a')],
  ['two reads that saw two writes in different orders', writeX, writeY, read(1, 1, 0, 'a'), read(1, 0, 1, 'b')],
  ['a read that knows the future', read(0, 1, 0, 'a'), step(2, 3, { x: 1 }, ok(1, 0, 'a'))],
  ['two with one ETag', first, step(2, 5, { x: 2 }, ok(2, 0, 'b'), 'a'), step(2, 5, { y: 3 }, ok(2, 3, 'c'), 'a')],
  ['a 412 though the ETag was current', first, step(2, 3, { x: 2 }, failed, 'a'), read(4, 1, 0, 'a')],
  ['a 412 whose write took effect', first, step(2, 3, { y: 2 }, failed, 'a'), read(4, 1, 2, 'b')],
  [
    'an ambiguous write that took effect twice',
    ...[step(0, 1, { x: 1 }, unknown), read(2, 1, 0, 'a'), step(4, 5, { x: 2 }, ok(2, 0, 'b')), read(6, 1, 0, 'c')],
  ],
  ['an ambiguous write that took effect though its ETag was stale', first, second, stale, read(6, 2, 2, 'c')],
  ['an ETag that stays although the value changed', first, step(2, 3, { x: 2 }, ok(2, 0, 'a'))],
  ['an ETag that comes back with its value', first, second, step(4, 5, { x: 1 }, ok(1, 0, 'a'))],
])('a history is refused: of %s', (_title, ...history) => {
  expect(accepts(history)).toBe(false);
});
