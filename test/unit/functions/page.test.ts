import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { createPage, localIssuer, type Page, pagesByName } from '../../../functions/page.ts';
import type { GraphResponse as GraphAnswer } from '../../../functions/request.ts';
import { readSettings } from '../../../shared/settings.ts';
import { TENANT } from '../../support/operations.ts';

/** Asks a page for a file, without a token. */
async function get(page: Page, file?: string, issuer?: ReturnType<typeof localIssuer>) {
  const params: Record<string, string> = file === undefined ? {} : { file };
  const request = { method: 'GET', url: 'http://a/board', headers: new Headers(), params, body: null };
  const answer: GraphAnswer = await Reflect.apply(createPage(page, [], issuer), undefined, [request]);
  return { ...answer, headers: new Headers(answer.headers) };
}

describe.each(Object.entries(pagesByName))('the page %s', (...[_name, page]) => {
  test('has every file that it names', () => {
    expect(Object.values(page.files).filter((path) => !existsSync(path))).toEqual([]);
  });

  test('answers each with its media type', async () => {
    const types: Readonly<Record<string, string>> = { html: 'text/html', css: 'text/css', js: 'text/javascript' };
    for (const [file, path] of Object.entries(page.files)) {
      const { status, headers, body } = await get(page, file);
      const text = types[path.replace(/.*\./, '')];
      const type = text === undefined ? 'image/svg+xml' : `${text}; charset=utf-8`;
      expect([path, status, headers.get('content-type')]).toEqual([path, 200, type]);
      expect(body).not.toBe('');
    }
  });

  test('may run its own scripts only, call this service only, and not be framed', async () => {
    const { headers } = await get(page);
    const policy = (headers.get('content-security-policy') ?? '').replace("img-src 'self' data:", "img-src 'self'");
    const own = ['script-src', 'style-src', 'img-src', 'connect-src'].map((name) => `${name} 'self'`);
    const none = ['default-src', 'base-uri', 'form-action', 'frame-ancestors'].map((name) => `${name} 'none'`);
    expect(policy.split('; ').sort()).toEqual([...own, ...none].sort());
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
  const request = { method: 'GET', url: 'http://a/board', headers: new Headers(), params: {}, body: null };
  const bodyOf = async (...page: Parameters<typeof createPage>) =>
    String((await Reflect.apply(createPage(...page), undefined, [request])).body);
  expect(await bodyOf(pagesByName.board, ['docs'])).toContain('<nav aria-label="Pages"><a href="/docs">API</a></nav>');
  expect(await bodyOf(pagesByName.docs, ['board'])).toContain('<a href="/board">Board</a>');
  expect(await bodyOf(pagesByName.board)).not.toMatch(/<nav|<!--/);
});

test('a page gets a token itself from an issuer of this machine, and from no other', async () => {
  const issuerAt = (AUTH_AUTHORITY: string) => {
    const required = {
      AUTH_TENANTS: TENANT,
      AUTH_AUDIENCES: 'api://a"b',
      TABLES_CONNECTION: 'UseDevelopmentStorage=true',
    };
    return localIssuer(readSettings({ ...required, AUTH_AUTHORITY }).auth);
  };
  for (const authority of ['http://127.0.0.1:7072', 'https://localhost:7072']) {
    const { headers, body } = await get(pagesByName.board, undefined, issuerAt(authority));
    expect(headers.get('content-security-policy')).toContain(`connect-src 'self' ${authority};`);
    const content = `content="${authority}/${TENANT}/oauth2/v2.0/token" data-scope="api%3A%2F%2Fa%22b%2F.default"`;
    expect(body).toContain(`<meta name="local-issuer" ${content} />`);
  }
  for (const authority of ['https://login.microsoftonline.com', 'https://127.0.0.1.example.com'])
    expect(issuerAt(authority)).toBeUndefined();
});

test('a page that was not packaged is not found, and the log knows why', async () => {
  const call = get({ title: 'Gone', files: { '': 'pages/gone.html' } });
  await expect(call).rejects.toMatchObject({ reason: 'unknownUrl', cause: { code: 'ENOENT' } });
});

test('a page that cannot be read is a fault', async () => {
  await expect(get({ title: 'A folder', files: { '': 'pages' } })).rejects.toMatchObject({ code: 'EISDIR' });
});
