import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { GraphError } from '../shared/graphError.ts';
import type { Story } from './graphHandler.ts';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** A page has nothing but its own files and calls nobody but this service. CSP Level 3. */
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

/** A page for people: its files, by the names that they have below its address; that of '' is the page itself. */
export interface Page {
  readonly files: Readonly<Record<string, string>>;
  /** What its Content-Security-Policy has that is different. */
  readonly policy?: Readonly<Record<string, string>>;
}

/** Paths in the app's folder, which is the current one of the worker, on Azure too. */
export const pagesByName = {
  board: {
    files: {
      '': 'pages/board/board.html',
      'board.css': 'pages/board/board.css',
      'board.js': 'pages/board/board.js',
      'client.js': 'pages/board/client.js',
      'history.js': 'pages/board/history.js',
      'view.js': 'pages/board/view.js',
      'icon.svg': 'pages/icon.svg',
    },
  },
  docs: {
    files: {
      '': 'pages/docs/docs.html',
      'docs.css': 'pages/docs/docs.css',
      'docs.js': 'pages/docs/docs.js',
      'swagger-ui.css': 'node_modules/swagger-ui-dist/swagger-ui.css',
      'swagger-ui-bundle.js': 'node_modules/swagger-ui-dist/swagger-ui-bundle.js',
      'icon.svg': 'pages/icon.svg',
    },
    // The icons of Swagger UI are in its style sheet.
    policy: { 'img-src': "'self' data:" },
  },
} satisfies Readonly<Record<string, Page>>;

/** `GET` of a page or of a file of it. It holds no data: those it calls the API for, with the token that it is given. */
export function createPage({ files, policy }: Page): Story {
  const byName = new Map(Object.entries(files));
  const directives = Object.entries({ ...POLICY, ...policy }).map((directive) => directive.join(' '));
  const headers = {
    'Content-Security-Policy': directives.join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
  };

  return async ({ params }) => {
    const path = byName.get(params.file ?? '');
    if (path === undefined) throw new GraphError('notFound', 'There is no resource at this address.');
    const mediaType = MEDIA_TYPES[extname(path)] ?? 'application/octet-stream';
    const body = await readFile(path, 'utf8').catch((cause) => {
      if (cause?.code !== 'ENOENT') throw cause;
      throw new GraphError('notFound', 'This page is not in the package that runs.', { cause });
    });
    return { status: 200, headers: { ...headers, 'Content-Type': mediaType }, body };
  };
}
