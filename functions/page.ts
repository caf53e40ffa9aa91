import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { ServiceError } from '../shared/serviceError.ts';
import { isLoopback, type Settings } from '../shared/settings.ts';
import type { GraphHandler } from './request.ts';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** A page loads only its own files and calls only this service. CSP Level 3. */
const POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self'",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** A web page: its files by their path below the URL of the page, which itself is ''. */
export interface Page {
  /** The text of a link to it. */
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
  /** Directives of its Content-Security-Policy that differ. */
  readonly policy?: Readonly<Record<string, string>>;
}

/** Paths in the app's folder, which is the working directory, on Azure too. */
export const pagesByName = {
  board: {
    title: 'Board',
    files: {
      '': 'pages/board/board.html',
      'board.css': 'pages/board/board.css',
      'board.js': 'pages/board/board.js',
      'client.js': 'pages/board/client.js',
      'localToken.js': 'pages/both/localToken.js',
      'history.js': 'pages/board/history.js',
      'view.js': 'pages/board/view.js',
      'icon.svg': 'pages/icon.svg',
    },
  },
  docs: {
    title: 'API',
    files: {
      '': 'pages/docs/docs.html',
      'docs.css': 'pages/docs/docs.css',
      'docs.js': 'pages/docs/docs.js',
      'localToken.js': 'pages/both/localToken.js',
      'swagger-ui.css': 'node_modules/swagger-ui-dist/swagger-ui.css',
      'swagger-ui-bundle.js': 'node_modules/swagger-ui-dist/swagger-ui-bundle.js',
      'icon.svg': 'pages/icon.svg',
    },
    // The icons of Swagger UI are in its style sheet.
    policy: { 'img-src': "'self' data:" },
  },
} satisfies Readonly<Record<string, Page>>;

export type PageName = keyof typeof pagesByName;

/** Filters out the pages that the app in a folder, by default the working directory, does not contain. */
export function packagedPages(pages: readonly PageName[], folder = '.'): readonly PageName[] {
  return pages.filter((name) => existsSync(join(folder, pagesByName[name].files[''])));
}

/** Where the HTML of a page has links to the others, and where it says which issuer gives it tokens. */
const LINKS = '<!-- links -->';
const ISSUER = '<!-- issuer -->';

/** The issuer of a laptop, which gives tokens to whoever asks, so that a page can get one itself. */
export interface LocalIssuer {
  readonly tokenEndpoint: URL;
  readonly scope: string;
}

/** The issuer of these settings, if it is on this machine; no page of a deployed app gets a token itself. */
export function localIssuer({ authority, tenants, audiences }: Settings['auth']): LocalIssuer | undefined {
  const tokenEndpoint = new URL(`${authority}/${tenants[0]}/oauth2/v2.0/token`);
  return isLoopback(tokenEndpoint.hostname) ? { tokenEndpoint, scope: `${audiences[0]}/.default` } : undefined;
}

/**
 * `GET` of a page or one of its files. A page holds no data: it calls the API with the token that its user enters, or that
 * the issuer of a laptop gives it. It links to the others.
 */
export function createPage(
  { files, policy }: Page,
  others: readonly PageName[] = [],
  issuer?: LocalIssuer,
): GraphHandler {
  const links = others.map((name) => `<a href="${name}">${pagesByName[name].title}</a>`);
  const nav = links.length > 0 ? `<nav aria-label="Pages">${links.join(' ')}</nav>` : '';
  const meta = issuer
    ? `<meta name="local-issuer" content="${issuer.tokenEndpoint}" data-scope="${encodeURIComponent(issuer.scope)}" />`
    : '';
  const byName = new Map(Object.entries(files));
  const connect = issuer && { 'connect-src': `${POLICY['connect-src']} ${issuer.tokenEndpoint.origin}` };
  const directives = Object.entries({ ...POLICY, ...policy, ...connect }).map((directive) => directive.join(' '));
  const headers = {
    'Content-Security-Policy': directives.join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
  };

  return async ({ params, url: { pathname } }) => {
    // The links of a page are relative to its URL without a slash at the end, which a gateway may give a path of its own.
    if (pathname.endsWith('/')) return { status: 308, headers: { Location: `../${pathname.split('/').at(-2)}` } };
    const path = byName.get(params.file ?? '');
    if (path === undefined) throw new ServiceError('unknownUrl', 'There is no resource at this URL.');
    const mediaType = MEDIA_TYPES[extname(path)] ?? 'application/octet-stream';
    const body = await readFile(path, 'utf8').catch((cause) => {
      if (cause?.code !== 'ENOENT') throw cause;
      throw new ServiceError('unknownUrl', 'This page is not in the deployed package.', { cause });
    });
    return {
      status: 200,
      headers: { ...headers, 'Content-Type': mediaType },
      body: body.replace(LINKS, nav).replace(ISSUER, meta),
    };
  };
}
