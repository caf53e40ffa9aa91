import type { Authenticate } from '../shared/auth/authentication.ts';
import { checkODataHeaders, negotiateJson } from '../shared/http/contentNegotiation.ts';
import { readPreconditions } from '../shared/http/ifMatch.ts';
import { readJsonBody } from '../shared/http/jsonBody.ts';
import { readRepeatability } from '../shared/http/repeatabilityHeaders.ts';
import { readReturnPreference } from '../shared/http/returnPreference.ts';
import { serviceRoot, toEntityBody } from '../shared/odata/entityBody.ts';
import { readKey } from '../shared/odata/key.ts';
import { validatePatch } from '../shared/odata/patchRequest.ts';
import { readQueryOptions } from '../shared/odata/queryOptions.ts';
import type { ListenToChange } from '../shared/operation/changeListener.ts';
import { repeatableRequest } from '../shared/operation/repeatability.ts';
import type { OperationRepository } from '../shared/operation/repository.ts';
import { createUpdateOperation } from '../shared/operation/update.ts';
import { withChildSpan } from '../shared/tracing.ts';
import type { GraphHandler } from './graphHandler.ts';

/** `PATCH /playPromptOperation`, with or without the id in the URL. Microsoft Graph, "Update playPromptOperation". */
export function createUpdatePlayPromptOperation({
  authenticate,
  operations,
  listen,
}: {
  readonly authenticate: Authenticate;
  readonly operations: Pick<OperationRepository, 'getCached' | 'get' | 'put'>;
  readonly listen?: ListenToChange | undefined;
}): GraphHandler {
  const update = createUpdateOperation({ operations, listen });

  return async (request, deadline) => {
    const caller = await authenticate(request.headers.get('authorization'));
    readQueryOptions(request.url, []);
    const root = serviceRoot(request.url);
    const preconditions = readPreconditions(request.headers);
    const preference = readReturnPreference(request.headers);
    // A response without a body satisfies any Accept.
    const version = preference === 'minimal' ? checkODataHeaders(request.headers) : negotiateJson(request.headers);
    const repeatability = readRepeatability(request.headers, caller.id, Date.now());
    const key = readKey(request.params);
    const body = await withChildSpan('readBody', () => readJsonBody(request));
    const change = await withChildSpan('validate', async () => validatePatch(body, key, caller.tenant, version));
    const repeatable = repeatability && repeatableRequest(repeatability, [change, preconditions, preference]);
    const stored = await update(caller.tenant, { ...change, preconditions, repeatable }, deadline);

    const headers = { ETag: stored.etag, ...(preference && { 'Preference-Applied': `return=${preference}` }) };
    return preference === 'minimal'
      ? { status: 204, headers: { ...headers, 'OData-EntityId': `${root}/playPromptOperation/${stored.operation.id}` } }
      : { status: 200, headers, body: toEntityBody(root, stored.operation, stored.etag) };
  };
}
