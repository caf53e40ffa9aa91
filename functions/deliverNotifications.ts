import type { TimerHandler } from '@azure/functions';
import { withDeadline } from '../shared/deadline.ts';
import type { DeliverDue } from '../shared/notifications/deliverDue.ts';
import { withSpan } from '../shared/tracing.ts';

/** The next run begins after a minute, and the last request of a run may take 10 seconds more. */
const RUN_DEADLINE_MS = 45_000;

/** Delivers the notifications that instances have left, and removes subscriptions that have expired. */
export function createDeliverNotifications(deliverDue: DeliverDue): TimerHandler {
  return async (_timer, context) => {
    const report = await withSpan('deliverNotifications', () => withDeadline(RUN_DEADLINE_MS, deliverDue));
    context.info(JSON.stringify(report));
  };
}
