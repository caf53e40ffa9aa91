// `npm run screenshots`: takes the screenshots of the documentation, of the pages as they are, with a Chromium. With a folder
// as argument it takes the board there in each of its forms, to be looked at.
import { mkdirSync } from 'node:fs';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { launch, openPage } from './support/browser.ts';
import { newFolder, patch, send, startService } from './support/service.ts';

const CALLERS = ['Contoso support', 'Fabrikam sales', 'Northwind orders', 'Adventure Works'];
const PROMPTS = ['welcome', 'main menu', 'place in the queue', 'music on hold', 'recording notice', 'survey'];
const RESULTS: Readonly<Record<string, object>> = {
  Completed: {
    completionReason: 'completedSuccessfully',
    resultInfo: { code: 200, message: 'The prompt was played.' },
  },
  Failed: {
    completionReason: 'mediaOperationCanceled',
    resultInfo: { code: 400, subcode: 8508, message: 'The caller hung up before the prompt had been played.' },
  },
};
const MANY = 2030;
const SIZES = { '1440': { width: 1440, height: 900 }, '390': { width: 390, height: 844 } };

const [folder] = process.argv.slice(2);
const target = folder ?? 'docs/images';
mkdirSync(target, { recursive: true });
const data = newFolder();
const service = await startService({ AZURITE_LOCATION: data.path }, ['--build']);
const browser = await launch();
try {
  await create(0, 30);
  if (folder === undefined) {
    await take('board', { viewport: { width: 1440, height: 720 } }, showDetail, 'board#id=prompt-29');
    await take('board-phone', { viewport: SIZES['390'], colorScheme: 'dark' }, showStuck);
    await take('docs', { viewport: { width: 1440, height: 560 } }, showDocs, 'docs');
    await create(30, MANY);
    await take('board-many', { viewport: { width: 1440, height: 560 }, colorScheme: 'dark' }, showBoard);
    await take('board-phone-many', { viewport: SIZES['390'] }, showBoard);
  } else {
    await takeInEachForm({
      'board-30': [showBoard],
      detail: [showDetail, 'board#id=prompt-29'],
      stuck: [showStuck],
      subscriptions: [showBoard, 'board#tab=subscriptions'],
      docs: [showDocs, 'docs'],
      'sign-in': [async () => {}],
      home: [async () => {}, ''],
    });
    await create(30, MANY);
    await takeInEachForm({ 'board-2030': [showBoard], found: [showBoard, 'board#text=prompt-17'] });
  }
} finally {
  await browser.close();
  await service.end('SIGINT');
  data.remove();
}

async function takeInEachForm(shots: Readonly<Record<string, [show: (page: Page) => Promise<void>, path?: string]>>) {
  for (const [name, shown] of Object.entries(shots)) {
    for (const [width, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await take(`${name}-${width}-${colorScheme}`, { viewport, colorScheme }, ...shown);
      }
    }
  }
}

/** Creates prompts, in batches. */
async function create(from: number, to: number) {
  for (let first = from; first < to; first += 20) {
    const requests = Array.from({ length: Math.min(20, to - first) }, (_, n) => {
      const index = first + n;
      const status = ['Completed', 'Completed', 'Running', 'Completed', 'Failed', 'NotStarted'][index % 6] ?? 'Running';
      const conference = index % 7 === 3 ? ', conference of the regional managers for the second quarter' : '';
      const call = `call ${140 + Math.floor(index / 3)}/${PROMPTS[index % 6]}`;
      const clientContext = index % 11 === 5 ? null : `${CALLERS[index % 4]}${conference}, ${call}`;
      const body = { status, clientContext, ...RESULTS[status] };
      const id = index % 5 === 2 ? `6e6cd9f5-cb67-5e4d-a378-cefb25a6${8000 + index}` : `prompt-${index}`;
      const url = `/playPromptOperation/${id}`;
      return { id: String(n), method: 'PATCH', url, headers: { 'Content-Type': 'application/json' }, body };
    });
    await send(service, 'POST', '/v1.0/$batch', { body: { requests } });
  }
}

async function take(name: string, options: BrowserContextOptions, show: (page: Page) => Promise<void>, path = 'board') {
  const { page } = await openPage(browser, `${service.facts.baseUrl}/${path}`, options);
  await show(page);
  await page.mouse.move(0, 0);
  await page.evaluate('document.activeElement.blur()');
  await page.evaluate('for (const animation of document.getAnimations()) animation.finish()');
  await page.screenshot({ path: `${target}/${name}.png` });
  await page.context().close();
}

async function showBoard(page: Page) {
  await page.getByRole('button', { name: 'Sign in on this laptop' }).click();
  await page.locator('#rows tr').first().waitFor({ state: 'attached' });
}

async function showDetail(page: Page) {
  await showBoard(page);
  const id = new URLSearchParams(new URL(page.url()).hash.slice(1)).get('id') ?? '';
  await patch(service, { id, status: 'Running', resultInfo: null, completionReason: null });
  await page.clock.fastForward('00:10');
  await page.getByText(/^status from .* to Running$/).waitFor();
  await patch(service, { id, status: 'Completed', ...RESULTS.Completed });
  await page.clock.fastForward('00:10');
  await page.getByText('status from Running to Completed').waitFor();
}

/** The board a quarter of an hour later. */
async function showStuck(page: Page) {
  await page.clock.setSystemTime(Date.now() + 15 * 60_000);
  await showBoard(page);
}

async function showDocs(page: Page) {
  await page.locator('.opblock').first().waitFor();
  await page.getByRole('button', { name: 'Sign in on this laptop' }).click();
  await page.getByText('Signed in').waitFor();
}
