import type { Authenticate } from '../shared/auth/authentication.ts';
import { requireKey } from '../shared/odata/key.ts';
import { createDeleteOperation } from '../shared/operation/delete.ts';
import type { Collaborators } from '../shared/operation/repository.ts';
import { createHandler, type GraphHandler } from './request.ts';

/** `DELETE /playPromptOperation/{id}`. OData Protocol, 11.4.5. */
export function createDeletePlayPromptOperation({
  authenticate,
  ...collaborators
}: Collaborators<'getVersion' | 'remove'> & { readonly authenticate: Authenticate }): GraphHandler {
  const deleteOperation = createDeleteOperation(collaborators);
  const takes = { authenticate, key: requireKey, produces: [] };

  return createHandler(takes, async ({ caller, key: id, preconditions }, deadline) => {
    await deleteOperation(caller.tenant, { id, preconditions }, deadline);
    return { status: 204, headers: {} };
  });
}
