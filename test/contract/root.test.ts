// `GET /`: where a visitor starts.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startApp, type TestApp } from '../support/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ PAGES: 'board' });
});
afterAll(() => app.close());

test('names URLs that are all there, without a token', async () => {
  const { status, json } = await app.send({ method: 'GET', path: '/', token: undefined });
  expect(status).toBe(200);
  expect(Object.keys(json)).toEqual(['service', 'metadata', 'openApi', 'live', 'ready', 'board']);
  for (const url of Object.values<string>(json)) {
    expect((await app.send({ method: 'GET', path: new URL(url).pathname, token: undefined })).status).toBe(200);
  }
});

test('is a page for a browser, with links that are all there', async () => {
  const headers = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
  const { status, headers: answered, text } = await app.send({ method: 'GET', path: '/', headers, token: undefined });
  expect([status, answered.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  const links = [...text.matchAll(/href="([^"]+)"/g)].map(([, link]) => `/${link}`);
  expect(links).toEqual(['/board', '/openapi.json', '/v1.0/$metadata', '/v1.0', '/health/ready', '/health/live']);
  for (const path of links) {
    expect((await app.send({ method: 'GET', path, token: undefined })).status).toBe(200);
  }
});

test('is only read, and takes no query option', async () => {
  expect((await app.send({ method: 'PATCH', path: '/', body: {} })).status).toBe(405);
  expect((await app.send({ method: 'GET', path: '/?x=1' })).status).toBe(400);
});
