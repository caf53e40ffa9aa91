import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { listMembers, readHeader } from '../shared/http/headers.ts';
import { readPreconditions } from '../shared/http/ifMatch.ts';
import { isNotModified } from '../shared/operation/preconditions.ts';
import { ServiceError } from '../shared/serviceError.ts';
import { isLoopback, type Settings } from '../shared/settings.ts';
import type { GraphHandler } from './request.ts';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * For how long browsers use a file of a page before they ask for it again, in seconds: after a deployment, files of two
 * versions may meet for that long. The page itself is asked for each time.
 */
const MAX_AGE = 300;

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

/**
 * The issuer of these settings, if it is on this machine, where it gives tokens to whoever asks, so that a page can get one
 * itself; no page of a deployed app does.
 */
export function localIssuer({ authority, tenants, audiences }: Settings['auth']) {
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
  issuer?: ReturnType<typeof localIssuer>,
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

  const loaded = new Map<string, ReturnType<typeof load>>();

  return async ({ headers: requested, params: { file = '' }, url: { pathname } }) => {
    // The links of a page are relative to its URL without a slash at the end, which a gateway may give a path of its own.
    if (pathname.endsWith('/')) return { status: 308, headers: { Location: `../${pathname.split('/').at(-2)}` } };
    const path = byName.get(file);
    if (path === undefined) throw new ServiceError('unknownUrl', 'There is no resource at this URL.');
    const asset = loaded.get(path) ?? load(path);
    loaded.set(path, asset);
    asset.catch(() => loaded.delete(path));
    const encoding = acceptsGzip(requested) ? 'gzip' : 'identity';
    const { content, etag } = (await asset)[encoding];
    const caching = { ETag: etag, 'Cache-Control': file === '' ? 'no-cache' : `max-age=${MAX_AGE}` };
    const all = { ...headers, ...caching, Vary: 'Accept-Encoding' };
    if (isNotModified(readPreconditions(requested), etag)) return { status: 304, headers: all };
    const mediaType = MEDIA_TYPES[extname(path)] ?? 'application/octet-stream';
    const encoded = encoding === 'gzip' && { 'Content-Encoding': encoding };
    return { status: 200, headers: { ...all, 'Content-Type': mediaType, ...encoded }, body: content };
  };

  /** A file by its content coding. RFC 9110, section 8.4.1. */
  async function load(path: string) {
    const text = await readFile(path, 'utf8').catch((cause) => {
      if (cause?.code !== 'ENOENT') throw cause;
      throw new ServiceError('unknownUrl', 'This page is not in the deployed package.', { cause });
    });
    const content = Buffer.from(text.replace(LINKS, nav).replace(ISSUER, meta));
    return { identity: toRepresentation(content), gzip: toRepresentation(await promisify(gzip)(content)) };
  }
}

/** Bytes that are sent, and their strong ETag. */
const toRepresentation = (content: Uint8Array) => ({
  content,
  etag: `"${hash('sha256', content, 'base64url')}"`,
});

/** RFC 9110, section 12.5.3; `*` alone is no reason to compress. */
const acceptsGzip = (headers: Headers) =>
  listMembers(readHeader(headers, 'Accept-Encoding') ?? '').some((coding) =>
    /^gzip(?:\s*;\s*q=(?!0(?:\.0*)?$).*)?$/i.test(coding),
  );
