import { GraphError } from './graphError.ts';
import type { Admit } from './permission.ts';
import type { PlayPromptOperations, UpdatePlayPromptOperation } from './playPromptOperations.ts';
import type { Telemetry } from './telemetry.ts';

/** Tells of each check of a caller, and why one was not admitted. */
export function observeAdmit(admit: Admit, telemetry: Telemetry): Admit {
  return telemetry.step('admit', admit, {
    settled(outcome) {
      if (!('error' in outcome && outcome.error instanceof GraphError)) return;
      const { reason, cause } = outcome.error;
      // Of a token that was refused the cause says which part of it was at fault, and nothing of what it holds.
      telemetry.count('playpromptoperation.token.failures', {
        cause: typeof cause === 'string' ? cause.replace('access token refused: ', '') : reason,
      });
    },
  });
}

/** Tells of each update, and what status it left its operation in. */
export function observeUpdate(update: UpdatePlayPromptOperation, telemetry: Telemetry): UpdatePlayPromptOperation {
  return telemetry.step('update', update, {
    settled(outcome) {
      if (!('result' in outcome)) return;
      telemetry.count('playpromptoperation.updates', { status: outcome.result.operation.status });
    },
  });
}

/** Tells how often an operation was remembered. The calls of the store tell of themselves. */
export function observeRecall(operations: PlayPromptOperations, countLookup: CountLookup): PlayPromptOperations {
  return {
    ...operations,
    recall(tenant, id) {
      const stored = operations.recall(tenant, id);
      countLookup('operations', stored !== undefined);
      return stored;
    },
  };
}

export type CountLookup = (cache: 'operations' | 'tokens', isHit: boolean) => void;

export const createCountLookup =
  (telemetry: Telemetry): CountLookup =>
  (cache, isHit) =>
    telemetry.count('playpromptoperation.cache.lookups', { cache, hit: isHit });
