import { expect, test } from '@jest/globals';
import { newWriteId } from '../../../shared/operation/repository.ts';

test('the id of a write is short, has no comma, which separates ids in a row, and is new each time', () => {
  const ids = Array.from({ length: 1000 }, newWriteId);
  for (const id of ids) expect(id).toMatch(/^[\w-]{12}$/);
  expect(new Set(ids).size).toBe(1000);
});
