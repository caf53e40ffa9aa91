import { InvocationContext } from '@azure/functions';
import { expect, test } from '@jest/globals';
import { createDeliverNotifications } from '../../../functions/deliverNotifications.ts';

const timer = {
  schedule: { adjustForDST: false },
  scheduleStatus: { last: '', next: '', lastUpdated: '' },
  isPastDue: false,
};
const idle = { sent: 0, failed: 0, dropped: 0, discarded: 0, oldestSeconds: 0 };

test.each([
  [idle, 0],
  [{ ...idle, oldestSeconds: 7 }, 1],
])('a run of the timer that did %j writes %d lines into the log', async (report, lines) => {
  const written: string[] = [];
  const context = new InvocationContext({ logHandler: (_level, ...line) => void written.push(line.join(' ')) });
  await createDeliverNotifications(async () => report)(timer, context);
  expect(written).toHaveLength(lines);
});
