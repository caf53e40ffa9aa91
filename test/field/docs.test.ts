// The interactive page of the API in a real browser: a local user tries a request with the local token.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { isTooWide, launch, openPage } from '../support/browser.ts';
import { describeInChromium } from '../support/describeInChromium.ts';
import { startReceiver } from '../support/receiver.ts';
import { patch, send } from '../support/service.ts';
import { useService } from '../support/useService.ts';

describeInChromium('the page of the API', () => {
  const service = useService({}, ['--app', '.']);
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
    await patch(service, { id: 'first', status: 'Running' });
  });
  afterAll(() => browser?.close());

  const open = (width: number, colorScheme: 'light' | 'dark') =>
    openPage(browser, `${service.facts.baseUrl}/docs`, { viewport: { width, height: 900 }, colorScheme });
  const backgroundOf = (page: Page) => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');

  test('lets one authorize with a token, fill in a request, and see its answer', async () => {
    const { page, complaints } = await open(1280, 'light');
    await page.getByRole('button', { name: 'Authorize', exact: true }).click();
    await page.locator('.dialog-ux').getByRole('textbox').fill(`Bearer ${service.facts.token}`);
    await page.getByRole('button', { name: 'Apply credentials' }).click();
    await page.getByRole('button', { name: 'Close', exact: true }).click();

    const read = page.locator('.opblock-get').filter({ hasText: '/v1.0/playPromptOperation/{id}' });
    await read.locator('.opblock-summary-control').click();
    await read.getByRole('button', { name: 'Try it out' }).click();
    await read.getByPlaceholder('id', { exact: true }).fill('first');
    const answered = page.waitForResponse('**/v1.0/playPromptOperation/first*');
    await read.getByRole('button', { name: 'Execute' }).click();
    const answer = await answered;
    expect(await answer.request().headerValue('authorization')).toBe(`Bearer ${service.facts.token}`);
    await read.locator('.live-responses-table').getByText('"Running"').first().waitFor();
    expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, '']);
    expect([complaints, await backgroundOf(page)]).toEqual([[], 'rgba(0, 0, 0, 0)']);
  });

  test('signs in with one click on a laptop, and executes each example of the API as it stands, on a narrow screen', async () => {
    const receiver = startReceiver(service);
    const receiverUrl = await receiver.printed(/(?<=at )http:.*$/m);
    const { page, complaints } = await open(320, 'light');
    await page.getByRole('button', { name: 'Sign in on this laptop' }).click();
    await page.getByText('Signed in').waitFor();
    // Here the receiver has another port.
    await page.route('**/v1.0/subscriptions', (route) => {
      const postData = route.request().postData()?.replace('http://127.0.0.1:7073/', receiverUrl);
      return route.continue(postData === undefined ? {} : { postData });
    });
    let subscriptionId = '';
    const executed: string[] = [];
    for (const block of await page.locator('.opblock').all()) {
      await block.locator('.opblock-summary-control').click();
      await block.getByRole('button', { name: 'Try it out' }).click();
      const path = (await block.locator('.opblock-summary-path').innerText()).replaceAll('\u200b', '');
      if (path.endsWith('/subscriptions/{id}'))
        await block.getByPlaceholder('id', { exact: true }).fill(subscriptionId);
      const filter = block.getByPlaceholder('$filter', { exact: true });
      if ((await filter.count()) > 0) await filter.fill("status eq 'Running'");
      expect([path, await isTooWide(page)]).toEqual([path, false]);
      const [before] = path.split('{');
      const answered = page.waitForResponse((response) => new URL(response.url()).pathname.startsWith(before ?? ''));
      await block.getByRole('button', { name: 'Execute' }).click();
      const answer = await answered;
      executed.push(`${answer.request().method()} ${path}`);
      expect([executed.at(-1), answer.status() < 300]).toEqual([executed.at(-1), true]);
      if (answer.status() === 201) subscriptionId = (await answer.json()).id;
      await block.locator('.opblock-summary-control').click();
    }
    expect(await receiver.stop()).toBe(0);
    const { paths } = (await send(service, 'GET', '/openapi.json')).json;
    const described = Object.entries<object>(paths).flatMap(([path, item]) =>
      Object.keys(item).flatMap((method) => (method === 'parameters' ? [] : `${method.toUpperCase()} ${path}`)),
    );
    expect(executed.sort()).toEqual(described.sort());
    expect([await isTooWide(page), complaints]).toEqual([false, []]);
    await page.setViewportSize({ width: 390, height: 900 });
    const titleLines = await page.evaluate(`(() => {
      const range = document.createRange();
      range.selectNodeContents(document.querySelector('.info .title').firstChild);
      return range.getClientRects().length;
    })()`);
    expect([titleLines, await isTooWide(page)]).toEqual([1, false]);
  });

  test('shows an operation without repeating what all errors have, and is dark where that is preferred', async () => {
    const { page, complaints } = await open(1280, 'dark');
    const update = page.locator('.opblock-patch').filter({ hasText: '/v1.0/playPromptOperation/{id}' });
    await update.getByRole('button').first().click();
    const errors = update.locator('tr.response[data-code^="4"]');
    await errors.first().waitFor();
    expect(await errors.count()).toBeGreaterThan(5);
    for (const part of ['.headers-wrapper', '.model-example']) {
      expect(await errors.locator(part).filter({ visible: true }).count()).toBe(0);
      expect(await update.locator(part).filter({ visible: true }).count()).toBeGreaterThan(0);
    }
    expect((await update.boundingBox())?.height).toBeLessThan(4000);
    expect([complaints, await backgroundOf(page)]).toEqual([[], expect.stringMatching(/^rgb\(/)]);
    await page.getByRole('link', { name: 'Board' }).click();
    await page.getByLabel('Access token').waitFor();
    await page.getByRole('link', { name: 'API' }).click();
    await page.locator('.opblock').first().waitFor();
  });
});
