import type { OperationPatch } from '../peers/parts/operation.ts';

export interface Update {
  readonly id: string;
  readonly message: string;
}

export const operationIds = (count: number) => Array.from({ length: count }, (_, index) => `operation-${index}`);

/** The body of a PATCH, as a media worker would send it. */
export function bodyOf({ id, message }: Update) {
  return {
    '@odata.type': '#microsoft.graph.playPromptOperation',
    clientContext: `the call of ${id}`,
    resultInfo: { '@odata.type': 'microsoft.graph.resultInfo', code: 200, subcode: 0, message },
    status: 'Running',
    completionReason: 'completedSuccessfully',
  } as const satisfies OperationPatch;
}

let updates = 0;

/** Updates that each change something, of one operation after the other. */
export function updatesOf(operations: readonly string[]): () => Update {
  let turn = 0;
  return () => ({
    id: operations[turn++ % operations.length] ?? '',
    message: `update ${updates++}: the prompt is being played to all participants.`,
  });
}
