import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { createPage, localIssuer, type Page, pagesByName } from '../../../functions/page.ts';
import type { GraphResponse as GraphAnswer } from '../../../functions/request.ts';
import { readSettings } from '../../../shared/settings.ts';
import { TENANT } from '../../support/operations.ts';

/** Asks a page for a file, without a token. */
async function get(page: Page, file?: string, issuer?: ReturnType<typeof localIssuer>) {
  const params: Record<string, string> = file === undefined ? {} : { file };
  const request = { method: 'GET', url: new URL('http://a/board'), headers: new Headers(), params, body: null };
  const answer: GraphAnswer = await Reflect.apply(createPage(page, [], issuer), undefined, [request]);
  return { ...answer, headers: new Headers(answer.headers) };
}

describe.each(Object.entries(pagesByName))('the page %s', (...[_name, page]) => {
  test('has every file that it names', () => {
    expect(Object.values(page.files).filter((path) => !existsSync(path))).toEqual([]);
  });

  test('answers each with its media type', async () => {
    const types: Record<string, RegExp> = {
      html: /^text\/html; charset=utf-8$/,
      css: /^text\/css; charset=utf-8$/,
      js: /^text\/javascript; charset=utf-8$/,
      svg: /^image\/svg\+xml$/,
    };
    for (const [file, path] of Object.entries(page.files)) {
      const { status, headers, body } = await get(page, file);
      expect(status).toBe(200);
      expect(headers.get('content-type')).toMatch(types[path.replace(/.*\./, '')] ?? /never/);
      expect(body).not.toBe('');
    }
  });

  test('may run its own scripts only, call this service only, and not be framed', async () => {
    const { headers } = await get(page);
    const policy = new Map(
      (headers.get('content-security-policy') ?? '').split('; ').map((directive): [string, string] => {
        const [name = '', ...sources] = directive.split(' ');
        return [name, sources.join(' ')];
      }),
    );
    expect(Object.fromEntries(policy)).toEqual({
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'self'",
      'img-src': expect.stringMatching(/^'self'(?: data:)?$/),
      'connect-src': "'self'",
      'base-uri': "'none'",
      'form-action': "'none'",
      'frame-ancestors': "'none'",
    });
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });

  test.each(['x', 'BOARD.JS', 'board.html', '../host.json', '..%2fhost.json', 'constructor', '__proto__'])(
    'has nothing at %s',
    async (file) => {
      await expect(get(page, file)).rejects.toMatchObject({ reason: 'unknownUrl' });
    },
  );
});

test('a page links to the others that are served, and to none else', async () => {
  const request = { method: 'GET', url: new URL('http://a/board'), headers: new Headers(), params: {}, body: null };
  const bodyOf = async (...page: Parameters<typeof createPage>) =>
    String((await Reflect.apply(createPage(...page), undefined, [request])).body);
  expect(await bodyOf(pagesByName.board, ['docs'])).toContain('<nav aria-label="Pages"><a href="docs">API</a></nav>');
  expect(await bodyOf(pagesByName.docs, ['board'])).toContain('<a href="board">Board</a>');
  expect(await bodyOf(pagesByName.board)).not.toMatch(/<nav|<!--/);
});

describe('a page gets a token itself', () => {
  const issuerAt = (authority: string) => {
    const required = {
      AUTH_TENANTS: TENANT,
      AUTH_AUDIENCES: 'api://a"b',
      TABLES_CONNECTION: 'UseDevelopmentStorage=true',
    };
    return localIssuer(readSettings({ ...required, AUTH_AUTHORITY: authority }).auth);
  };

  test.each(['http://127.0.0.1:7072', 'https://localhost:7072'])(
    'from an issuer of this machine: %s',
    async (authority) => {
      const { headers, body } = await get(pagesByName.board, undefined, issuerAt(authority));
      expect(headers.get('content-security-policy')).toContain(`connect-src 'self' ${authority};`);
      const endpoint = `${authority}/${TENANT}/oauth2/v2.0/token`;
      expect(body).toContain(
        `<meta name="local-issuer" content="${endpoint}" data-scope="api%3A%2F%2Fa%22b%2F.default" />`,
      );
    },
  );

  test.each(['https://login.microsoftonline.com', 'https://127.0.0.1.example.com'])(
    'from no other: %s',
    (authority) => {
      expect(issuerAt(authority)).toBeUndefined();
    },
  );
});

test('a page that was not packaged is not found, and the log knows why', async () => {
  const call = get({ title: 'Gone', files: { '': 'pages/gone.html' } });
  await expect(call).rejects.toMatchObject({ reason: 'unknownUrl', cause: { code: 'ENOENT' } });
});

test('a page that cannot be read is a fault', async () => {
  await expect(get({ title: 'A folder', files: { '': 'pages' } })).rejects.toMatchObject({ code: 'EISDIR' });
});
