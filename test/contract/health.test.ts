// What those who watch over the service ask it: no token, no detail.
import { describe, expect, test } from '@jest/globals';
import { findFreePort } from '../../local/loopback.ts';
import { useApp } from '../support/app.ts';
import { azuriteConnection } from '../support/tables.ts';

const ask = (of: ReturnType<typeof useApp>, path: string) =>
  of.send({ method: 'GET', path, token: undefined, headers: { accept: 'text/html' } });

const app = useApp();
test.each(['live', 'ready'])('/health/%s is 200 with the status alone, without a token', async (status) => {
  const answer = await ask(app, `/health/${status}`);
  expect([answer.status, answer.text]).toEqual([200, JSON.stringify({ status })]);
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

// Nothing listens there.
const port = await findFreePort();
const nowhere = [{ TABLES_CONNECTION: azuriteConnection(port) }, { AUTH_AUTHORITY: 'http://127.0.0.1:1' }];
describe.each(nowhere)('without its store or its issuer: %j', (settings) => {
  const broken = useApp(settings);

  test('the service lives, and is not ready', async () => {
    expect((await ask(broken, '/health/live')).status).toBe(200);
    const { status, headers, text, json } = await ask(broken, '/health/ready');
    expect([status, headers.get('retry-after'), json.error.code]).toEqual([503, '1', 'ServiceUnavailable']);
    expect(text).not.toContain('127.0.0.1');
    expect(broken.logged.join()).toMatch(/"status":503,.*"cause":\{/);
  });
});
