import type { Run } from '../results.ts';

/** When, where and with what a part of the results was measured. */
export function reportRun({ date, machine, versions, quick }: Run): string {
  const warning = quick ? ' **A quick run: to see that it works, not to be quoted.**' : '';
  return `Measured on ${date}: ${machine}. ${versions}.${warning}`;
}
