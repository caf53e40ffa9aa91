import type { Authenticate } from '../shared/auth/authentication.ts';
import { toEntityBody } from '../shared/odata/entityBody.ts';
import { requireKey } from '../shared/odata/key.ts';
import { readSelect } from '../shared/odata/queryOptions.ts';
import { failedPrecondition, isNotModified } from '../shared/operation/preconditions.ts';
import type { Collaborators } from '../shared/operation/repository.ts';
import { ServiceError } from '../shared/serviceError.ts';
import { createHandler, type GraphHandler } from './request.ts';

/** `GET` and `HEAD /playPromptOperation/{id}`. Microsoft Graph, "Get commsOperation". */
export function createReadPlayPromptOperation({
  authenticate,
  operations,
}: Collaborators<'get'> & { readonly authenticate: Authenticate }): GraphHandler {
  const takes = { authenticate, key: requireKey, options: ['$select'] as const };

  return createHandler(takes, async ({ caller, key, options, preconditions, root }, deadline) => {
    const selected = readSelect(options.$select);
    const stored = await operations.get(caller.tenant, key, deadline);
    if (!stored) throw new ServiceError('notFound');

    const failed = failedPrecondition({ ifMatch: preconditions.ifMatch }, stored.etag);
    if (failed) throw failed;
    if (isNotModified(preconditions, stored.etag)) return { status: 304, headers: { ETag: stored.etag } };
    const body = toEntityBody(root, stored.operation, stored.etag, selected);
    return { status: 200, headers: { ETag: stored.etag }, body };
  });
}
