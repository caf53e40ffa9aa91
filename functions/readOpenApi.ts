import { checkODataHeaders } from '../shared/odata.ts';
import { readQueryOptions } from '../shared/queryOptions.ts';
import type { Story } from './graphHandler.ts';

/** `GET /openapi.json`: all that is served, in OpenAPI 3.1. */
export const readOpenApi: Story = async ({ headers, url }) => {
  checkODataHeaders(headers);
  readQueryOptions(url, []);
  const { openApi } = await import('../shared/description/openApi.ts');
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: openApi(new URL(url).origin) };
};
