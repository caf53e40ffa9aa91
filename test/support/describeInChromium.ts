import { describe } from '@jest/globals';
import { executablePath } from './browser.ts';

/** As `describe`, but skipped, with a sentence, where there is no Chromium; CI must have one. */
export function describeInChromium(title: string, tests: () => void): void {
  if (executablePath || process.env.CI) describe(title, tests);
  else describe.skip(`${title} (skipped: no Chromium; CHROMIUM names one)`, tests);
}
