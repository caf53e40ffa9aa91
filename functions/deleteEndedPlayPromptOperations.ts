import type { TimerHandler } from '@azure/functions';
import { withDeadline } from '../shared/bounds.ts';
import { createDeleteEnded } from '../shared/operation/retention.ts';
import { withSpan } from '../shared/tracing.ts';
import { log } from './log.ts';

/** Shorter than the longest run that any plan of Azure Functions allows. */
const RUN_DEADLINE_MS = 4 * 60_000;

/** Deletes operations that ended longer ago than they are kept. */
export function createDeleteEndedPlayPromptOperations(
  collaborators: Parameters<typeof createDeleteEnded>[0],
): TimerHandler {
  const deleteEnded = createDeleteEnded(collaborators);

  return async (_timer, context) => {
    const { deleted, isDone } = await withSpan('deleteEnded', () => withDeadline(RUN_DEADLINE_MS, deleteEnded));
    if (deleted > 0 || !isDone) log(context, 'info', { deleted, isDone });
  };
}
