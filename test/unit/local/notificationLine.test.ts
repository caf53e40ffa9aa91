// The lines of changes are in test/e2e/listen.test.ts.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { notificationLines } from '../../../local/notificationLine.ts';

const now = new Date(2026, 10, 24, 9, 5, 7);
const linesOf = (...value: unknown[]) => notificationLines(JSON.stringify({ value }), now);

const resourceData = { id: 'prompt-1', status: 'Completed', clientContext: null };
test.each([
  [{ lifecycleEvent: 'missed', subscriptionId: 's1' }, 'missed subscription s1'],
  [{ changeType: 'created', resourceData }, 'created prompt-1 Completed'],
])('the line of %j has the time, what happened, and what to', (notification, line) => {
  expect(linesOf(notification, notification)).toEqual([`09:05:07 ${line}`, `09:05:07 ${line}`]);
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
