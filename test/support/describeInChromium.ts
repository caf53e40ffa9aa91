import { describe } from '@jest/globals';
import { executablePath } from './browser.ts';

/** As `describe`, but skipped, with a warning, where there is no Chromium. */
export function describeInChromium(title: string, tests: () => void): void {
  if (executablePath) describe(title, tests);
  else describe.skip(`${title} (skipped: no Chromium; CHROMIUM names one)`, tests);
}
