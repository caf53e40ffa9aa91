// The error of a failed update must show the caller whether the update may have taken effect nevertheless.
import { expect, test } from '@jest/globals';
import { MAX_ATTEMPTS } from '../../shared/operation/backoff.ts';
import type { OperationRepository, StoredOperation } from '../../shared/operation/repository.ts';
import { createUpdateOperation } from '../../shared/operation/update.ts';
import { ServiceError } from '../../shared/serviceError.ts';
import { TENANT } from '../support/operations.ts';

test('an update whose last attempt took effect without an answer is not reported as a conflict', async () => {
  let stored: StoredOperation | undefined;
  let tries = 0;
  const operations: Pick<OperationRepository, 'getCached' | 'get' | 'put'> = {
    getCached: () => undefined,
    get: async () => stored,
    async put(_tenant, operation, _current, writeId) {
      tries += 1;
      if (tries < MAX_ATTEMPTS) return undefined;
      stored = { operation, etag: 'W/"1"', writes: [writeId] };
      throw new ServiceError('unavailable', 'The answer was lost.');
    },
  };
  const update = createUpdateOperation(operations);
  const request = { id: 'a', patch: { status: 'Running' as const } };
  const answer = await update(TENANT, request, {}, AbortSignal.timeout(10_000)).then(
    ({ operation }) => operation.status,
    (error: unknown) => (error instanceof ServiceError ? error.reason : error),
  );
  expect(stored?.operation.status).toBe('Running');
  expect(['Running', 'unavailable']).toContain(answer);
});
