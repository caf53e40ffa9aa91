// What those who watch over the service ask it: no token, no detail.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findFreePort } from '../../local/loopback.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { azuriteConnection } from '../support/tables.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const ask = (path: string, method = 'GET') =>
  app.send({ method, path, token: undefined, headers: { accept: 'text/html' } });

describe.each([
  ['/health/live', 'live'],
  ['/health/ready', 'ready'],
])('%s', (path, status) => {
  test('is 200 with the status alone, without a token', async () => {
    const answer = await ask(path);
    expect([answer.status, answer.text]).toEqual([200, JSON.stringify({ status })]);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

test('without its store or its issuer the service lives, and is not ready', async () => {
  // Nothing listens there.
  const nowhere = { TABLES_CONNECTION: azuriteConnection(await findFreePort()) };
  for (const settings of [nowhere, { AUTH_AUTHORITY: 'http://127.0.0.1:1' }]) {
    const broken = await startApp(settings);
    try {
      expect((await broken.send({ method: 'GET', path: '/health/live', token: undefined })).status).toBe(200);
      const { status, headers, text, json } = await broken.send({
        method: 'GET',
        path: '/health/ready',
        token: undefined,
      });
      expect([status, headers.get('retry-after'), json.error.code]).toEqual([503, '1', 'ServiceUnavailable']);
      expect(text).not.toContain('127.0.0.1');
      expect(broken.logged.join()).toMatch(/"status":503,.*"cause":\{/);
    } finally {
      await broken.close();
    }
  }
});
