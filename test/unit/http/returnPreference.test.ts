import { describe, expect, test } from '@jest/globals';
import { readReturnPreference } from '../../../shared/http/returnPreference.ts';

describe('Prefer', () => {
  test.each([
    ['return=minimal', 'minimal'],
    ['return=representation', 'representation'],
    ['RETURN=Minimal', 'minimal'],
    ['Return=REPRESENTATION', 'representation'],
    ['return="minimal"', 'minimal'],
    [' return = minimal ', 'minimal'],
    ['return=minimal; note=x', 'minimal'],
    ['return=minimal, return=representation', 'minimal'],
    ['return=representation, return=minimal', 'representation'],
    ['respond-async, return=minimal, wait=10', 'minimal'],
    ['odata.maxpagesize=5;x="a,b", return=minimal', 'minimal'],
    ['note="a, return=minimal", return=representation', 'representation'],
    [',, return=minimal', 'minimal'],
  ])('%j is the preference for %s', (value, preference) => {
    expect(readReturnPreference(new Headers({ Prefer: value }))).toBe(preference);
  });

  test('that is sent in several headers is one list, of which the first counts', () => {
    const headers = new Headers({ Prefer: 'respond-async' });
    headers.append('Prefer', 'return=representation');
    headers.append('Prefer', 'return=minimal');
    expect(readReturnPreference(headers)).toBe('representation');
  });

  test.each([
    '',
    'respond-async',
    'return',
    'return=',
    'return=""',
    'return=everything',
    'return=minimalist',
    'return=minimal-ish',
    'no-return=minimal',
    'x.return=minimal',
    'handling=strict; return=minimal',
    'note="return=minimal"',
    'note="a, return=minimal, b"',
    'note="a, return=minimal"; x="b, c"',
    String.raw`note="a\", return=minimal, \"b"`,
  ])('%j is no preference that is known, and is passed over', (value) => {
    expect(readReturnPreference(new Headers({ Prefer: value }))).toBeUndefined();
  });

  test('that is not sent is none', () => {
    expect(readReturnPreference(new Headers())).toBeUndefined();
  });
});

test('a quoted string that does not end takes the rest of the header', () => {
  expect(readReturnPreference(new Headers({ prefer: 'a="x, return=minimal' }))).toBeUndefined();
});
