import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { notificationLines } from '../../../local/notificationLine.ts';

const now = new Date(2026, 10, 24, 9, 5, 7);
const linesOf = (...value: unknown[]) => notificationLines(JSON.stringify({ value }), now);

describe('the lines of a request of notifications', () => {
  test('have the time, the change, and the id, status and clientContext of the operation', () => {
    const resourceData = { id: 'prompt-1', status: 'Completed', clientContext: 'call 7, prompt 1' };
    expect(linesOf({ changeType: 'updated', resourceData })).toEqual([
      '09:05:07 updated prompt-1 Completed "call 7, prompt 1"',
    ]);
  });

  test('have only the id where an operation was deleted', () => {
    expect(linesOf({ changeType: 'deleted', resourceData: { id: 'prompt-1' } })).toEqual(['09:05:07 deleted prompt-1']);
  });

  test('name the subscription of a lifecycle notification', () => {
    expect(linesOf({ lifecycleEvent: 'missed', subscriptionId: 's1' })).toEqual(['09:05:07 missed subscription s1']);
  });

  test('are one for each notification', () => {
    const one = { changeType: 'created', resourceData: { id: 'a', status: 'Running', clientContext: null } };
    expect(linesOf(one, { changeType: 'deleted', resourceData: { id: 'b' } })).toEqual([
      '09:05:07 created a Running',
      '09:05:07 deleted b',
    ]);
  });

  test.each(['', 'no JSON', '[]', '{"value":[{}]}'])('are none for a body such as %j', (body) => {
    expect(notificationLines(body, now)).toBeUndefined();
  });

  test('have no control characters of a terminal, for any text', () => {
    const anyText = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(anyText, anyText, anyText, (changeType, id, clientContext) => {
        const [line] = linesOf({ changeType, resourceData: { id, clientContext } }) ?? [];
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});
