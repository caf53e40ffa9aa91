// The board as an operator meets it: in a real browser, over HTTP, beside others who change the operations.
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser, BrowserContextOptions, Page, Request } from 'playwright-core';
import * as z from 'zod';
import { accessibilityFaults, isTooWide, launch, openPage } from '../support/browser.ts';
import { describeInChromium } from '../support/describeInChromium.ts';
import { type RecordingReceiver, startRecordingReceiver, subscribe } from '../support/recordingReceiver.ts';
import { patch, send } from '../support/service.ts';
import { until } from '../support/until.ts';
import { useService } from '../support/useService.ts';

/** The resource of a subscription, which is text and no markup. */
const HOSTILE = `playPromptOperation?$filter=clientContext eq '<img src=x onerror="document.title=1">'`;
const LIST = '/v1.0/playPromptOperation';

describeInChromium('the board', () => {
  const service = useService({ PAGES: 'board', NOTIFICATION_HOSTS: '127.0.0.1' });
  let browser: Browser;
  let receiver: RecordingReceiver;
  let opened: Awaited<ReturnType<typeof openPage>> | undefined;
  beforeAll(async () => {
    browser = await launch();
    receiver = await startRecordingReceiver();
    receiver.reply = (path, token) => (path === '/bad' && token === null ? { status: 500 } : undefined);
    for (const [path, resource] of [
      ['/good?code=key-of-the-receiver', 'playPromptOperation/notified'],
      ['/bad', 'playPromptOperation/notified'],
      ['/good', HOSTILE],
    ] as const) {
      await subscribe(service, receiver, path, resource, 'created');
    }
    await patch(service, { id: 'notified' });
    await until(async () => {
      const { json } = await send(service, 'GET', '/v1.0/subscriptions');
      return json.value.filter((each: object) => '@playPromptOperation.lastDelivery' in each).length === 2;
    });
    await patch(service, { id: 'done', status: 'Completed', completionReason: 'completedSuccessfully' });
    await patch(service, { id: 'lost', status: 'Failed', resultInfo: { code: 500, message: 'Media lost.' } });
    await patch(service, { id: 'run', status: 'Running', clientContext: 'the lobby' });
  });
  afterAll(async () => {
    await browser?.close();
    await receiver?.close();
  });
  afterEach(async () => {
    await opened?.page.context().close();
    const complaints = opened?.complaints;
    opened = undefined;
    expect(complaints).toEqual([]);
  });

  async function open(fragment = '', options?: BrowserContextOptions): Promise<Page> {
    opened = await openPage(browser, `${service.facts.baseUrl}/board${fragment}`, options);
    return opened.page;
  }

  /** Opens the board, and signs in by one click. */
  async function openSignedIn(fragment = '', options?: BrowserContextOptions): Promise<Page> {
    const page = await open(fragment, options);
    await signIn(page);
    await page.locator('#board').waitFor();
    // The list keeps its order while the pointer is over it.
    await page.mouse.move(0, 0);
    return page;
  }

  const signIn = (page: Page) => page.getByRole('button', { name: 'Sign in on this laptop' }).click();

  async function pasteToken(page: Page, token: string) {
    await page.getByLabel('Access token').fill(token);
    await page.getByRole('button', { name: 'Sign in with this token' }).click();
  }

  /** What the browser complains about when the service answers with these statuses. */
  function expectComplaints(pattern: RegExp) {
    expect(opened?.complaints.splice(0)).toEqual(expect.arrayContaining([expect.stringMatching(pattern)]));
  }

  /** A time zone in which it is between ten and eleven in the morning. */
  function timezoneAtTen(): string {
    const behind = new Date().getUTCHours() - 10;
    return behind > 12 ? `Etc/GMT-${24 - behind}` : `Etc/GMT${behind < 0 ? '' : '+'}${behind}`;
  }

  const openerOf = (page: Page, id: string) => page.locator(`[data-id="${id}"]`);
  const rowOf = (page: Page, id: string) => page.getByRole('row').filter({ has: openerOf(page, id) });
  /** Lets the page look again, however long it would wait. */
  const lookAgain = (page: Page) => page.clock.fastForward('10:00');
  const find = (page: Page, text: string) => page.getByRole('searchbox').fill(text);
  const detailOf = (page: Page, id: string) =>
    page.locator('#detail').filter({ has: page.getByRole('button', { name: `Copy the id ${id}`, exact: true }) });
  /** The ids of the rows, from top to bottom. */
  const order = async (page: Page) =>
    z
      .array(z.string())
      .parse(await page.evaluate(`[...document.querySelectorAll('#rows [data-id]')].map(({ dataset }) => dataset.id)`));
  const hash = (page: Page) => new URL(page.url()).hash;
  const focused = (page: Page) => page.evaluate('document.activeElement.id || document.activeElement.dataset.id');

  test('one click signs in on a laptop: all operations, the last changed first, and how many of each status', async () => {
    const page = await open();
    const requests: Request[] = [];
    page.on('request', (request) => requests.push(request));
    expect(await focused(page)).toBe('local-sign-in');
    await signIn(page);
    await rowOf(page, 'run').waitFor();
    const { json } = await send(service, 'GET', `${LIST}?$top=999`);
    const statuses: string[] = json.value.map(({ status }: { status: string }) => status);
    const count = (status: string) => statuses.filter((each) => each === status).length;
    expect((await order(page))[0]).toBe('run');
    expect(await page.locator('#rows tr').count()).toBe(statuses.length);
    const words = ['NotStarted', 'Running', 'Completed', 'Failed'].map((status) => `${status} ${count(status)}`);
    expect(await page.getByRole('img', { name: words.join(', ') }).count()).toBe(1);
    for (const text of words) expect(await page.getByRole('button', { name: text }).count()).toBe(1);

    // The token comes from the issuer, and goes to the service and nowhere else.
    const { baseUrl, tokenEndpoint } = service.facts;
    for (const request of requests) {
      const isForToken = request.url() === tokenEndpoint;
      expect(new URL(request.url()).origin).toBe(isForToken ? new URL(tokenEndpoint).origin : baseUrl);
      const hasToken = request.headers().authorization !== undefined;
      expect(hasToken).toBe(new URL(request.url()).pathname.startsWith('/v1.0/'));
      if (hasToken) expect(request.method()).toBe('GET');
    }
    const kept = await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie, location.href]');
    expect(kept).toEqual([0, 0, '', `${baseUrl}/board`]);

    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    const left = await page.locator('body').innerHTML();
    expect([left.includes('the lobby'), left.includes('/bad')]).toEqual([false, false]);
    await signIn(page);
    await rowOf(page, 'run').waitFor();
    expect(await page.getByRole('button', { name: 'Pause' }).getAttribute('aria-pressed')).toBe('false');
    await page.reload();
    expect(await page.getByLabel('Access token').isVisible()).toBe(true);
  });

  test('a token that was pasted is masked, and what is wrong with it stands beside it', async () => {
    const page = await open();
    await pasteToken(page, 'not.a.token');
    const why = page.locator('#sign-in').getByRole('alert').filter({ hasText: /token/i });
    await why.waitFor();
    expect(await page.getByLabel('Access token').inputValue()).toBe('');
    expect(await focused(page)).toBe('token');
    expect(await page.evaluate(`getComputedStyle(document.activeElement).webkitTextSecurity`)).toBe('disc');
    expectComplaints(/401/);
    await pasteToken(page, `Bearer ${service.facts.token}`);
    await rowOf(page, 'run').waitFor();
    expect(await why.count()).toBe(0);

    await page.route('**/v1.0/**', (route) =>
      route.continue({ headers: { ...route.request().headers(), authorization: 'Bearer expired' } }),
    );
    await lookAgain(page);
    await why.waitFor();
    expect(await page.getByText('the lobby').count()).toBe(0);
    expectComplaints(/401/);
  });

  test('the token is sent to the origin of the page only, even if a link of the list names another', async () => {
    const page = await open();
    const origins = new Set<string>();
    await page.route(
      (url) => url.searchParams.get('$top') === '500' && !url.searchParams.has('$skiptoken'),
      async (route) => {
        const response = await route.fetch();
        const next = new URL('https://elsewhere.example/v1.0/playPromptOperation?$top=1&$skiptoken=x');
        await route.fulfill({ response, json: { ...(await response.json()), '@odata.nextLink': next } });
      },
    );
    page.on('request', (request) => origins.add(new URL(request.url()).origin));
    await pasteToken(page, service.facts.token ?? '');
    // The service does not take what was made up.
    await page.getByRole('alert').getByText('$skiptoken').waitFor();
    expect([...origins]).toEqual([service.facts.baseUrl]);
    expectComplaints(/400/);
  });

  test('what is shown can be narrowed to a status and a text, sorted, and linked to', async () => {
    const page = await openSignedIn();
    const byTime = await order(page);
    await page.getByRole('button', { name: 'Status', exact: true }).click();
    const ranks = ['NotStarted', 'Running', 'Completed', 'Failed'];
    const statuses = await page.locator('#rows .status').allTextContents();
    expect(statuses).toEqual(statuses.toSorted((a, b) => ranks.indexOf(a) - ranks.indexOf(b)));
    expect(await page.getByRole('columnheader', { name: 'Status' }).getAttribute('aria-sort')).toBe('ascending');
    expect(hash(page)).toBe('#sort=status');
    await page.getByRole('button', { name: 'Changed', exact: true }).click();
    expect([await order(page), hash(page)]).toEqual([byTime, '']);

    await find(page, 'LOBBY');
    expect(await order(page)).toEqual(['run']);
    expect(await page.getByText('1 operation has this text.').isVisible()).toBe(true);
    await openerOf(page, 'run').click();
    expect(hash(page)).toBe('#text=LOBBY&id=run');
    await find(page, 'no such text');
    expect(await page.getByText('None of them has this text.').isVisible()).toBe(true);
    expect(await detailOf(page, 'run').getByText('The filter leaves it out of the list.').isVisible()).toBe(true);
    await find(page, '');
    expect(await page.locator('#apart').isVisible()).toBe(false);

    const filtered = page.waitForRequest((one) => one.url().includes('Failed') && !one.url().includes('count'));
    const button = page.getByRole('button', { name: /^Failed/ });
    await button.click();
    await filtered;
    await rowOf(page, 'run').waitFor({ state: 'detached' });
    expect([await rowOf(page, 'lost').count(), await button.getAttribute('aria-pressed')]).toEqual([1, 'true']);

    await page.goto(`${service.facts.baseUrl}/board#status=Failed&id=run`);
    await page.reload();
    await signIn(page);
    await detailOf(page, 'run').waitFor();
    expect(await page.getByRole('heading', { name: 'the lobby' }).isVisible()).toBe(true);
    expect(await order(page)).not.toContain('run');
    expect(await focused(page)).toBe('detail');
    for (const id of ['nowhere', '..']) {
      await page.goto(`${service.facts.baseUrl}/board#id=${id}`);
      await page.getByRole('alert').getByText(`There is no operation ${id}.`, { exact: true }).waitFor();
    }
    expectComplaints(/404/);
  });

  test('above 1,000 operations it says what is loaded, and finds the others by the service', async () => {
    const page = await open('#id=run');
    const { json: template } = await send(service, 'GET', `${LIST}/run`);
    const queries: string[] = [];
    let counted: object = { json: { '@odata.count': 600, value: [] } };
    let [pages, isDated] = [0, false];
    await page.route(`**${LIST}?**`, (route) => {
      const { searchParams } = new URL(route.request().url());
      const filter = searchParams.get('$filter') ?? '';
      if (searchParams.has('$count')) return route.fulfill(counted);
      if (filter.startsWith('id eq')) return route.fallback();
      if (filter !== '') {
        queries.push(filter);
        const found = isDated ? { id: 'late' } : { id: 'beyond', clientContext: "o'clock 9" };
        return route.fulfill({ json: { value: [{ ...template, ...found }] } });
      }
      pages += 1;
      const value = Array.from({ length: 500 }, (_, n) => ({
        ...template,
        id: `many-${pages % 2}-${n}`,
        lastActionDateTime: isDated ? new Date((pages % 2) * 1000 + n).toISOString() : null,
      }));
      const next = `${service.facts.baseUrl}${LIST}?$skiptoken=${pages}`;
      return route.fulfill({ json: { value, '@odata.nextLink': next } });
    });
    await signIn(page);
    await page.getByText('1,000 of 2,400 operations are loaded, in no order of time').waitFor();
    await page.getByText(/^Live for what is loaded, as of .*, every \d+ s$/).waitFor();
    expect(pages).toBe(2);
    expect(await detailOf(page, 'run').getByText('The list has not loaded it.').isVisible()).toBe(true);
    await find(page, "o'clock");
    await rowOf(page, 'beyond').waitFor();
    expect(queries).toEqual(["startswith(clientContext,'o''clock')"]);
    await page.getByText('1 found: among 1,000 of 2,400 operations').waitFor();
    await find(page, 'lost');
    await rowOf(page, 'lost').waitFor();
    counted = { status: 400, json: { error: { message: 'There are too many.' } } };
    await lookAgain(page);
    await page.getByRole('button', { name: 'All too many' }).waitFor();
    await page.getByText('among 1,000 of more operations').waitFor();
    expectComplaints(/400/);

    // Where operations have times, those that changed last are loaded: here a quarter of the 1,000 changed after the 750th.
    isDated = true;
    await find(page, '');
    await lookAgain(page);
    await page.getByText(/^1 of more operations are loaded: all that changed since \w+ \d+, 19\d\d\./).waitFor();
    await page.getByText(/^Live, as of .*, every \d+ s$/).waitFor();
    expect([await order(page), queries.at(-1)]).toEqual([['late'], 'lastActionDateTime ge 1970-01-01T00:00:01.249Z']);
    expectComplaints(/400/);
  });

  test('what has not ended, and has not changed for 10 minutes, is marked, counted and listed as stuck', async () => {
    const page = await openSignedIn();
    expect(await rowOf(page, 'run').innerText()).not.toContain('stuck');
    await lookAgain(page);
    await lookAgain(page);
    await rowOf(page, 'run')
      .getByText(/^stuck 2\d min$/)
      .waitFor();
    await page.getByRole('button', { name: /^Stuck [1-9]/ }).click();
    await rowOf(page, 'done').waitFor({ state: 'detached' });
    expect(hash(page)).toBe('#status=Stuck');
    await openerOf(page, 'run').click();
    for (const text of [/^2\d min; stuck: no change for 2\d min$/, 'created', 'last action']) {
      expect(await detailOf(page, 'run').getByText(text, { exact: true }).count()).toBe(1);
    }
  });

  test('a row has one line: the middle of a long context is cut, markup is text, and the id can be copied', async () => {
    const clientContext = `${'long '.repeat(40)}<img src=x onerror="document.title='attacked'">`;
    const message = '<script>document.title="attacked"</script>';
    await patch(service, { id: 'hostile', clientContext, resultInfo: { message } });
    const page = await openSignedIn('', { permissions: ['clipboard-read', 'clipboard-write'] });
    const row = rowOf(page, 'hostile');
    expect(await row.locator('.open .end').innerText()).toBe(clientContext.slice(-10));
    expect(await openerOf(page, 'hostile').getAttribute('title')).toBe(clientContext);
    const height = 'Math.max(...[...document.querySelectorAll("#rows tr")].map(({ offsetHeight }) => offsetHeight))';
    expect(await page.evaluate(height)).toBeLessThanOrEqual(36);
    await openerOf(page, 'hostile').click();
    for (const text of [clientContext, message])
      expect(await page.locator('#properties').getByText(text, { exact: true }).count()).toBe(1);
    expect(await row.locator('.results').isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Copy the id hostile' }).click();
    await page.getByRole('status').filter({ hasText: 'Copied' }).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe('hostile');
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).not.toContain('attacked');
  });

  test('a change by another caller appears, is announced and highlighted once, and stays in the history', async () => {
    for (const id of ['watched', 'deleted', 'still']) await patch(service, { id, status: 'NotStarted' });
    const page = await openSignedIn();
    await openerOf(page, 'watched').click();
    await patch(service, { id: 'watched', status: 'Running', resultInfo: { message: 'Half of it.' } });
    await page.mouse.move(0, 0);
    await lookAgain(page);
    const detail = detailOf(page, 'watched');
    await detail.getByText('status from NotStarted to Running').waitFor();
    expect(await detail.getByText('resultInfo/message from null to Half of it.').count()).toBe(1);
    await page.getByRole('status').filter({ hasText: '1 changed or new' }).waitFor();
    const lit = () =>
      page.evaluate(`document.getAnimations().map(({ effect }) => effect.target.querySelector('button').dataset.id)`);
    expect([await lit(), (await order(page))[0]]).toEqual([['watched'], 'watched']);
    await page.evaluate('for (const animation of document.getAnimations()) animation.finish()');

    await page.getByRole('button', { name: /^Running/ }).click();
    await rowOf(page, 'lost').waitFor({ state: 'detached' });
    await patch(service, { id: 'watched', status: 'Completed' });
    await lookAgain(page);
    await rowOf(page, 'watched').waitFor({ state: 'detached' });
    await detail.getByText('status from Running to Completed').waitFor();
    expect(await detail.getByRole('listitem').count()).toBe(3);
    await page.getByRole('button', { name: /^All/ }).click();
    await rowOf(page, 'watched').waitFor();

    // Nothing moves under the pointer.
    await page.getByRole('button', { name: 'Close' }).click();
    const before = await order(page);
    await rowOf(page, 'done').hover();
    await patch(service, { id: 'done', resultInfo: { code: 7 } });
    await patch(service, { id: 'arrived', status: 'Running' });
    await send(service, 'DELETE', `${LIST}/still`);
    await lookAgain(page);
    await page.getByText('1 new: shown when the pointer leaves the list.').waitFor();
    expect(await order(page)).toEqual(before);
    await page.mouse.move(0, 0);
    await rowOf(page, 'arrived').waitFor();
    expect((await order(page)).slice(0, 2)).toEqual(['arrived', 'done']);
    expect(await rowOf(page, 'still').count()).toBe(0);

    await openerOf(page, 'deleted').click();
    await page.mouse.move(0, 0);
    await send(service, 'DELETE', `${LIST}/deleted`);
    await lookAgain(page);
    await rowOf(page, 'deleted').waitFor({ state: 'detached' });
    expect(await detailOf(page, 'deleted').getByRole('listitem').first().innerText()).toContain('deleted');
    expectComplaints(/404/);
  });

  test('it looks again at its interval: not while paused or hidden, later while the service fails, and says when it is late', async () => {
    const page = await openSignedIn();
    let [count, underWay] = [0, 0];
    const callsAre = (more: number) => (request: Request) => {
      if (!request.url().includes('/v1.0/')) return;
      if (more > 0) count += more;
      underWay += more;
    };
    page.on('request', callsAre(1)).on('requestfinished', callsAre(-1)).on('requestfailed', callsAre(-1));
    /** Stops the clock, and waits until no look is under way. */
    const stopClock = async () => {
      await page.clock.pauseAt(z.number().parse(await page.evaluate('Date.now()')) + 1000);
      while (underWay > 0) await delay(20);
      await page.getByText(/^Live/).waitFor();
    };
    await page.getByText(/^Live, as of .*, every \d+ s$/).waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await lookAgain(page);
    expect(count).toBe(0);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText(/^Live/).waitFor();
    expect(count).toBeGreaterThan(0);

    const show = (hidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
         document.dispatchEvent(new Event('visibilitychange'));`,
      );
    await show(true);
    count = 0;
    await lookAgain(page);
    expect(count).toBe(0);
    const again = page.waitForResponse(`**${LIST}?**`);
    await show(false);
    await again;

    for (const [answer, message, seconds] of [
      [undefined, 'The service cannot be reached.', 10],
      [{ status: 503, headers: { 'Retry-After': '60' }, json: { error: { message: 'Away.' } } }, 'Away.', 60],
    ] as const) {
      await stopClock();
      await page.route('**/v1.0/**', (route) => (answer ? route.fulfill(answer) : route.abort()));
      await lookAgain(page);
      await page.getByRole('alert').getByText(message).waitFor();
      await page.getByText(/^Not live; tries again at/).waitFor();
      expect(await rowOf(page, 'run').count()).toBe(1);
      count = 0;
      await page.clock.runFor((seconds - 1) * 1000);
      expect(count).toBe(0);
      await page.unroute('**/v1.0/**');
      await page.clock.runFor(1000);
      await page.getByText(/^Live/).waitFor();
      expect(await page.locator('#error').innerText()).toBe('');
      expectComplaints(/ERR_FAILED|503/);
      await page.clock.resume();
    }

    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    await page.route('**/v1.0/**', async (route) => {
      await answered;
      await route.continue();
    });
    await lookAgain(page);
    await page.clock.fastForward('00:06');
    await page.getByText(/^Waiting for the service; as of \d/).waitFor();
    answer();
    await page.getByText(/^Live/).waitFor();
  });

  test('subscriptions have a tab: how the last delivery of each went, and the receiver without its query', async () => {
    const page = await openSignedIn();
    await page.getByRole('tab', { name: 'Operations' }).focus();
    await page.keyboard.press('ArrowRight');
    const panel = page.getByRole('tabpanel', { name: 'Subscriptions 3' });
    const rows = await panel.locator('tbody tr').allInnerTexts();
    expect(hash(page)).toBe('#tab=subscriptions');
    expect(rows).toHaveLength(3);
    expect(rows.join()).not.toContain('key-of-the-receiver');
    const failed = rows.filter((row) => /^playPromptOperation\/notified\s+created to .*\/bad\s+status 500 /.test(row));
    const delivered = rows.filter((row) => /\/good\s+delivered /.test(row));
    const fresh = rows.filter((row) => row.includes(HOSTILE) && row.includes('none yet'));
    expect([failed.length, delivered.length, fresh.length]).toEqual([1, 1, 1]);
    expect(await page.title()).not.toBe('1');

    // Without the feature, or for a token of no application, there is no tab.
    await page.route('**/v1.0/subscriptions', (route) =>
      route.fulfill({ status: 403, json: { error: { message: 'The access token names no application.' } } }),
    );
    await lookAgain(page);
    await page.getByRole('tab').first().waitFor({ state: 'hidden' });
    expectComplaints(/403/);
  });

  test('where there is nothing yet, a command shows how to begin', async () => {
    const page = await open();
    await page.route('**/v1.0/**', (route) => route.fulfill({ json: { '@odata.count': 0, value: [] } }));
    await signIn(page);
    await page.getByText('This command creates the first one:').waitFor();
    const command = await page.locator('#command').innerText();
    const env = { ...process.env, TOKEN: service.facts.token ?? '' };
    const { stdout } = await promisify(execFile)('sh', ['-c', command], { env });
    expect(JSON.parse(stdout)).toMatchObject({ id: 'prompt-1', clientContext: 'call 7', status: 'Running' });
  });

  test('it can be used with the keyboard alone, and keeps the place when operations change', async () => {
    const page = await open();
    await page.keyboard.press('Enter');
    await page.locator('#board').waitFor();
    const [first, second] = await order(page);
    expect(await focused(page)).toBe(first);
    await page.keyboard.press('ArrowDown');
    expect(await focused(page)).toBe(second);
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe((await order(page))[2]);
    await openerOf(page, 'run').focus();
    await patch(service, { id: 'run', resultInfo: { code: 1 } });
    await lookAgain(page);
    await page.getByRole('status').filter({ hasText: 'changed or new' }).waitFor();
    expect(await focused(page)).toBe('run');
    await page.keyboard.press('Enter');
    expect([await detailOf(page, 'run').isVisible(), await focused(page)]).toEqual([true, 'detail']);
    await page.keyboard.press('Escape');
    expect([await page.locator('#detail').isVisible(), await focused(page)]).toEqual([false, 'run']);
  });

  test.each(['light', 'dark'] as const)(
    'in %s, it has no fault of access and no scrolling sideways at any width',
    async (colorScheme) => {
      const long = 'x'.repeat(128);
      const resultInfo = { message: 'm'.repeat(2000) };
      await patch(service, { id: long, clientContext: 'w'.repeat(256), status: 'Running', resultInfo });
      const timeZone = timezoneAtTen();
      const page = await open('', { colorScheme, reducedMotion: 'reduce', timezoneId: timeZone });
      const check = async () => {
        for (const width of [1440, 1200, 1024, 760, 390, 320]) {
          await page.setViewportSize({ width, height: 640 });
          expect([width, await isTooWide(page)]).toEqual([width, false]);
          // The context has room for its end, where there is a list.
          const room = await page.evaluate('document.querySelector("#rows .open")?.offsetWidth || 999');
          expect([width, Number(room) >= 80]).toEqual([width, true]);
          if (width === 1440 || width === 390) expect(await accessibilityFaults(page)).toEqual([]);
        }
      };
      await check();
      await signIn(page);
      await rowOf(page, long).waitFor();
      await check();
      // The widest time (10:00:00 AM) is on one line today, and fits as a date on another day.
      await page.setViewportSize({ width: 390, height: 640 });
      const lines = await page.evaluate(
        `[...document.querySelectorAll('#rows time')].map((time) => time.getClientRects().length)`,
      );
      expect(new Set(z.array(z.number()).parse(lines))).toEqual(new Set([1]));
      await page.getByRole('tab', { name: /^Subscriptions/ }).click();
      await check();
      await page.getByRole('tab', { name: 'Operations' }).click();
      await page.clock.setSystemTime(Date.now() + 3 * 24 * 3_600_000);
      await lookAgain(page);
      const date = new Date().toLocaleDateString('en-US', { month: 'short', day: 'numeric', timeZone });
      await rowOf(page, long).getByText(date).waitFor();
      await check();
      await openerOf(page, long).click();
      await check();
      expect(await page.locator('time').filter({ hasText: /^\d/ }).count()).toBe(0);
    },
  );
});
