// The board in a real browser, as an operator uses it.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { accessibilityFaults, describeInChromium, isTooWide, launch, openPage } from '../support/browser.ts';
import { newFolder, patch, send, startService, type TestService } from '../support/service.ts';

const HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
/** Until after the next look. */
const A_WHILE_MS = 60_000;

describeInChromium('the board', () => {
  const folder = newFolder();
  let service: TestService;
  let browser: Browser;
  beforeAll(async () => {
    [service, browser] = await Promise.all([startService({ AZURITE_LOCATION: folder.path }), launch()]);
    await patch(service, { id: 'first', clientContext: 'call 1', status: 'Completed' });
    await patch(service, { id: 'second', clientContext: HOSTILE, status: 'Running' });
    await patch(service, { id: 'x'.repeat(128), clientContext: 'y'.repeat(256), status: 'Failed' });
  });
  afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
  afterAll(async () => {
    await browser?.close();
    await service?.end('SIGINT');
    folder.remove();
  });

  const open = (options?: BrowserContextOptions) => openPage(browser, `${service.facts.baseUrl}/board`, options);

  async function signedIn(options?: BrowserContextOptions) {
    const opened = await open(options);
    await opened.page.clock.install();
    await signIn(opened.page, service.facts.token ?? '');
    await idsOf(opened.page).first().waitFor();
    return opened;
  }

  async function signIn(page: Page, token: string) {
    await page.getByLabel('Access token').fill(token);
    await page.getByLabel('Access token').press('Enter');
  }

  const idsOf = (page: Page) => page.getByRole('rowheader').getByRole('button');
  const statuses = (page: Page) => page.getByRole('group', { name: 'Show operations by status' });

  test('shows the operations, the newest first, and how many there are of each status', async () => {
    const { page, complaints } = await signedIn();
    const seen = await idsOf(page).allTextContents();
    expect(seen.slice(-3)).toEqual(['x'.repeat(128), 'second', 'first']);
    const label = await page.locator('#bar').getAttribute('aria-label');
    expect(label).toMatch(/^NotStarted \d+, Running \d+, Completed \d+, Failed \d+$/);
    expect(await statuses(page).getByRole('button').allInnerTexts()).toContainEqual(
      expect.stringMatching(/^Failed\s+1$/),
    );
    expect(complaints).toEqual([]);
  });

  test('shows what callers stored as text, whatever it says', async () => {
    const { page, complaints } = await signedIn();
    await page.getByRole('button', { name: 'second', exact: true }).click();
    await page.getByRole('definition').filter({ hasText: HOSTILE }).waitFor();
    expect(await page.getByRole('cell').or(page.getByRole('rowheader')).getByText(HOSTILE).count()).toBe(1);
    expect(await page.title()).toBe('Board of playPromptOperation');
    expect(await page.locator('img, main script').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test('filters by status through the API, and by text in the page', async () => {
    const { page } = await signedIn();
    const asked = page.waitForRequest((request) =>
      decodeURIComponent(request.url()).includes("$top=200&$filter=status eq 'Completed'"),
    );
    await statuses(page).getByRole('button', { name: 'Completed' }).click();
    await asked;
    await page.getByText('1 Completed operations, newest first.').waitFor();
    expect(await idsOf(page).allTextContents()).toEqual(['first']);
    await statuses(page).getByRole('button', { name: 'All' }).click();
    await page.getByRole('button', { name: 'second', exact: true }).waitFor();
    await page.getByRole('searchbox').fill('CALL 1');
    expect(await idsOf(page).allTextContents()).toEqual(['first']);
    await page.getByRole('searchbox').fill('nowhere');
    await page.getByText('None of them has this text.').waitFor();
  });

  test('shows a change as it happens, with what it was before, also of what the filter no longer has', async () => {
    const id = crypto.randomUUID();
    await patch(service, { id, status: 'Running' });
    const { page, complaints } = await signedIn();
    await statuses(page).getByRole('button', { name: 'Running' }).click();
    await page.getByRole('button', { name: id }).click();
    await patch(service, { id, status: 'Failed', resultInfo: { code: 500 } });
    await page.clock.fastForward(A_WHILE_MS);
    const detail = page.getByRole('region', { name: id });
    await detail.getByText('status from Running to Failed').waitFor();
    await detail.getByText('resultInfo/code from null to 500').waitFor();
    expect(await idsOf(page).allTextContents()).not.toContain(id);
    expect(complaints).toEqual([]);
  });

  test('shows what is new, and what was deleted', async () => {
    const { page } = await signedIn();
    const id = crypto.randomUUID();
    await patch(service, { id });
    await page.clock.fastForward(A_WHILE_MS);
    await page.getByRole('button', { name: id }).click();
    await send(service, 'DELETE', `/v1.0/playPromptOperation/${id}`);
    await page.clock.fastForward(A_WHILE_MS);
    await page.getByRole('region', { name: id }).getByRole('listitem').getByText('deleted').waitFor();
    expect(await idsOf(page).allTextContents()).not.toContain(id);
  });

  test('is used by keyboard alone: into an operation, out of it, and back where one was', async () => {
    const { page } = await open();
    await page.getByLabel('Access token').focus();
    await page.keyboard.insertText(service.facts.token ?? '');
    await page.keyboard.press('Enter');
    const row = page.getByRole('button', { name: 'second', exact: true });
    await row.waitFor();
    const focused = () => page.evaluate('document.activeElement.textContent');
    for (let n = 0; n < 100 && (await focused()) !== 'second'; n++) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await row.getAttribute('aria-expanded')).toBe('true');
    expect(await page.evaluate('document.activeElement.id')).toBe('detail');
    await page.keyboard.press('Escape');
    expect(await focused()).toBe('second');
  });

  test('asks for a token again when the one it has is not good, and keeps none anywhere', async () => {
    const { page } = await open();
    await signIn(page, 'not.a.token');
    await page.getByRole('alert').getByText(/token/i).waitFor();
    expect(await page.getByLabel('Access token').inputValue()).toBe('');
    await signIn(page, service.facts.token ?? '');
    await idsOf(page).first().waitFor();
    expect(await page.getByRole('alert').textContent()).toBe('');
    const kept = await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie, location.href]');
    expect(kept).toEqual([0, 0, '', `${service.facts.baseUrl}/board`]);
    await page.getByRole('button', { name: 'second', exact: true }).click();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    expect(await page.locator('body').innerHTML()).not.toContain('second');
    await signIn(page, service.facts.token ?? '');
    await idsOf(page).first().waitFor();
  });

  test('says so when the service cannot be had, waits longer, and comes back by itself', async () => {
    const { page } = await signedIn();
    let calls = 0;
    await page.route('**/v1.0/**', (route) => {
      calls += 1;
      return route.fulfill({ status: 503, headers: { 'Retry-After': '10' }, json: { error: { message: 'Away.' } } });
    });
    await page.clock.fastForward(A_WHILE_MS);
    await page.getByRole('alert').getByText('Away.').waitFor();
    await page.getByText('Not live; tries again at').waitFor();
    const before = calls;
    await page.clock.fastForward(9000);
    await page.evaluate("fetch('/board/icon.svg').then(({ status }) => status)");
    expect(calls).toBe(before);
    await page.unroute('**/v1.0/**');
    await page.clock.fastForward(A_WHILE_MS);
    await page.getByText('Live, as of').waitFor();
    expect(await page.getByRole('alert').textContent()).toBe('');
  });

  test('shows a bounded part of very many, says so, and follows no link to another origin', async () => {
    const { page } = await open();
    const template = (await send(service, 'GET', '/v1.0/playPromptOperation/first')).json;
    let calls = 0;
    let origin = service.facts.baseUrl;
    await page.route('**/v1.0/**', (route) => {
      if (route.request().url().includes('$count')) {
        return route.fulfill({ status: 400, json: { error: { message: 'There are too many.' } } });
      }
      const value = Array.from({ length: 200 }, (_, n) => ({ ...template, id: `many-${calls}-${n}` }));
      calls += 1;
      const next = `${origin}/v1.0/playPromptOperation?$skiptoken=${calls}`;
      return route.fulfill({ json: { value, '@odata.nextLink': next } });
    });
    await page.clock.install();
    await signIn(page, service.facts.token ?? '');
    await page.getByText('The first 1,000 operations in the order of the service').waitFor();
    expect(calls).toBe(5);
    expect(await statuses(page).getByRole('button').allInnerTexts()).toContainEqual(
      expect.stringMatching(/^All\s+too many$/),
    );
    origin = 'http://127.0.0.2';
    await page.clock.fastForward(A_WHILE_MS);
    await page.getByRole('alert').getByText('The list goes on at another origin, http://127.0.0.2.').waitFor();
  });

  const hide = (page: Page, isHidden: boolean) =>
    page.evaluate(
      `Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
       document.dispatchEvent(new Event('visibilitychange'));`,
    );
  const pause = (page: Page) => page.getByRole('button', { name: 'Pause' }).click();
  const rests: [string, (page: Page) => Promise<unknown>, (page: Page) => Promise<unknown>][] = [
    ['it is paused', pause, pause],
    ['nobody sees it', (page) => hide(page, true), (page) => hide(page, false)],
  ];
  test.each(rests)('asks for nothing while %s, and at once after that', async (...[_title, begin, end]) => {
    const { page } = await signedIn();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await begin(page);
    await page.clock.fastForward(A_WHILE_MS);
    // Comes after whatever was asked for until now.
    await page.evaluate("fetch('/board/icon.svg').then(({ status }) => status)");
    expect(asked).toEqual(['/board/icon.svg']);
    const next = page.waitForRequest('**/v1.0/**');
    await end(page);
    await next;
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1280, 320]) {
      test(`is accessible and fits the screen, ${colorScheme}, ${width} px wide`, async () => {
        const { page, complaints } = await open({ colorScheme, viewport: { width, height: 700 } });
        const faults = [await accessibilityFaults(page)];
        await signIn(page, service.facts.token ?? '');
        await idsOf(page).first().waitFor();
        faults.push(await accessibilityFaults(page));
        expect(await isTooWide(page)).toBe(false);
        await idsOf(page).filter({ hasText: 'xxx' }).click();
        faults.push(await accessibilityFaults(page));
        expect(faults.flat()).toEqual([]);
        expect(await isTooWide(page)).toBe(false);
        expect(complaints).toEqual([]);
      });
    }
  }
});
