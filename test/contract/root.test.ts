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

test('is only read, and takes no query option', async () => {
  expect((await app.send({ method: 'PATCH', path: '/', body: {} })).status).toBe(405);
  expect((await app.send({ method: 'GET', path: '/?x=1' })).status).toBe(400);
});
