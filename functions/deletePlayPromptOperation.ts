import type { Authenticate } from '../shared/auth/authentication.ts';
import { checkODataHeaders } from '../shared/http/contentNegotiation.ts';
import { readPreconditions } from '../shared/http/ifMatch.ts';
import { refuseRepeatability } from '../shared/http/repeatabilityHeaders.ts';
import { requireKey } from '../shared/odata/key.ts';
import { readQueryOptions } from '../shared/odata/queryOptions.ts';
import type { ListenToChange } from '../shared/operation/changeListener.ts';
import { createDeleteOperation } from '../shared/operation/delete.ts';
import type { OperationRepository } from '../shared/operation/repository.ts';
import type { GraphHandler } from './graphHandler.ts';

/** `DELETE /playPromptOperation/{id}`. OData Protocol, 11.4.5. */
export function createDeletePlayPromptOperation({
  authenticate,
  operations,
  listen,
}: {
  readonly authenticate: Authenticate;
  readonly operations: Pick<OperationRepository, 'getVersion' | 'remove'>;
  readonly listen?: ListenToChange | undefined;
}): GraphHandler {
  const deleteOperation = createDeleteOperation({ operations, listen });

  return async ({ headers, params, url }, deadline) => {
    const caller = await authenticate(headers.get('authorization'));
    checkODataHeaders(headers);
    readQueryOptions(url, []);
    refuseRepeatability(headers, Date.now());
    const preconditions = readPreconditions(headers);
    const id = requireKey(params);
    await deleteOperation(caller.tenant, { id, preconditions }, deadline);
    return { status: 204, headers: {} };
  };
}
