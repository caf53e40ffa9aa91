// A real Chromium, as the machine has it; CHROMIUM names another.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import * as z from 'zod';

export const executablePath = [
  process.env.CHROMIUM ?? '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find(existsSync);

/** Starts the browser. */
export const launch = (): Promise<Browser> => chromium.launch({ ...(executablePath && { executablePath }) });

/**
 * A page, and all that it complained of: errors on its console, and violations of its Content-Security-Policy. Its timers
 * run as they should, and ahead where a test asks for that by `page.clock`.
 */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  // The system may have another language.
  const page = await browser.newPage({ locale: 'en-US', ...options });
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.clock.install();
  await page.goto(url);
  return { page, complaints };
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const results = z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) }));

/** What axe-core finds against WCAG 2.2 AA and good practice: the rule, and the elements that break it. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const violations: unknown = await page.evaluate('axe.run().then(({ violations }) => violations)');
  return results.parse(violations).flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

/** Whether the page is wider than the screen. */
export async function isTooWide(page: Page): Promise<boolean> {
  return z.boolean().parse(await page.evaluate('document.documentElement.scrollWidth > innerWidth'));
}
