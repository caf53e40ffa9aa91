import { expect, test } from '@jest/globals';
import { readReturnPreference } from '../../../shared/http/returnPreference.ts';

const read = (value: string) => readReturnPreference(new Headers({ Prefer: value }));

test('Prefer: return is minimal or representation, in any casing and among others', () => {
  for (const value of ['return=representation', 'note="a, return=minimal", return=Representation'])
    expect([value, read(value)]).toEqual([value, 'representation']);
  for (const value of [
    ...['return=minimal', 'RETURN=Minimal', 'return="minimal"', ' return = minimal ', 'return=minimal; note=x'],
    ...['return=minimal, return=representation', 'odata.maxpagesize=5;x="a,b", return=minimal, wait=10'],
  ])
    expect([value, read(value)]).toEqual([value, 'minimal']);
});

test.each([
  ...['', 'respond-async', 'return', 'return=', 'return=""', 'return=everything', 'return=minimalist'],
  ...['return=minimal-ish', 'no-return=minimal', 'x.return=minimal', 'handling=strict; return=minimal'],
  ...['note="return=minimal"', 'note="a, return=minimal, b"', 'a="x, return=minimal'],
])('Prefer: %j is no preference', (value) => {
  expect(read(value)).toBeUndefined();
});

test('Prefer in several headers is one list, of which the first counts; one that is not sent is none', () => {
  const headers = new Headers();
  expect(readReturnPreference(headers)).toBeUndefined();
  for (const value of ['respond-async', 'return=representation', 'return=minimal']) headers.append('Prefer', value);
  expect(readReturnPreference(headers)).toBe('representation');
});
