import { requireAddressedId } from '../shared/addressedId.ts';
import { GraphError } from '../shared/graphError.ts';
import { checkODataHeaders, serviceRoot, toEntityBody } from '../shared/odata.ts';
import type { Admit } from '../shared/permission.ts';
import type { PlayPromptOperations } from '../shared/playPromptOperations.ts';
import { failedPrecondition, isNotModified, readPreconditions } from '../shared/preconditions.ts';
import { readQueryOptions, readSelect } from '../shared/queryOptions.ts';
import type { Story } from './graphHandler.ts';

/** `GET /playPromptOperation/{id}`, and HEAD. Microsoft Graph, "Get commsOperation". */
export function createReadPlayPromptOperation({
  admit,
  operations,
}: {
  readonly admit: Admit;
  readonly operations: Pick<PlayPromptOperations, 'get'>;
}): Story {
  return async ({ headers, params, url }, deadline) => {
    const caller = await admit(headers.get('authorization'));
    checkODataHeaders(headers);
    const { ifMatch, ...rest } = readPreconditions(headers);
    const selected = readSelect(readQueryOptions(url, ['$select']).$select);
    const id = requireAddressedId(params);
    const stored = await operations.get(caller.tenant, id, deadline);
    if (!stored) throw new GraphError('notFound', 'There is no operation of this id.');

    const failed = failedPrecondition({ ...(ifMatch && { ifMatch }) }, stored.etag);
    if (failed) throw failed;
    if (isNotModified(rest, stored.etag)) return { status: 304, headers: { ETag: stored.etag } };
    const body = toEntityBody(serviceRoot(url), stored.operation, stored.etag, selected);
    return { status: 200, headers: { ETag: stored.etag }, body };
  };
}
