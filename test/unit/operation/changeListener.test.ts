import { expect, test } from '@jest/globals';
import { tellOutcome } from '../../../shared/operation/changeListener.ts';
import { anOperation } from '../../support/operations.ts';

const version = { operation: anOperation(), etag: 'e' };

test.each([
  ['written', [['afterWrite', version, 'unknown']]],
  ['refused', [['settled']]],
  ['unknown', []],
] as const)('the listener of a change that is %s gets %j', (outcome, expected) => {
  const calls: unknown[] = [];
  const listener = {
    beforeWrite: async () => {},
    afterWrite: (...args: unknown[]) => void calls.push(['afterWrite', ...args]),
    settled: () => void calls.push(['settled']),
  };
  tellOutcome(listener, outcome, version);
  tellOutcome(undefined, outcome, version);
  expect(calls).toEqual(expected);
});
