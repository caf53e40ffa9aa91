import type { PlayPromptOperation } from '../../shared/playPromptOperation.ts';

export const TENANT = '11111111-1111-4111-8111-111111111111';

/** An operation with a value for each of its properties. */
export function anOperation(changes: Partial<PlayPromptOperation> = {}): PlayPromptOperation {
  return {
    id: crypto.randomUUID(),
    clientContext: 'call 7',
    resultInfo: { code: 200, subcode: 1, message: 'played' },
    status: 'Completed',
    completionReason: 'completedSuccessfully',
    ...changes,
  };
}
