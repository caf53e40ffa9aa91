import { originOf } from '../shared/odata/entityBody.ts';
import { type PageName, packagedPages } from './page.ts';
import { anyone, createHandler, type GraphHandler, noKey } from './request.ts';

/** `GET /`: the URLs at which a visitor starts, the web pages among them. No token is needed. */
export function createRoot(pages: readonly PageName[], publicUrl: string | undefined): GraphHandler {
  const paths = {
    service: '/v1.0',
    metadata: '/v1.0/$metadata',
    openApi: '/openapi.json',
    live: '/health/live',
    ready: '/health/ready',
    ...Object.fromEntries(packagedPages(pages).map((page) => [page, `/${page}`])),
  };

  return createHandler({ authenticate: anyone, key: noKey }, async ({ incoming }) => {
    const base = publicUrl ?? originOf(incoming.url);
    const urls = Object.entries(paths).map(([name, path]) => [name, base + path]);
    return { status: 200, headers: { 'Content-Type': 'application/json' }, body: Object.fromEntries(urls) };
  });
}
