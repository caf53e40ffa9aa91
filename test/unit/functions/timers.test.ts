import { InvocationContext, type TimerHandler } from '@azure/functions';
import { expect, test } from '@jest/globals';
import { createDeliverNotifications } from '../../../functions/deliverNotifications.ts';
import { deleteEnded } from '../../../functions/sweeps.ts';
import { TENANT } from '../../support/operations.ts';

const scheduleStatus = { last: '', next: '', lastUpdated: '' };
const timer = { schedule: { adjustForDST: false }, scheduleStatus, isPastDue: false };
const idle = { sent: 0, failed: 0, dropped: 0, discarded: 0, oldestSeconds: 0 };

/** What a run of a timer writes into the log. */
async function linesOf(handler: TimerHandler) {
  const written: string[] = [];
  const context = new InvocationContext({ logHandler: (_level, ...line) => void written.push(line.join(' ')) });
  await handler(timer, context);
  return written;
}

test.each([
  [idle, 0],
  [{ ...idle, oldestSeconds: 7 }, 1],
])('a run of the outbox that did %j writes %d lines into the log', async (report, lines) => {
  expect(await linesOf(createDeliverNotifications(async () => report))).toHaveLength(lines);
});

test.each([
  [[], []],
  [['a', 'b'], ['{"deleted":2,"isDone":true}']],
])('a run that deletes %j writes %j into the log', async (ids, lines) => {
  const found = ids.map((id) => ({ tenant: TENANT, id, etag: '"1"' }));
  const operations = { listEnded: async () => ({ found, next: undefined }), remove: async () => true };
  expect(await linesOf(deleteEnded({ operations, days: 1 }).handler)).toEqual(lines);
});
