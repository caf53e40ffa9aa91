import { requireAddressedId } from '../shared/addressedId.ts';
import { deleteOperation } from '../shared/deleteOperation.ts';
import { checkODataHeaders } from '../shared/odata.ts';
import type { Admit } from '../shared/permission.ts';
import type { PlayPromptOperations } from '../shared/playPromptOperations.ts';
import { readPreconditions } from '../shared/preconditions.ts';
import { readQueryOptions } from '../shared/queryOptions.ts';
import { refuseRepeatability } from '../shared/repeatability.ts';
import type { Story } from './graphHandler.ts';

/** `DELETE /playPromptOperation/{id}`. OData Protocol, 11.4.5. */
export function createDeletePlayPromptOperation({
  admit,
  operations,
}: {
  readonly admit: Admit;
  readonly operations: Pick<PlayPromptOperations, 'get' | 'remove'>;
}): Story {
  return async ({ headers, params, url }, deadline) => {
    const caller = await admit(headers.get('authorization'));
    checkODataHeaders(headers);
    readQueryOptions(url, []);
    refuseRepeatability(headers, Date.now());
    const preconditions = readPreconditions(headers);
    const id = requireAddressedId(params);
    await deleteOperation(operations, caller.tenant, id, preconditions, deadline);
    return { status: 204, headers: {} };
  };
}
