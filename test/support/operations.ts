import * as fc from 'fast-check';
import {
  completionReasons,
  operationStatuses,
  type PlayPromptOperation,
} from '../../shared/operation/playPromptOperation.ts';

export const TENANT = '11111111-1111-4111-8111-111111111111';

/** An operation with a value for each of its properties. */
export function anOperation(changes: Partial<PlayPromptOperation> = {}): PlayPromptOperation {
  return {
    id: crypto.randomUUID(),
    clientContext: 'call 7',
    resultInfo: { code: 200, subcode: 1, message: 'played' },
    status: 'Completed',
    completionReason: 'completedSuccessfully',
    createdDateTime: '2026-11-23T14:18:02.000Z',
    lastActionDateTime: '2026-11-23T14:18:02.586Z',
    ...changes,
  };
}

const text = (maxLength: number) =>
  fc.string({ unit: 'binary', maxLength }).filter((value) => value.length <= maxLength && !value.includes('\0'));
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
/** Times that a filter can tell apart only if it compares all of each, and few enough to be met again. */
const time = fc.constantFrom(
  ...['2026-11-23T14:18:02.000Z', '2026-11-23T14:18:02.001Z', '2026-11-23T14:18:02.100Z', '0000-01-01T00:00:00.000Z'],
  null,
);
/** Operations of every kind that there can be. */
export const operations: fc.Arbitrary<PlayPromptOperation> = fc.record({
  id: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/),
  clientContext: fc.option(text(256)),
  resultInfo: fc.option(fc.record({ code: int32, subcode: int32, message: fc.option(text(8192)) })),
  status: fc.constantFrom(...operationStatuses),
  completionReason: fc.option(fc.constantFrom(...completionReasons)),
  createdDateTime: time,
  lastActionDateTime: time,
});
