// The board as an operator meets it: in a real browser, over HTTP, beside others who change the operations.
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContextOptions, Page, Request, Route } from 'playwright-core';
import * as z from 'zod';
import { close, listen } from '../../local/loopback.ts';
import { accessibilityFaults, isTooWide, launch, openPage } from '../support/browser.ts';
import { describeInChromium } from '../support/describeInChromium.ts';
import { newFolder, patch, send, startService, type TestService } from '../support/service.ts';

/** The resource of a subscription, which is text and no markup. */
const HOSTILE = `playPromptOperation?$filter=clientContext eq '<img src=x onerror="document.title=1">'`;

describeInChromium('the board', () => {
  /** A receiver of notifications that accepts those at /good. */
  const receiver = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://receiver');
    const token = searchParams.get('validationToken');
    if (token !== null) return response.writeHead(200, { 'Content-Type': 'text/plain' }).end(token);
    return response.writeHead(pathname === '/good' ? 202 : 500).end();
  });
  const folder = newFolder();
  let service: TestService;
  let browser: Browser;
  let opened: Awaited<ReturnType<typeof openPage>> | undefined;
  beforeAll(async () => {
    const receiverUrl = `http://127.0.0.1:${await listen(receiver, 0, 'RECEIVER')}`;
    service = await startService({ AZURITE_LOCATION: folder.path, PAGES: 'board', NOTIFICATION_HOSTS: '127.0.0.1' });
    browser = await launch();
    const subscriptions = [
      { resource: 'playPromptOperation/notified', notificationUrl: `${receiverUrl}/good?code=key-of-the-receiver` },
      { resource: 'playPromptOperation/notified', notificationUrl: `${receiverUrl}/bad` },
      { resource: HOSTILE, notificationUrl: `${receiverUrl}/good` },
    ];
    const expirationDateTime = new Date(Date.now() + 24 * 3_600_000).toISOString();
    const answers = await Promise.all(
      subscriptions.map((each) =>
        send(service, 'POST', '/v1.0/subscriptions', { body: { ...each, changeType: 'created', expirationDateTime } }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    await patch(service, { id: 'notified' });
    for (let delivered = 0; delivered < 2; await delay(100)) {
      const { json } = await send(service, 'GET', '/v1.0/subscriptions');
      delivered = json.value.filter((each: object) => '@playPromptOperation.lastDelivery' in each).length;
    }
    await patch(service, { id: 'run', status: 'Running', clientContext: 'the lobby' });
    await patch(service, { id: 'done', status: 'Completed', completionReason: 'completedSuccessfully' });
    await patch(service, { id: 'lost', status: 'Failed', resultInfo: { code: 500, message: 'Media lost.' } });
  });
  afterAll(async () => {
    await browser?.close();
    await service?.end('SIGINT');
    await close(receiver);
    folder.remove();
  });
  afterEach(async () => {
    await opened?.page.context().close();
    const complaints = opened?.complaints;
    opened = undefined;
    expect(complaints).toEqual([]);
  });

  async function open(options?: BrowserContextOptions): Promise<Page> {
    opened = await openPage(browser, `${service.facts.baseUrl}/board`, options);
    return opened.page;
  }

  async function openSignedIn(options?: BrowserContextOptions): Promise<Page> {
    const page = await open(options);
    await signIn(page, service.facts.token ?? '');
    await rowOf(page, 'run').waitFor();
    // The list keeps its order while the pointer is over it.
    await page.mouse.move(0, 0);
    return page;
  }

  async function signIn(page: Page, token: string) {
    await page.getByLabel('Access token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  const openerOf = (page: Page, id: string) => page.locator(`[data-id="${id}"]`);
  const rowOf = (page: Page, id: string) => page.getByRole('row').filter({ has: openerOf(page, id) });
  /** Lets the page look again, however long it would wait. */
  const lookAgain = (page: Page) => page.clock.fastForward('10:00');
  const openDetail = (page: Page, id: string) => openerOf(page, id).click();
  const detailOf = (page: Page, id: string) =>
    page.locator('#detail').filter({ has: page.getByRole('button', { name: `Copy the id ${id}`, exact: true }) });
  /** The ids of the rows, from top to bottom. */
  const order = (page: Page) => page.locator('#rows .id code').allTextContents();
  const hash = (page: Page) => new URL(page.url()).hash;

  describe('who signs in', () => {
    test('sees all operations, the newest first, and how many there are of each status', async () => {
      await patch(service, { id: 'newest', status: 'Running' });
      const page = await openSignedIn();
      const { json } = await send(service, 'GET', '/v1.0/playPromptOperation?$top=999');
      const statuses: string[] = json.value.map(({ status }: { status: string }) => status);
      const count = (status: string) => statuses.filter((each) => each === status).length;

      expect(await page.locator('#rows tr').count()).toBe(statuses.length);
      expect(await page.locator('#rows tr').first().innerText()).toContain('newest');
      const words = ['NotStarted', 'Running', 'Completed', 'Failed'].map((status) => `${status} ${count(status)}`);
      expect(await page.getByRole('img', { name: words.join(', ') }).count()).toBe(1);
      for (const text of words) expect(await page.getByRole('button', { name: text }).count()).toBe(1);
    });

    test('with a bad token sees why, and can try again', async () => {
      const page = await open();
      await signIn(page, 'not.a.token');
      const why = page.getByRole('alert').filter({ hasText: /token/i });
      await why.waitFor();
      expect(await page.getByLabel('Access token').inputValue()).toBe('');
      expect(opened?.complaints.splice(0).every((complaint) => complaint.includes('401'))).toBe(true);
      await signIn(page, `Bearer ${service.facts.token}`);
      await rowOf(page, 'run').waitFor();
      expect(await why.count()).toBe(0);
    });

    test('must sign in again when the token has expired, and the operations are removed from the page', async () => {
      const page = await openSignedIn();
      await page.route('**/v1.0/**', (route) =>
        route.continue({ headers: { ...route.request().headers(), authorization: 'Bearer expired' } }),
      );
      await lookAgain(page);
      await page.getByLabel('Access token').waitFor();
      expect(await page.getByText('the lobby').count()).toBe(0);
      expect(opened?.complaints.splice(0).every((complaint) => complaint.includes('401'))).toBe(true);
    });

    test('leaves nothing in the browser: a reload asks for the token again', async () => {
      const page = await openSignedIn();
      const kept = await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie, location.href]');
      expect(kept).toEqual([0, 0, '', `${service.facts.baseUrl}/board`]);
      await page.reload();
      expect(await page.getByLabel('Access token').isVisible()).toBe(true);
    });

    test('sends the token to the public API of the service and nowhere else', async () => {
      const page = await open();
      const requests: Request[] = [];
      page.on('request', (request) => requests.push(request));
      await signIn(page, service.facts.token ?? '');
      await rowOf(page, 'run').waitFor();
      const withToken = requests.filter((request) => request.headers().authorization !== undefined);
      expect(withToken.length).toBeGreaterThan(0);
      for (const request of requests) expect(new URL(request.url()).origin).toBe(service.facts.baseUrl);
      for (const request of withToken) {
        expect(request.method()).toBe('GET');
        expect(['/v1.0/', '/v1.0/playPromptOperation', '/v1.0/subscriptions']).toContain(
          new URL(request.url()).pathname,
        );
        expect(request.url()).not.toContain(service.facts.token);
      }
    });
  });

  test('the token is sent to the origin of the page only, even if a link of the list names another', async () => {
    const page = await open();
    const origins = new Set<string>();
    page.on('request', (request) => origins.add(new URL(request.url()).origin));
    const isList = (url: URL) => url.searchParams.get('$top') === '200' && !url.searchParams.has('$skiptoken');
    await page.route(isList, async (route) => {
      const response = await route.fetch();
      const next = new URL('https://elsewhere.example/v1.0/playPromptOperation?$top=1&$skiptoken=x');
      await route.fulfill({ response, json: { ...(await response.json()), '@odata.nextLink': next } });
    });
    await signIn(page, service.facts.token ?? '');
    // The service does not take what was made up.
    await page.getByRole('alert').getByText('$skiptoken').waitFor();
    expect([...origins]).toEqual([service.facts.baseUrl]);
    expect(opened?.complaints.splice(0).every((complaint) => complaint.includes('400'))).toBe(true);
  });

  describe('what is shown', () => {
    test('can be narrowed to a status, by the service', async () => {
      const page = await openSignedIn();
      const filtered = page.waitForRequest((request) => {
        const { searchParams } = new URL(request.url());
        return searchParams.get('$filter') === "status eq 'Failed'" && !searchParams.has('$count');
      });
      const button = page.getByRole('button', { name: /^Failed/ });
      await button.click();
      await filtered;
      await rowOf(page, 'run').waitFor({ state: 'detached' });
      expect(await rowOf(page, 'lost').count()).toBe(1);
      expect(await button.getAttribute('aria-pressed')).toBe('true');
    });

    test('can be narrowed to what has a text', async () => {
      const page = await openSignedIn();
      await page.getByRole('searchbox').fill('LOBBY');
      expect(await page.locator('#rows tr').count()).toBe(1);
      expect(await rowOf(page, 'run').count()).toBe(1);
      await page.getByRole('searchbox').fill('no such text');
      expect(await page.getByText('None of them has this text.').isVisible()).toBe(true);
    });

    test('is more than a page of the API', async () => {
      const ids = Array.from({ length: 205 }, (_, n) => `many-${n}`);
      for (let from = 0; from < ids.length; from += 20) {
        const requests = ids.slice(from, from + 20).map((id) => ({
          id,
          method: 'PATCH',
          url: `/playPromptOperation/${id}`,
          headers: { 'Content-Type': 'application/json' },
          body: { clientContext: 'one of many' },
        }));
        const { status } = await send(service, 'POST', '/v1.0/$batch', { body: { requests } });
        expect(status).toBe(200);
      }
      const page = await openSignedIn();
      await page.getByRole('searchbox').fill('one of many');
      expect(await page.locator('#rows tr').count()).toBe(ids.length);
      for (const id of ids) await send(service, 'DELETE', `/v1.0/playPromptOperation/${id}`);
    });

    test('is limited to a number of operations, and there is a notice', async () => {
      const page = await open();
      const { json: template } = await send(service, 'GET', '/v1.0/playPromptOperation/run');
      let pages = 0;
      await page.route('**/v1.0/playPromptOperation?**', (route) => {
        if (route.request().url().includes('$count')) {
          return route.fulfill({ status: 400, json: { error: { message: 'There are too many.' } } });
        }
        pages += 1;
        const value = Array.from({ length: 200 }, (_, n) => ({ ...template, id: `many-${pages}-${n}` }));
        const next = `${service.facts.baseUrl}/v1.0/playPromptOperation?$skiptoken=${pages}`;
        return route.fulfill({ json: { value, '@odata.nextLink': next } });
      });
      await signIn(page, service.facts.token ?? '');
      await page.getByText('The first 1,000 operations in the order of the service').waitFor();
      expect(pages).toBe(5);
      expect(await page.getByRole('button', { name: 'All too many' }).count()).toBe(1);
      expect(opened?.complaints.splice(0).every((complaint) => complaint.includes('400'))).toBe(true);
    });

    test('is text, even if it looks like markup', async () => {
      const clientContext = '<img src=x onerror="document.title=\'attacked\'">';
      const message = '<script>document.title="attacked"</script>';
      await patch(service, { id: 'hostile', clientContext, resultInfo: { message } });
      const page = await openSignedIn();
      await openDetail(page, 'hostile');
      for (const text of [clientContext, message]) {
        expect(await page.locator('#properties').getByText(text, { exact: true }).count()).toBe(1);
      }
      expect(await page.locator('main img:not([src^="/board/"]), main script').count()).toBe(0);
      expect(await page.title()).not.toContain('attacked');
    });
  });

  describe('the list', () => {
    test('has the clientContext first, and the id, which can be copied', async () => {
      const page = await openSignedIn({ permissions: ['clipboard-read', 'clipboard-write'] });
      expect(await rowOf(page, 'run').innerText()).toMatch(/^the lobby\s+run Copy/);
      await rowOf(page, 'run').getByRole('button', { name: 'Copy the id run' }).click();
      await page.getByRole('status').filter({ hasText: 'Copied' }).waitFor();
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe('run');
      expect(await page.locator('#detail').isVisible()).toBe(false);
    });

    test('is sorted by time, or by status', async () => {
      const page = await openSignedIn();
      const statuses = () => page.locator('#rows .status').allTextContents();
      const [byTime, shown] = [await order(page), await statuses()];
      await page.getByRole('button', { name: 'Status', exact: true }).click();
      const ranks = ['NotStarted', 'Running', 'Completed', 'Failed'];
      expect(await statuses()).toEqual(shown.toSorted((a, b) => ranks.indexOf(a) - ranks.indexOf(b)));
      expect(await page.getByRole('columnheader', { name: 'Status' }).getAttribute('aria-sort')).toBe('ascending');
      expect(hash(page)).toBe('#sort=status');
      await page.getByRole('button', { name: 'Changed', exact: true }).click();
      expect(await order(page)).toEqual(byTime);
      expect(hash(page)).toBe('');
    });

    test('highlights what changed, once', async () => {
      for (const id of ['lit-1', 'lit-2', 'lit-3']) await patch(service, { id, status: 'Running' });
      const page = await openSignedIn();
      const lit = () =>
        page.evaluate(`document.getAnimations().map(({ effect }) => effect.target.querySelector('code').textContent)`);
      for (const id of ['lit-1', 'lit-2', 'lit-3']) {
        await patch(service, { id, resultInfo: { message: 'changed' } });
        await lookAgain(page);
        await page
          .locator('#rows tr')
          .first()
          .filter({ has: openerOf(page, id) })
          .waitFor();
        // What changed is on top: the rows are inserted anew.
        expect(await lit()).toEqual([id]);
        await page.evaluate('for (const animation of document.getAnimations()) animation.finish()');
      }
      await lookAgain(page);
      expect(await lit()).toEqual([]);
    });

    test('does not move under the pointer', async () => {
      await patch(service, { id: 'still', status: 'Running' });
      const page = await openSignedIn();
      const before = await order(page);
      await rowOf(page, 'done').hover();
      await patch(service, { id: 'done', resultInfo: { code: 7 } });
      await patch(service, { id: 'arrived', status: 'Running' });
      await send(service, 'DELETE', '/v1.0/playPromptOperation/still');
      await lookAgain(page);
      await page.getByText('1 new: shown when the pointer leaves the list.').waitFor();
      expect(await order(page)).toEqual(before);
      await page.mouse.move(0, 0);
      await rowOf(page, 'arrived').waitFor();
      expect((await order(page)).slice(0, 2)).toEqual(['arrived', 'done']);
      expect(await rowOf(page, 'still').count()).toBe(0);
      await send(service, 'DELETE', '/v1.0/playPromptOperation/arrived');
    });
  });

  describe('the subscriptions', () => {
    const section = (page: Page) => page.locator('#subscriptions');

    test('show how the last delivery of each went, and the receiver without its query', async () => {
      const page = await openSignedIn();
      const rowTo = (text: string) => section(page).getByRole('row').filter({ hasText: text });
      const rows = await section(page).locator('tbody tr').allInnerTexts();
      expect(rows).toHaveLength(3);
      expect(rows.join()).not.toContain('key-of-the-receiver');
      expect(await rowTo('/bad').innerText()).toMatch(/^playPromptOperation\/notified\s+created to .*\s+status 500 /);
      const [hostile] = rows.filter((row) => row.includes(HOSTILE));
      expect(hostile).toContain('none yet');
      expect(rows.filter((row) => /\/good\s+delivered /.test(row))).toHaveLength(1);
      expect(await page.title()).not.toBe('1');
    });

    test('are gone after signing out', async () => {
      const page = await openSignedIn();
      await page.getByRole('button', { name: 'Sign out' }).click();
      expect(await page.locator('body').innerHTML()).not.toContain('/bad');
    });

    test('are not asked for where the service sends no notifications', async () => {
      const page = await open();
      const paths = new Set<string>();
      page.on('request', (request) => paths.add(new URL(request.url()).pathname));
      await page.route('**/v1.0/', async (route) => {
        const response = await route.fetch();
        const { value, ...others } = await response.json();
        const without = value.filter(({ name }: { name: string }) => name !== 'subscriptions');
        await route.fulfill({ response, json: { ...others, value: without } });
      });
      await signIn(page, service.facts.token ?? '');
      await rowOf(page, 'run').waitFor();
      expect(paths).toContain('/v1.0/');
      expect(paths).not.toContain('/v1.0/subscriptions');
      expect(await section(page).isVisible()).toBe(false);
    });

    test('are not shown to a token of no application', async () => {
      const page = await open();
      await page.route('**/v1.0/subscriptions', (route) =>
        route.fulfill({ status: 403, json: { error: { message: 'The access token names no application.' } } }),
      );
      await signIn(page, service.facts.token ?? '');
      await rowOf(page, 'run').waitFor();
      expect(await section(page).isVisible()).toBe(false);
      expect(opened?.complaints.splice(0).every((complaint) => complaint.includes('403'))).toBe(true);
    });
  });

  describe('a link', () => {
    const openAt = async (fragment: string) => {
      opened = await openPage(browser, `${service.facts.baseUrl}/board${fragment}`);
      await signIn(opened.page, service.facts.token ?? '');
      return opened.page;
    };

    test('leads to an operation, also to one that is not in the list', async () => {
      const page = await openAt('#status=Failed&id=run');
      await detailOf(page, 'run').waitFor();
      expect(await page.getByRole('heading', { name: 'the lobby' }).isVisible()).toBe(true);
      expect(await order(page)).not.toContain('run');
      expect(await page.evaluate('document.activeElement.id')).toBe('detail');
    });

    test('leads to a filter', async () => {
      const page = await openAt('#status=Running&text=LOBBY');
      await rowOf(page, 'run').waitFor();
      expect(await order(page)).toEqual(['run']);
      expect(await page.getByRole('searchbox').inputValue()).toBe('LOBBY');
      expect(await page.getByRole('button', { name: /^Running/ }).getAttribute('aria-pressed')).toBe('true');
    });

    test('is what the address bar has', async () => {
      const page = await openSignedIn();
      await page.getByRole('searchbox').fill('lobby');
      await openDetail(page, 'run');
      expect(hash(page)).toBe('#text=lobby&id=run');
      await page.getByRole('button', { name: 'Sign out' }).click();
      expect(hash(page)).toBe('');
    });

    test.each(['nowhere', '..'])('to an operation %s, which does not exist, shows a message', async (id) => {
      const page = await openAt(`#id=${id}`);
      await page.getByRole('alert').getByText(`There is no operation ${id}.`, { exact: true }).waitFor();
      expect(opened?.complaints.splice(0).every((complaint) => complaint.includes('404'))).toBe(true);
    });
  });

  test('where there is nothing yet, a command shows how to begin', async () => {
    const page = await open();
    await page.route('**/v1.0/**', (route) => route.fulfill({ json: { '@odata.count': 0, value: [] } }));
    await signIn(page, service.facts.token ?? '');
    await page.getByText('This command creates the first one:').waitFor();
    const command = await page.locator('#command').innerText();
    const { stdout } = await promisify(execFile)('sh', ['-c', command], {
      env: { ...process.env, TOKEN: service.facts.token ?? '' },
    });
    expect(JSON.parse(stdout)).toMatchObject({ id: 'prompt-1', clientContext: 'call 7', status: 'Running' });
  });

  test('a time has no line break on a phone', async () => {
    const page = await openSignedIn({ viewport: { width: 390, height: 800 } });
    const heights: unknown = await page.evaluate(
      `[...document.querySelectorAll('#rows time')].map((time) => time.getClientRects().length)`,
    );
    expect(new Set(z.array(z.number()).parse(heights))).toEqual(new Set([1]));
  });

  test('a time of another day has its date, and fits on a phone', async () => {
    const page = await openSignedIn({ viewport: { width: 320, height: 800 } });
    await page.clock.setSystemTime(Date.now() + 3 * 24 * 3_600_000);
    await lookAgain(page);
    const date = new Date().toLocaleDateString('en-US', { dateStyle: 'short' });
    await rowOf(page, 'run').getByText(date).waitFor();
    expect(await isTooWide(page)).toBe(false);
  });

  describe('a change by another caller', () => {
    test('appears, is announced, and stays in the history of the operation', async () => {
      await patch(service, { id: 'watched', status: 'NotStarted' });
      const page = await openSignedIn();
      await openDetail(page, 'watched');
      await patch(service, { id: 'watched', status: 'Running', resultInfo: { message: 'Half of it.' } });
      await lookAgain(page);
      const detail = detailOf(page, 'watched');
      await detail.getByText('status from NotStarted to Running').waitFor();
      expect(await detail.getByText('resultInfo/message from null to Half of it.').count()).toBe(1);
      expect(await rowOf(page, 'watched').innerText()).toContain('Running');
      await page.getByRole('status').filter({ hasText: '1 changed or new' }).waitFor();

      await patch(service, { id: 'watched', status: 'Completed' });
      await lookAgain(page);
      await detail.getByText('status from Running to Completed').waitFor();
      const [latest, ...earlier] = await detail.getByRole('listitem').allInnerTexts();
      expect(latest).toContain('Completed');
      expect(earlier).toHaveLength(2);
    });

    test('appears in the detail also when the operation has left the chosen status', async () => {
      await patch(service, { id: 'leaving', status: 'Running' });
      const page = await openSignedIn();
      await page.getByRole('button', { name: /^Running/ }).click();
      await rowOf(page, 'lost').waitFor({ state: 'detached' });
      await openDetail(page, 'leaving');
      await patch(service, { id: 'leaving', status: 'Failed' });
      await lookAgain(page);
      await rowOf(page, 'leaving').waitFor({ state: 'detached' });
      await detailOf(page, 'leaving').getByText('status from Running to Failed').waitFor();
    });

    test('may be a delete', async () => {
      await patch(service, { id: 'deleted', status: 'Failed' });
      const page = await openSignedIn();
      await openDetail(page, 'deleted');
      await send(service, 'DELETE', '/v1.0/playPromptOperation/deleted');
      await lookAgain(page);
      await rowOf(page, 'deleted').waitFor({ state: 'detached' });
      expect(await detailOf(page, 'deleted').getByRole('listitem').first().innerText()).toContain('deleted');
      expect(opened?.complaints.splice(0).every((complaint) => complaint.includes('404'))).toBe(true);
    });
  });

  describe('the page looks again', () => {
    const countCalls = (page: Page) => {
      let count = 0;
      page.on('request', (request) => {
        if (request.url().includes('/v1.0/')) count += 1;
      });
      return () => count;
    };

    test('not while it is paused, and at once when it resumes', async () => {
      const page = await openSignedIn();
      await page.getByRole('button', { name: 'Pause' }).click();
      const count = countCalls(page);
      await lookAgain(page);
      expect(count()).toBe(0);
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByText(/^Live/).waitFor();
      expect(count()).toBeGreaterThan(0);
    });

    test('not while its tab is hidden, and at once when it is visible', async () => {
      const page = await openSignedIn();
      const show = (hidden: boolean) =>
        page.evaluate(
          `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
           document.dispatchEvent(new Event('visibilitychange'));`,
        );
      await show(true);
      const count = countCalls(page);
      await lookAgain(page);
      expect(count()).toBe(0);
      const again = page.waitForRequest(/\/v1\.0\//);
      await show(false);
      await again;
    });

    const failures: readonly [
      title: string,
      fail: (route: Route) => Promise<void>,
      message: string,
      seconds: number,
    ][] = [
      ['it cannot be reached', (route) => route.abort(), 'The service cannot be reached.', 10],
      [
        'it sends Retry-After',
        (route) =>
          route.fulfill({ status: 503, headers: { 'Retry-After': '60' }, json: { error: { message: 'Away.' } } }),
        'Away.',
        60,
      ],
    ];
    test.each(failures)('later, with a message, while %s', async (_title, fail, message, seconds) => {
      const page = await openSignedIn();
      await page.route('**/v1.0/**', fail);
      await page.clock.pauseAt(Date.now() + 600_000);
      await page.getByRole('alert').getByText(message).waitFor();
      await page.getByText(/^Not live; tries again at/).waitFor();
      expect(await rowOf(page, 'run').count()).toBe(1);
      const count = countCalls(page);
      await page.clock.runFor((seconds - 1) * 1000);
      expect(count()).toBe(0);
      await page.unroute('**/v1.0/**');
      await page.clock.runFor(1000);
      await page.getByText(/^Live/).waitFor();
      expect(await page.getByRole('alert').innerText()).toBe('');
      expect(opened?.complaints.splice(0).every((complaint) => /ERR_FAILED|503/.test(complaint))).toBe(true);
    });

    test('after signing in again, though it was paused before', async () => {
      const page = await openSignedIn();
      await openDetail(page, 'run');
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByRole('button', { name: 'Sign out' }).click();
      expect(await page.locator('body').innerHTML()).not.toContain('the lobby');
      await signIn(page, service.facts.token ?? '');
      await rowOf(page, 'run').waitFor();
      expect(await page.getByRole('button', { name: 'Pause' }).getAttribute('aria-pressed')).toBe('false');
    });
  });

  describe('anybody can use it', () => {
    test('with the keyboard alone', async () => {
      const page = await open();
      const focused = () => page.evaluate('document.activeElement.id || document.activeElement.dataset.id');
      expect(await focused()).toBe('token');
      await page.keyboard.insertText(service.facts.token ?? '');
      await page.keyboard.press('Enter');
      await rowOf(page, 'run').waitFor();
      expect(await focused()).toBe((await order(page))[0]);
      for (let n = 0; n < 50 && (await focused()) !== 'run'; n++) await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      expect(await detailOf(page, 'run').isVisible()).toBe(true);
      expect(await focused()).toBe('detail');
      await page.keyboard.press('Escape');
      expect(await page.locator('#detail').isVisible()).toBe(false);
      expect(await focused()).toBe('run');
    });

    test('and keeps their place when the operations change', async () => {
      const page = await openSignedIn();
      await openerOf(page, 'run').focus();
      await patch(service, { id: 'run', resultInfo: { code: Date.now() % 1000 } });
      await lookAgain(page);
      await page.getByRole('status').filter({ hasText: 'changed or new' }).waitFor();
      expect(await page.evaluate('document.activeElement.dataset.id')).toBe('run');
    });

    const long = 'x'.repeat(128);
    describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
      test.each([320, 390, 760, 1440])(
        'on %d pixels, with no fault of access and no scrolling sideways',
        async (width) => {
          const resultInfo = { message: 'm'.repeat(2000) };
          await patch(service, { id: long, clientContext: 'w'.repeat(256), status: 'Running', resultInfo });
          const page = await open({ colorScheme, viewport: { width, height: 640 }, reducedMotion: 'reduce' });
          expect([await accessibilityFaults(page), await isTooWide(page)]).toEqual([[], false]);
          await signIn(page, service.facts.token ?? '');
          await rowOf(page, long).waitFor();
          expect([await accessibilityFaults(page), await isTooWide(page)]).toEqual([[], false]);
          await openDetail(page, long);
          await patch(service, { id: long, status: 'Failed' });
          await lookAgain(page);
          await detailOf(page, long).getByText('status from Running to Failed').waitFor();
          expect([await accessibilityFaults(page), await isTooWide(page)]).toEqual([[], false]);
        },
      );
    });
  });
});
