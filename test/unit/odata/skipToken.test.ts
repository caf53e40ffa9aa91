import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createSkipTokens } from '../../../shared/odata/skipToken.ts';

const { signal } = new AbortController();
const key = Buffer.alloc(32, 7);
const tokens = createSkipTokens(async () => key);
const refused = expect.objectContaining({
  reason: 'invalidRequest',
  message: '$skiptoken does not belong to this query: follow @odata.nextLink unchanged.',
  details: [expect.objectContaining({ target: '$skiptoken' })],
});

const place = fc.string({ unit: 'grapheme', minLength: 1 });
const query = fc.array(fc.option(fc.string(), { nil: undefined }), { minLength: 2, maxLength: 4 });

test('the place of a token is the one it was made for, by whichever instance, and for its own query alone', async () => {
  const elsewhere = createSkipTokens(async () => Buffer.from(key));
  await fc.assert(
    fc.asyncProperty(place, query, query, async (where, of, other) => {
      fc.pre(JSON.stringify(of) !== JSON.stringify(other));
      const token = await tokens.seal(where, of, signal);
      expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(await elsewhere.open(token, of, signal)).toBe(where);
      await expect(tokens.open(token, other, signal)).rejects.toEqual(refused);
    }),
  );
});

test('a token in which one character is another, is missing or is one more is refused', async () => {
  const character = fc.constantFrom(...'ABCDEFGHabcdefgh0123456789-_=.+/ é');
  await fc.assert(
    fc.asyncProperty(place, fc.nat(), character, fc.nat(2), async (where, at, by, kind) => {
      const token = await tokens.seal(where, ['q'], signal);
      const begin = at % token.length;
      const changed = token.slice(0, begin) + (kind === 0 ? '' : by) + token.slice(begin + (kind === 2 ? 0 : 1));
      fc.pre(changed !== token);
      await expect(tokens.open(changed, ['q'], signal)).rejects.toEqual(refused);
    }),
  );
});

test('what is no token, and a token of another key, are refused', async () => {
  const others = createSkipTokens(async () => Buffer.alloc(32, 8));
  const alien = await others.seal('a', ['q'], signal);
  for (const token of ['', 'a', 'A'.repeat(42), 'A'.repeat(43), 'A'.repeat(60), '%', '😀', alien])
    await expect(tokens.open(token, ['q'], signal)).rejects.toEqual(refused);
});

test('the key is read when it is first needed, once, and again after it could not be', async () => {
  let reads = 0;
  const counting = createSkipTokens(async () => {
    reads += 1;
    if (reads === 1) throw new Error('down');
    return key;
  });
  expect(reads).toBe(0);
  await expect(counting.seal('a', [], signal)).rejects.toThrow('down');
  for (const where of ['a', 'b']) await counting.open(await counting.seal(where, [], signal), [], signal);
  expect(reads).toBe(2);
});
