import { expect, test } from '@jest/globals';
import { readReturnPreference } from '../../../shared/http/returnPreference.ts';

test.each([
  ['return=minimal', 'minimal'],
  ['return=representation', 'representation'],
  ['RETURN=Minimal', 'minimal'],
  ['Return=REPRESENTATION', 'representation'],
  ['return="minimal"', 'minimal'],
  [' return = minimal ', 'minimal'],
  ['return=minimal; note=x', 'minimal'],
  ['return=minimal, return=representation', 'minimal'],
  ['respond-async, return=minimal, wait=10', 'minimal'],
  ['odata.maxpagesize=5;x="a,b", return=minimal', 'minimal'],
  ['note="a, return=minimal", return=representation', 'representation'],
  [',, return=minimal', 'minimal'],
])('Prefer: %j is the preference for %s', (value, preference) => {
  expect(readReturnPreference(new Headers({ Prefer: value }))).toBe(preference);
});

test.each([
  ...['', 'respond-async', 'return', 'return=', 'return=""', 'return=everything', 'return=minimalist'],
  ...['return=minimal-ish', 'no-return=minimal', 'x.return=minimal', 'handling=strict; return=minimal'],
  ...['note="return=minimal"', 'note="a, return=minimal, b"', 'note="a, return=minimal"; x="b, c"'],
  ...[String.raw`note="a\", return=minimal, \"b"`, 'a="x, return=minimal'],
])('Prefer: %j is no preference', (value) => {
  expect(readReturnPreference(new Headers({ Prefer: value }))).toBeUndefined();
});

test('Prefer in several headers is one list, of which the first counts; one that is not sent is none', () => {
  const headers = new Headers();
  expect(readReturnPreference(headers)).toBeUndefined();
  for (const value of ['respond-async', 'return=representation', 'return=minimal']) headers.append('Prefer', value);
  expect(readReturnPreference(headers)).toBe('representation');
});
