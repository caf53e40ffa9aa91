import type { Authenticate } from '../shared/auth/authentication.ts';
import { toCollectionBody, toEntity } from '../shared/odata/entityBody.ts';
import { readFilter } from '../shared/odata/filterOption.ts';
import { encodeQueryValue, invalidOption, readCount, readSelect, readTop } from '../shared/odata/queryOptions.ts';
import { createSkipTokens } from '../shared/odata/skipToken.ts';
import { createCountOperations, createListOperations } from '../shared/operation/list.ts';
import type { OperationVersion } from '../shared/operation/playPromptOperation.ts';
import type { Collaborators } from '../shared/operation/repository.ts';
import { MAX_RESPONSE_BYTES } from './httpHandler.ts';
import { log } from './log.ts';
import { createHandler, type GraphHandler, noKey } from './request.ts';

/** Bytes reserved for the JSON around the operations of a page: the context, and the link to the next page. */
const PAGE_ENVELOPE_BYTES = 16 * 1024;

const OPTIONS = ['$filter', '$select', '$top', '$count', '$skiptoken'] as const;

/** `GET /playPromptOperation`: a page of the list. OData Protocol, 11.2.6; Microsoft Graph, "Paging". */
export function createListPlayPromptOperations({
  authenticate,
  operations,
}: Collaborators<'list' | 'count' | 'sharedKey'> & { readonly authenticate: Authenticate }): GraphHandler {
  const listOperations = createListOperations({ operations });
  const countOperations = createCountOperations({ operations });
  const skipTokens = createSkipTokens(operations.sharedKey);

  return createHandler({ authenticate, key: noKey, options: OPTIONS }, async (request, deadline, context) => {
    const { tenant } = request.caller;
    const { $count, $skiptoken, $format, ...query } = request.options;
    const filter = readFilter(query.$filter);
    const selected = readSelect(query.$select);
    const top = readTop(query.$top);
    const isCounted = readCount($count);
    const options = {
      ...(query.$filter !== undefined && { $filter: query.$filter }),
      ...(selected && { $select: selected.join() }),
      $top: String(top),
    };
    const scope = [tenant, options];
    const from = $skiptoken === undefined ? undefined : await skipTokens.open($skiptoken, scope, deadline);

    const { maxResponseBytes = MAX_RESPONSE_BYTES, queries } = request.incoming;
    const count = isCounted ? await countOperations(tenant, filter, deadline, queries) : undefined;
    if (isCounted && count === undefined) {
      const otherwise = queries ? 'narrow $filter, or ask outside of a batch' : 'narrow $filter, or leave $count out';
      throw invalidOption('$count', `is not available for so many operations: ${otherwise}`);
    }
    const maxBytes = maxResponseBytes - PAGE_ENVELOPE_BYTES;
    const sizeOf = (version: OperationVersion) => Buffer.byteLength(JSON.stringify(toEntity(version, selected))) + 1;
    const page = await listOperations(tenant, { filter, from, top, maxBytes, sizeOf, queries }, deadline);

    if (page.damaged > 0) log(context, 'warn', { message: 'Damaged rows are left out.', damaged: page.damaged });

    const { root } = request;
    const next =
      page.next === undefined ? undefined : { $skiptoken: await skipTokens.seal(page.next, scope, deadline) };
    const nextLink = next && linkTo(root, { ...options, ...($format !== undefined && { $format: 'json' }), ...next });
    return { status: 200, headers: {}, body: toCollectionBody(root, page.operations, selected, { count, nextLink }) };
  });
}

/** The URL of the same query with other options. Like Graph, it leaves out `$count`: only the first page has the count. */
function linkTo(root: string, options: Readonly<Record<string, string>>) {
  const query = Object.entries(options).map(([name, value]) => `${name}=${encodeQueryValue(value)}`);
  return `${root}/playPromptOperation?${query.join('&')}`;
}
