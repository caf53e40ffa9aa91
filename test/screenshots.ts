// `npm run screenshots`: takes the screenshots of the documentation, of the pages as they are, with a Chromium.
import type { BrowserContextOptions, Page } from 'playwright-core';
import { launch, openPage } from './support/browser.ts';
import { newFolder, patch, startService, type TestService } from './support/service.ts';

const OPERATIONS = [
  {
    id: 'welcome-0142',
    clientContext: 'Contoso support, welcome',
    status: 'Completed',
    reason: 'completedSuccessfully',
  },
  {
    id: 'menu-0142',
    clientContext: 'Contoso support, main menu',
    status: 'Completed',
    reason: 'completedSuccessfully',
  },
  {
    id: 'hold-0139',
    clientContext: 'Fabrikam sales, music on hold',
    status: 'Failed',
    reason: 'mediaOperationCanceled',
  },
  { id: 'queue-0143', clientContext: 'Contoso support, place in the queue', status: 'Running' },
  { id: 'menu-0144', clientContext: 'Fabrikam sales, main menu', status: 'Running' },
  { id: 'survey-0137', clientContext: 'Contoso support, survey', status: 'NotStarted' },
];
const RESULTS: Readonly<Record<string, object>> = {
  Completed: { code: 200, message: 'The prompt was played.' },
  Failed: { code: 487, subcode: 8501, message: 'The caller hung up.' },
};
const DESK = { viewport: { width: 1000, height: 400 } };

const folder = newFolder();
const service = await startService({ AZURITE_LOCATION: folder.path });
const browser = await launch();
try {
  for (const { reason: completionReason, ...operation } of OPERATIONS) {
    await patch(service, { ...operation, completionReason, resultInfo: RESULTS[operation.status] });
  }
  await take(
    'board',
    DESK,
    async (page) => {
      await showBoard(page, service);
      await patch(service, { id: 'menu-0144', status: 'Completed', resultInfo: RESULTS.Completed });
      await page.clock.fastForward('00:10');
      await page.getByText('status from Running to Completed').waitFor();
    },
    '#id=menu-0144',
  );
  await take('board-phone', { viewport: { width: 390, height: 640 }, colorScheme: 'dark' }, (page) =>
    showBoard(page, service),
  );
  await take('docs', DESK, (page) => page.locator('.opblock').first().waitFor());
} finally {
  await browser.close();
  await service.end('SIGINT');
  folder.remove();
}

async function take(name: string, options: BrowserContextOptions, show: (page: Page) => Promise<void>, fragment = '') {
  const path = name.replace(/-.*/, '');
  const { page } = await openPage(browser, `${service.facts.baseUrl}/${path}${fragment}`, options);
  await show(page);
  await page.mouse.move(0, 0);
  await page.evaluate('for (const animation of document.getAnimations()) animation.finish()');
  await page.screenshot({ path: `docs/images/${name}.png` });
  await page.context().close();
}

async function showBoard(page: Page, { facts }: TestService) {
  await page.getByLabel('Access token').fill(facts.token ?? '');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('#rows tr').first().waitFor();
}
