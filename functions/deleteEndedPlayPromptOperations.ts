import type { TimerHandler } from '@azure/functions';
import { withDeadline } from '../shared/deadline.ts';
import type { DeleteEnded } from '../shared/retention.ts';

/** How long one run may take: less than any plan of Azure Functions lets a function run. */
const RUN_DEADLINE_MS = 4 * 60_000;

/** Removes operations that ended too long ago, hour by hour. */
export function createDeleteEndedPlayPromptOperations(deleteEnded: DeleteEnded): TimerHandler {
  return async (_timer, context) => {
    const { deleted, isDone } = await withDeadline(RUN_DEADLINE_MS, deleteEnded);
    context.info(JSON.stringify({ deleted, isDone }));
  };
}
