import { readAddressedId } from '../shared/addressedId.ts';
import type { readJsonBody } from '../shared/jsonBody.ts';
import { checkODataHeaders, readReturnPreference, serviceRoot, toEntityBody } from '../shared/odata.ts';
import type { validatePatch } from '../shared/patchRequest.ts';
import type { Admit } from '../shared/permission.ts';
import type { UpdatePlayPromptOperation } from '../shared/playPromptOperations.ts';
import { readPreconditions } from '../shared/preconditions.ts';
import { readQueryOptions } from '../shared/queryOptions.ts';
import { readRepeatability, repeatableRequest } from '../shared/repeatability.ts';
import type { Story } from './graphHandler.ts';

/** `PATCH /playPromptOperation`, and the same with the id in the address. Microsoft Graph, "Update playPromptOperation". */
export function createUpdatePlayPromptOperation({
  admit,
  readBody,
  validate,
  update,
}: {
  readonly admit: Admit;
  readonly readBody: typeof readJsonBody;
  readonly validate: typeof validatePatch;
  readonly update: UpdatePlayPromptOperation;
}): Story {
  return async (request, deadline) => {
    const caller = await admit(request.headers.get('authorization'));
    checkODataHeaders(request.headers);
    readQueryOptions(request.url, []);
    const preconditions = readPreconditions(request.headers);
    const preference = readReturnPreference(request.headers);
    const repeatability = readRepeatability(request.headers, caller.id, Date.now());
    const addressedId = readAddressedId(request.params);
    const body = await readBody(request);
    const change = validate(body, addressedId, caller.tenant);
    const repeatable = repeatability && repeatableRequest(repeatability, [change, preconditions, preference]);
    const stored = await update(caller.tenant, change, preconditions, deadline, repeatable);

    const root = serviceRoot(request.url);
    const headers = { ETag: stored.etag, ...(preference && { 'Preference-Applied': `return=${preference}` }) };
    return preference === 'minimal'
      ? { status: 204, headers: { ...headers, 'OData-EntityId': `${root}/playPromptOperation/${stored.operation.id}` } }
      : { status: 200, headers, body: toEntityBody(root, stored.operation, stored.etag) };
  };
}
