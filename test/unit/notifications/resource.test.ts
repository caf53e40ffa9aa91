import { describe, expect, test } from '@jest/globals';
import { readResource } from '../../../shared/notifications/resource.ts';

describe('the filter of a resource', () => {
  const filterOf = (value: string) => readResource(`playPromptOperation?$filter=clientContext eq '${value}'`).filter;

  test.each(['\t', '\n', '\r', '\u0001', ' ', '#', 'a\tb'])('is the same raw as percent-encoded: %j', (value) => {
    expect(filterOf(value)).toEqual(filterOf(encodeURIComponent(value)));
  });

  test('keeps what is at its end', () => {
    expect(() => readResource("playPromptOperation?$filter=clientContext eq 'a' \u0001")).toThrow(
      expect.objectContaining({ reason: 'invalidRequest' }),
    );
  });
});
