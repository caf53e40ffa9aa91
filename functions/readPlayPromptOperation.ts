import type { Authenticate } from '../shared/auth/authentication.ts';
import { negotiateJson } from '../shared/http/contentNegotiation.ts';
import { readPreconditions } from '../shared/http/ifMatch.ts';
import { serviceRoot, toEntityBody } from '../shared/odata/entityBody.ts';
import { requireKey } from '../shared/odata/key.ts';
import { readQueryOptions, readSelect } from '../shared/odata/queryOptions.ts';
import { failedPrecondition, isNotModified } from '../shared/operation/preconditions.ts';
import type { OperationRepository } from '../shared/operation/repository.ts';
import { ServiceError } from '../shared/serviceError.ts';
import type { GraphHandler } from './graphHandler.ts';

/** `GET` and `HEAD /playPromptOperation/{id}`. Microsoft Graph, "Get commsOperation". */
export function createReadPlayPromptOperation({
  authenticate,
  operations,
}: {
  readonly authenticate: Authenticate;
  readonly operations: Pick<OperationRepository, 'get'>;
}): GraphHandler {
  return async ({ headers, params, url }, deadline) => {
    const caller = await authenticate(headers.get('authorization'));
    negotiateJson(headers);
    const { ifMatch, ...rest } = readPreconditions(headers);
    const selected = readSelect(readQueryOptions(url, ['$select']).$select);
    const id = requireKey(params);
    const stored = await operations.get(caller.tenant, id, deadline);
    if (!stored) throw new ServiceError('notFound');

    const failed = failedPrecondition({ ...(ifMatch && { ifMatch }) }, stored.etag);
    if (failed) throw failed;
    if (isNotModified(rest, stored.etag)) return { status: 304, headers: { ETag: stored.etag } };
    const body = toEntityBody(serviceRoot(url), stored.operation, stored.etag, selected);
    return { status: 200, headers: { ETag: stored.etag }, body };
  };
}
