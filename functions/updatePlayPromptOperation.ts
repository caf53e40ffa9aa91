import type { Authenticate } from '../shared/auth/authentication.ts';
import type { Caller } from '../shared/auth/permission.ts';
import { MAX_BODY_BYTES } from '../shared/http/jsonBody.ts';
import { toEntityBody } from '../shared/odata/entityBody.ts';
import { readKey } from '../shared/odata/key.ts';
import { validatePatch } from '../shared/odata/patchRequest.ts';
import { repeatableRequest } from '../shared/operation/repeatability.ts';
import { createUpdateOperation, type UpdateCollaborators } from '../shared/operation/update.ts';
import { withChildSpan } from '../shared/tracing.ts';
import { createHandler, type GraphHandler } from './request.ts';

/** `PATCH /playPromptOperation`, with or without the id in the URL. Microsoft Graph, "Update playPromptOperation". */
export function createUpdatePlayPromptOperation({
  authenticate,
  ...collaborators
}: UpdateCollaborators & { readonly authenticate: Authenticate }): GraphHandler {
  const update = createUpdateOperation(collaborators);
  const repeatableBy = ({ id }: Caller) => id;
  const takes = { authenticate, key: readKey, maxBodyBytes: MAX_BODY_BYTES, honorsPreference: true, repeatableBy };

  return createHandler(takes, async (request, deadline) => {
    const { caller, key, body, version, root, preconditions, preference, repeatability } = request;
    const change = await withChildSpan('validate', async () => validatePatch(body, key, caller.tenant, version));
    const repeatable = repeatability && repeatableRequest(repeatability, [change, preconditions, preference]);
    const stored = await update(caller.tenant, { ...change, preconditions, repeatable }, deadline);

    const headers = { ETag: stored.etag, ...(preference && { 'Preference-Applied': `return=${preference}` }) };
    return preference === 'minimal'
      ? {
          status: 204,
          headers: { ...headers, 'OData-EntityId': `${root}/playPromptOperation/${stored.operation.id}` },
        }
      : { status: 200, headers, body: toEntityBody(root, stored.operation, stored.etag) };
  });
}
