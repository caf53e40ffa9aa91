import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { createPage, localIssuer, type Page, pagesByName } from '../../../functions/page.ts';
import type { GraphResponse as GraphAnswer, GraphHandler } from '../../../functions/request.ts';
import { readSettings } from '../../../shared/settings.ts';
import { TENANT } from '../../support/operations.ts';
import { requiredSettings } from '../../support/tokens.ts';

/** Asks a page for a file, without a token. */
async function ask(handler: GraphHandler, file?: string, requested: Record<string, string> = {}) {
  const params: Record<string, string> = file === undefined ? {} : { file };
  const url = new URL('http://a/board');
  const request = { method: 'GET', url, headers: new Headers(requested), params, body: null };
  const { status, headers, body }: GraphAnswer = await Reflect.apply(handler, undefined, [request]);
  const bytes = body === undefined ? undefined : z.instanceof(Uint8Array).parse(body);
  return { status, headers: new Headers(headers), bytes, body: bytes && Buffer.from(bytes).toString() };
}
const get = (page: Page, file?: string) => ask(createPage(page), file);

describe.each(Object.entries(pagesByName))('the page %s', (...[_name, page]) => {
  test('answers each file that it names with its media type', async () => {
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

  test('has nothing at another name', async () => {
    for (const file of ['x', 'BOARD.JS', 'board.html', '../host.json', '..%2fhost.json', 'constructor', '__proto__'])
      await expect(get(page, file)).rejects.toMatchObject({ reason: 'unknownUrl' });
  });
});

test('a page links to the others that are served, and to none else', async () => {
  const bodyOf = async (...page: Parameters<typeof createPage>) => (await ask(createPage(...page))).body;
  expect(await bodyOf(pagesByName.board, ['docs'])).toContain('<nav aria-label="Pages"><a href="docs">API</a></nav>');
  expect(await bodyOf(pagesByName.docs, ['board'])).toContain('<a href="board">Board</a>');
  expect(await bodyOf(pagesByName.board)).not.toMatch(/<nav|<!--/);
});

test('a page gets a token itself from an issuer of this machine, and from no other', async () => {
  const issuerAt = (AUTH_AUTHORITY: string) =>
    localIssuer(readSettings({ ...requiredSettings, AUTH_AUDIENCES: 'api://a"b', AUTH_AUTHORITY }).auth);
  for (const authority of ['http://127.0.0.1:7072', 'https://localhost:7072']) {
    const { headers, body } = await ask(createPage(pagesByName.board, [], issuerAt(authority)));
    expect(headers.get('content-security-policy')).toContain(`connect-src 'self' ${authority};`);
    const content = `content="${authority}/${TENANT}/oauth2/v2.0/token" data-scope="api%3A%2F%2Fa%22b%2F.default"`;
    expect(body).toContain(`<meta name="local-issuer" ${content} />`);
  }
  for (const authority of ['https://login.microsoftonline.com', 'https://127.0.0.1.example.com'])
    expect(issuerAt(authority)).toBeUndefined();
});

test('a page that cannot be read is a fault; one that was not packaged is not found, and the log knows why', async () => {
  const of = (path: string) => get({ title: 'A page', files: { '': path } });
  await expect(of('pages')).rejects.toMatchObject({ code: 'EISDIR' });
  await expect(of('pages/gone.html')).rejects.toMatchObject({ reason: 'unknownUrl', cause: { code: 'ENOENT' } });
});

describe('a file', () => {
  const handler = createPage(pagesByName.board);

  test.each([
    ['gzip, deflate, br, zstd', true],
    ['br;q=1.0, GZIP ; q=0.5', true],
    ['gzip;q=0', false],
    ['gzip;q=0.000', false],
    ['deflate, gzipped', false],
    ['*', false],
  ])('is compressed for Accept-Encoding: %s: %j', async (accepted, isCompressed) => {
    const plain = await ask(handler, 'board.js', {});
    const { headers, bytes = Buffer.of() } = await ask(handler, 'board.js', { 'Accept-Encoding': accepted });
    expect(headers.get('vary')).toBe('Accept-Encoding');
    expect(headers.get('content-encoding')).toBe(isCompressed ? 'gzip' : null);
    expect(isCompressed ? gunzipSync(bytes) : bytes).toEqual(plain.bytes);
    expect(headers.get('etag') === plain.headers.get('etag')).toBe(!isCompressed);
  });

  test.each([
    ['board.js', 'max-age=300'],
    [undefined, 'no-cache'],
  ])('is not sent again to a browser that has it: %s, %s', async (file, caching) => {
    const gzip = { 'Accept-Encoding': 'gzip' };
    const etag = (await ask(handler, file, gzip)).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    const again = await ask(handler, file, { ...gzip, 'If-None-Match': etag });
    expect([again.status, again.bytes, again.headers.get('etag')]).toEqual([304, undefined, etag]);
    expect(again.headers.get('cache-control')).toBe(caching);
    expect((await ask(handler, file, { 'If-None-Match': etag })).status).toBe(200);
  });

  test('is read once, and again after it could not be read', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'page-')), 'page.html');
    const late = createPage({ title: 'Late', files: { '': path } });
    await expect(ask(late)).rejects.toMatchObject({ reason: 'unknownUrl' });
    writeFileSync(path, 'first');
    expect((await ask(late)).body).toBe('first');
    writeFileSync(path, 'second');
    expect((await ask(late)).body).toBe('first');
    rmSync(dirname(path), { recursive: true });
  });
});
