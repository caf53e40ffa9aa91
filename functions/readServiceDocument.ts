import { checkODataHeaders, serviceRoot } from '../shared/odata.ts';
import { readQueryOptions } from '../shared/queryOptions.ts';
import type { Story } from './graphHandler.ts';

/** `GET /v1.0/`: what there is. Like all that describes the service, it needs no token. OData Protocol, 11.1.1. */
export const readServiceDocument: Story = async ({ headers, url }) => {
  checkODataHeaders(headers);
  readQueryOptions(url, []);
  const { toServiceDocument } = await import('../shared/description/serviceDocument.ts');
  return { status: 200, headers: {}, body: toServiceDocument(serviceRoot(url)) };
};
