// Loaded into each server before its own code: reports to the bench, on request, what the process has used so far.
import type { Usage } from './usage.ts';

process.on('message', (message) => {
  if (message !== 'usage') return;
  const { user, system } = process.cpuUsage();
  const usage: Usage = {
    cpuMs: (user + system) / 1000,
    rssMiB: process.memoryUsage.rss() / 2 ** 20,
  };
  process.send?.({ usage });
});
