import { describe, expect, test } from '@jest/globals';
import { readResource } from '../../../shared/notifications/resource.ts';

const resourceOf = (value: string) => readResource(`playPromptOperation?$filter=clientContext eq '${value}'`);

describe('the filter of a resource', () => {
  test.each([' ', '#', 'a  b', 'é', '😀'])('is the same raw as percent-encoded: %j', (value) => {
    expect(resourceOf(value).filter).toEqual(resourceOf(encodeURIComponent(value)).filter);
  });

  test.each(['\t', '\n', '\r', '\u0001', '\u007f'])(
    'has no raw control character, which a URL would lose: %j',
    (value) => {
      const details = [expect.objectContaining({ target: 'resource' })];
      expect(() => resourceOf(value)).toThrow(expect.objectContaining({ reason: 'invalidRequest', details }));
      expect(() => resourceOf(encodeURIComponent(value))).not.toThrow();
    },
  );

  test('keeps what is at its end', () => {
    expect(() => readResource("playPromptOperation?$filter=clientContext eq 'a' b")).toThrow(
      expect.objectContaining({ reason: 'invalidRequest' }),
    );
  });
});
