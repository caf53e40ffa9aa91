import type { HttpHandler } from '@azure/functions';
import type { Authenticate } from '../shared/accessToken.ts';
import { readJsonBody } from '../shared/jsonBody.ts';
import { checkODataHeaders, readReturnPreference, serviceRoot, toEntityBody } from '../shared/odata.ts';
import { validatePatch } from '../shared/patchRequest.ts';
import { authorize } from '../shared/permission.ts';
import type { UpdatePlayPromptOperation } from '../shared/playPromptOperations.ts';
import { readPreconditions } from '../shared/preconditions.ts';
import type { AuthSettings } from '../shared/settings.ts';
import { graphHandler } from './graphHandler.ts';

/** How long a request may take in all. */
const REQUEST_DEADLINE_MS = 10_000;

/** `PATCH /playPromptOperation`, and the same with the id in the address. Microsoft Graph, "Update playPromptOperation". */
export function createUpdatePlayPromptOperation({
  authenticate,
  permissions,
  update,
}: {
  readonly authenticate: Authenticate;
  readonly permissions: Pick<AuthSettings, 'appRoles' | 'scopes'>;
  readonly update: UpdatePlayPromptOperation;
}): HttpHandler {
  return graphHandler(async (request) => {
    const deadline = AbortSignal.timeout(REQUEST_DEADLINE_MS);
    const claims = await authenticate(request.headers.get('authorization'));
    const caller = authorize(claims, permissions);
    checkODataHeaders(request.headers);
    const preconditions = readPreconditions(request.headers);
    const preference = readReturnPreference(request.headers);
    const body = await readJsonBody(request);
    const change = validatePatch(body, request.params.id || undefined, caller.tenant);
    const stored = await update(caller.tenant, change, preconditions, deadline);

    const root = serviceRoot(request.url);
    const headers = { ETag: stored.etag, ...(preference && { 'Preference-Applied': `return=${preference}` }) };
    return preference === 'minimal'
      ? { status: 204, headers: { ...headers, 'OData-EntityId': `${root}/playPromptOperation/${stored.operation.id}` } }
      : { status: 200, headers, body: toEntityBody(root, stored.operation, stored.etag) };
  });
}
