// The lines of changes are in test/e2e/listen.test.ts.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { notificationLines } from '../../../local/notificationLine.ts';

const now = new Date(2026, 10, 24, 9, 5, 7);
const linesOf = (...value: unknown[]) => notificationLines(JSON.stringify({ value }), now);

const resourceData = { id: 'prompt-1', status: 'Completed', clientContext: null };
test('a line has the time, what happened, and what to', () => {
  const missed = { lifecycleEvent: 'missed', subscriptionId: 's1' };
  const lines = ['09:05:07 missed subscription s1', '09:05:07 created prompt-1 Completed'];
  expect(linesOf(missed, { changeType: 'created', resourceData })).toEqual(lines);
});

test.each(['', 'no JSON', '[]', '{"value":[{}]}'])('there are none for a body such as %j', (body) => {
  expect(notificationLines(body, now)).toBeUndefined();
});

test('they have no control characters of a terminal, for any text', async () => {
  const anyText = fc.string({ unit: 'binary' });
  await fc.assert(
    fc.property(anyText, anyText, anyText, (changeType, id, clientContext) => {
      const [line] = linesOf({ changeType, resourceData: { id, clientContext } }) ?? [];
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
  );
});
