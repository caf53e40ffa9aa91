import type { TimerHandler } from '@azure/functions';
import { withDeadline } from '../shared/bounds.ts';
import { type DeliverDue, RUN_MS } from '../shared/notifications/deliverDue.ts';
import { withSpan } from '../shared/tracing.ts';
import { log } from './log.ts';

/** Delivers the notifications that instances have left, and removes subscriptions that have expired. */
export function createDeliverNotifications(deliverDue: DeliverDue): TimerHandler {
  return async (_timer, context) => {
    const report = await withSpan('deliverNotifications', () => withDeadline(RUN_MS, deliverDue));
    const isIdle = Object.values(report).every((figure) => figure === 0);
    if (!isIdle) log(context, 'info', report);
  };
}
