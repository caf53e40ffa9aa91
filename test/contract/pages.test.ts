// The pages for people: only where a setting asks for them, and without a token, since they hold no data.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startApp, type TestApp, testInProcess } from '../support/app.ts';

describe('without the setting', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.close());

  // `npm start` has a default for it.
  testInProcess.each(['/board', '/board/', '/board/board.js', '/docs', '/docs/docs.js'])(
    '%s is not there',
    async (path) => {
      const answer = await app.send({ method: 'GET', path });
      const unknown = await app.send({ method: 'GET', path: '/x' });
      expect(answer.status).toBe(404);
      expect(answer.json.error).toMatchObject({ code: 'ResourceNotFound', message: unknown.json.error.message });
    },
  );
});

describe('PAGES=board', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ PAGES: 'board' });
  });
  afterAll(() => app.close());

  test.each(['/board', '/Board', '/board/board.js'])('serves %s without a token', async (path) => {
    const { status, headers, text } = await app.send({ method: 'GET', path, token: undefined });
    expect(status).toBe(200);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(text).not.toBe('');
  });

  test('leads from a slash at the end to the URL to which its links are relative', async () => {
    const { status, headers } = await app.send({ method: 'GET', path: '/Board/', token: undefined });
    expect([status, headers.get('location')]).toEqual([308, '../Board']);
  });

  test('serves no other page', async () => {
    expect((await app.send({ method: 'GET', path: '/docs' })).status).toBe(404);
  });
});
