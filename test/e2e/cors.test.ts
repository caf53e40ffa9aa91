// A page of another origin in a real browser, which the host admits as Core Tools do: by `Host.CORS`.
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { close, listen } from '../../local/loopback.ts';
import { launch } from '../support/browser.ts';
import { describeInChromium } from '../support/describeInChromium.ts';
import { useService } from '../support/useService.ts';

describeInChromium('a page of another origin', () => {
  const pages = createServer((_request, response) => response.setHeader('Content-Type', 'text/html').end('<p>page'));
  let origin: string;
  let browser: Browser;
  beforeAll(async () => {
    origin = `http://127.0.0.1:${await listen(pages, 0, 'PAGES')}`;
    browser = await launch();
  });
  const service = useService(() => ({ CORS: `https://app.example,${origin}` }), ['--host', 'embedded']);
  afterAll(async () => {
    await browser?.close();
    await close(pages);
  });

  /** Updates an operation from a page, and returns what its script sees. */
  async function updateFrom(url: string) {
    const page = await browser.newPage();
    await page.goto(url);
    return page.evaluate(
      async ([address, token]) => {
        const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
        const body = '{"status":"Running"}';
        try {
          const response = await fetch(`${address}/v1.0/playPromptOperation/a`, { method: 'PATCH', headers, body });
          return { entity: await response.json(), etag: response.headers.get('etag') };
        } catch {
          return 'refused';
        }
      },
      [service.facts.baseUrl, service.facts.token],
    );
  }

  test('may call the service only if its origin is listed; it sees the body, and no ETag', async () => {
    const entity = expect.objectContaining({ status: 'Running', '@odata.etag': expect.any(String) });
    expect(await updateFrom(origin)).toEqual({ entity, etag: null });
    expect(await updateFrom(origin.replace('127.0.0.1', 'localhost'))).toBe('refused');
  });
});
