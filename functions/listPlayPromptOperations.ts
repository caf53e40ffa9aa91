import { invalid } from '../shared/faults.ts';
import { readFilter } from '../shared/filter.ts';
import { countOperations, listOperations } from '../shared/listOperations.ts';
import { checkODataHeaders, serviceRoot, toCollectionBody } from '../shared/odata.ts';
import type { Admit } from '../shared/permission.ts';
import type { PlayPromptOperations } from '../shared/playPromptOperations.ts';
import { fault, readCount, readQueryOptions, readSelect, readTop } from '../shared/queryOptions.ts';
import { createSkipTokens } from '../shared/skipToken.ts';
import type { Story } from './graphHandler.ts';

const OPTIONS = ['$filter', '$select', '$top', '$count', '$skiptoken'] as const;

/** `GET /playPromptOperation`, page by page. OData Protocol, 11.2.6; Microsoft Graph, "Paging". */
export function createListPlayPromptOperations({
  admit,
  operations,
}: {
  readonly admit: Admit;
  readonly operations: Pick<PlayPromptOperations, 'list' | 'count' | 'sharedKey'>;
}): Story {
  const skipTokens = createSkipTokens(operations.sharedKey);

  return async ({ headers, url }, deadline) => {
    const { tenant } = await admit(headers.get('authorization'));
    checkODataHeaders(headers);
    const { $count, $skiptoken, ...query } = readQueryOptions(url, OPTIONS);
    const filter = readFilter(query.$filter);
    const selected = readSelect(query.$select);
    const top = readTop(query.$top);
    const isCounted = readCount($count);
    const scope = [tenant, query.$filter, query.$select, query.$top];
    const from = $skiptoken === undefined ? undefined : await skipTokens.open($skiptoken, scope, deadline);

    const count = isCounted ? await countOperations(operations, tenant, filter, deadline) : undefined;
    if (isCounted && count === undefined) throw invalid([fault('$count', 'cannot be exact for so many: use $filter')]);
    const page = await listOperations(operations, tenant, { filter, from, top }, deadline);

    const root = serviceRoot(url);
    const nextLink =
      page.next === undefined
        ? undefined
        : linkTo(root, { ...query, $skiptoken: await skipTokens.seal(page.next, scope, deadline) });
    return { status: 200, headers: {}, body: toCollectionBody(root, page.operations, selected, { count, nextLink }) };
  };
}

/** The address of the same query with other options. The count is in the first answer alone, as Graph has it. */
function linkTo(root: string, options: Readonly<Record<string, string>>) {
  const query = Object.entries(options).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${root}/playPromptOperation?${query.join('&')}`;
}
