// Where a visitor starts: `GET /`, and the pages for people, which are there only where a setting asks for them. They hold no
// data, and need no token.
import { expect, test } from '@jest/globals';
import { testInProcess, useApp } from '../support/app.ts';

const without = useApp();
const app = useApp({ PAGES: 'board' });
const get = (path: string, headers = {}) => app.send({ method: 'GET', path, headers, token: undefined });

// `npm start` has a default for it.
testInProcess.each(['/board', '/board/board.js', '/docs', '/docs/docs.js'])('%s needs the setting', async (path) => {
  const [answer, unknown] = [await without.send({ method: 'GET', path }), await get('/x')];
  expect([answer.status, answer.json.error.code]).toEqual([404, 'ResourceNotFound']);
  expect(answer.json.error.message).toBe(unknown.json.error.message);
});

test.each(['/board', '/Board', '/board/board.js'])('PAGES=board serves %s', async (path) => {
  const { status, headers, text } = await get(path);
  expect([status, headers.get('x-content-type-options')]).toEqual([200, 'nosniff']);
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(text).not.toBe('');
  expect((await get('/docs')).status).toBe(404);
});

test('a slash at the end leads to the URL to which the links of a page are relative', async () => {
  const { status, headers } = await get('/Board/');
  expect([status, headers.get('location')]).toEqual([308, '../Board']);
});

test('the root names URLs that are all there, in JSON or, for a browser, as a page', async () => {
  const { status, json } = await get('/');
  expect([status, Object.keys(json)]).toEqual([200, ['service', 'metadata', 'openApi', 'live', 'ready', 'board']]);
  const page = await get('/', { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' });
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  const links = [...page.text.matchAll(/href="([^"]+)"/g)].map(([, link]) => `/${link}`);
  expect(links).toEqual(['/board', '/openapi.json', '/v1.0/$metadata', '/v1.0', '/health/ready', '/health/live']);
  const paths = Object.values<string>(json).map((url) => new URL(url).pathname);
  for (const path of [...links, ...paths]) expect((await get(path)).status).toBe(200);
});
