import { hash } from 'node:crypto';
import { originOf } from '../shared/odata/entityBody.ts';
import { type PageName, packagedPages } from './page.ts';
import { anyone, createHandler, type GraphHandler, noKey } from './request.ts';

/** `GET /`: the URLs at which a visitor starts, the web pages among them, for a browser as a page. No token is needed. */
export function createRoot(pages: readonly PageName[], publicUrl: string | undefined): GraphHandler {
  const paths = {
    service: '/v1.0',
    metadata: '/v1.0/$metadata',
    openApi: '/openapi.json',
    live: '/health/live',
    ready: '/health/ready',
    ...Object.fromEntries(packagedPages(pages).map((page) => [page, `/${page}`])),
  };

  const takes = { authenticate: anyone, key: noKey, produces: ['application/json', 'text/html'] };
  return createHandler(takes, async ({ incoming, mediaType }) => {
    if (mediaType === 'text/html') {
      return { status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: toHtml(paths) };
    }
    const base = publicUrl ?? originOf(incoming.url);
    const urls = Object.entries(paths).map(([name, path]) => [name, base + path]);
    return { status: 200, headers: { 'Content-Type': 'application/json' }, body: Object.fromEntries(urls) };
  });
}

const STYLE = `:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 40rem; margin: 12vh auto; padding: 0 1.25rem } h1 { font-size: 1.4rem; overflow-wrap: anywhere }
ul { padding: 0; list-style: none } li { margin: 0.5rem 0 } a { color: light-dark(#1a56b0, #8ab8ff) }`;

/** Of a page without scripts; CSP Level 3, 3.3. */
const POLICY = `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'`;

const TEXTS: Readonly<Record<string, string>> = {
  board: 'the operations, as they change',
  docs: 'every request, to try out',
  openApi: 'the API in OpenAPI, for tools',
  metadata: 'the API in CSDL, as Microsoft Graph has it',
  service: 'the service document',
  ready: 'whether the store and the token issuer are available',
  live: 'whether the process runs',
};

function toHtml(paths: Readonly<Record<string, string>>) {
  const items = Object.entries(TEXTS).flatMap(([name, text]) => {
    const path = paths[name]?.slice(1);
    return path === undefined ? [] : `<li><a href="${path}">/${path}</a> ${text}</li>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta http-equiv="Content-Security-Policy" content="${POLICY}" />
<title>playPromptOperation</title>
<style>${STYLE}</style>
<main>
<h1>playPromptOperation</h1>
<ul>${items.join('')}</ul>
</main>
</html>
`;
}
