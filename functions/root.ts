import { negotiateJson } from '../shared/http/contentNegotiation.ts';
import { originOf } from '../shared/odata/entityBody.ts';
import { readQueryOptions } from '../shared/odata/queryOptions.ts';
import type { GraphHandler } from './graphHandler.ts';
import { type PageName, packagedPages } from './page.ts';

/** `GET /`: the URLs at which a visitor starts, the web pages among them. No token is needed. */
export function createRoot(pages: readonly PageName[]): GraphHandler {
  const paths = {
    service: '/v1.0',
    metadata: '/v1.0/$metadata',
    openApi: '/openapi.json',
    live: '/health/live',
    ready: '/health/ready',
    ...Object.fromEntries(packagedPages(pages).map((page) => [page, `/${page}`])),
  };

  return async ({ url, headers }) => {
    negotiateJson(headers);
    readQueryOptions(url, []);
    const origin = originOf(url);
    const urls = Object.entries(paths).map(([name, path]) => [name, origin + path]);
    return { status: 200, headers: { 'Content-Type': 'application/json' }, body: Object.fromEntries(urls) };
  };
}
