import { metrics } from '@opentelemetry/api';
import { isUnavailable } from '../serviceError.ts';
import { SCOPE } from '../tracing.ts';
import type { Collaborators } from './repository.ts';
import { createSweep } from './sweep.ts';
import { createUpdateOperation, type UpdateCollaborators } from './update.ts';

const MINUTE_MS = 60_000;

/** How many operations a run ends: their notifications go out before there are more. */
const MOST = 10_000;

/**
 * Makes the end, as failed, of operations that have not ended and have not changed for `minutes`. Each is an update on the
 * condition that the operation is still as it was found, so that it either ends what nobody changed, or nothing.
 */
export function createEndOverdue({
  minutes,
  tenants,
  ...collaborators
}: UpdateCollaborators &
  Collaborators<'listOverdue'> & {
    readonly minutes: number;
    /** The tenants that are served: operations of others stay as they are, since nobody may be notified of them. */
    readonly tenants: readonly string[];
  }) {
  const update = createUpdateOperation(collaborators);
  const ended = metrics.getMeter(SCOPE).createCounter('playpromptoperation.overdue', {
    description: 'Operations that were ended since they had not changed for too long.',
  });
  const age = minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const message = `The operation did not change for ${age}, and was ended as overdue.`;
  const resultInfo = { code: 504, subcode: 0, message };
  const patch = { status: 'Failed', completionReason: 'unknown', resultInfo } as const;

  return createSweep({
    ageMs: minutes * MINUTE_MS,
    most: MOST,
    list: collaborators.operations.listOverdue,
    async change({ tenant, id, etag }, signal) {
      if (!tenants.includes(tenant)) return false;
      const preconditions = { ifMatch: [etag.replace(/^W\//, '')] };
      try {
        await update(tenant, { id, patch, preconditions }, signal);
      } catch (error) {
        // Otherwise it has changed, or its row is damaged.
        if (isUnavailable(error)) throw error;
        return false;
      }
      ended.add(1);
      return true;
    },
    now: collaborators.now,
  });
}
