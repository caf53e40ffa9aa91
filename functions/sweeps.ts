// The timers that go through the operations of all tenants.
import type { TimerHandler } from '@azure/functions';
import { withDeadline } from '../shared/bounds.ts';
import { createEndOverdue } from '../shared/operation/overdue.ts';
import { createDeleteEnded } from '../shared/operation/retention.ts';
import type { SweepReport } from '../shared/operation/sweep.ts';
import { withSpan } from '../shared/tracing.ts';
import { log } from './log.ts';

/** Shorter than the longest run that any plan of Azure Functions allows, and than the time between two runs. */
const RUN_DEADLINE_MS = 4 * 60_000;

/** Deletes operations that ended longer ago than they are kept, each hour. */
export const deleteEnded = (collaborators: Parameters<typeof createDeleteEnded>[0]) => ({
  name: 'deleteEndedPlayPromptOperations',
  schedule: '0 0 * * * *',
  handler: sweep('deleteEnded', 'deleted', createDeleteEnded(collaborators)),
});

/** Ends operations that have not changed for too long, every 5 minutes. */
export const endOverdue = (collaborators: Parameters<typeof createEndOverdue>[0]) => ({
  name: 'endOverduePlayPromptOperations',
  schedule: '30 */5 * * * *',
  handler: sweep('endOverdue', 'ended', createEndOverdue(collaborators)),
});

function sweep(span: string, done: string, run: (signal: AbortSignal) => Promise<SweepReport>): TimerHandler {
  return async (_timer, context) => {
    const { count, isDone } = await withSpan(span, () => withDeadline(RUN_DEADLINE_MS, run));
    if (count > 0 || !isDone) log(context, 'info', { [done]: count, isDone });
  };
}
