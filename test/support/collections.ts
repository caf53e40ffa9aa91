// Loaded by `--import` into the host that a test watches: reports on standard error, after each collection of garbage, how much
// of the old space is in use, which only a major collection frees.
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics } from 'node:v8';
import * as z from 'zod';

const collection = z.object({ detail: z.object({ kind: z.number() }) });

if (process.argv[1]?.endsWith('host.ts')) {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const isMinor = collection.parse(entry).detail.kind === constants.NODE_PERFORMANCE_GC_MINOR;
      const old = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space');
      console.error(`collection ${isMinor ? 'minor' : 'major'} ${old?.space_used_size}`);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
}
