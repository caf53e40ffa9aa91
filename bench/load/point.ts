import { setTimeout as delay } from 'node:timers/promises';
import type { Child } from '../../local/childProcess.ts';
import type { Point } from '../results.ts';
import { quantile } from '../statistics.ts';
import type { Contender } from './contenders.ts';
import type { Load } from './load.ts';
import { usageOf } from './usage.ts';

export interface Times {
  readonly warmUpMs: number;
  readonly measureMs: number;
}

let loads = 0;

/** Puts a load on a contender, measures it after its warm-up, and reads back what was written. */
export async function measurePoint(
  contender: Contender,
  store: Child,
  given: Omit<Load, 'tag'> & { readonly round: number },
  { warmUpMs, measureMs }: Times,
): Promise<Point> {
  const { round, concurrency, operations } = given;
  const drive = contender.drive({ concurrency, operations, tag: `load ${loads++}` });
  const usages = () => Promise.all([usageOf(contender.process), usageOf(store)]);
  await delay(warmUpMs);
  const [before, storeBefore] = await usages();
  await delay(measureMs);
  const [after, storeAfter] = await usages();
  const { answers, failed, expected } = await drive.stop();

  const latencies = answers.filter(([at]) => before.at < at && at <= after.at).map(([, latency]) => latency);
  if (latencies.length === 0) throw new Error(`${contender.title} answered nothing in ${measureMs} ms.`);
  const stored = await contender.stored();
  const lost = Object.entries(expected).filter(([id, messages]) => !messages.includes(stored.get(id) ?? ''));
  return {
    contender: contender.key,
    round,
    concurrency,
    requestsPerSecond: (latencies.length * 1000) / (after.at - before.at),
    p50: quantile(latencies, 0.5),
    p95: quantile(latencies, 0.95),
    p99: quantile(latencies, 0.99),
    cpuPerRequest: (after.cpuMs - before.cpuMs) / latencies.length,
    storeCpuPerRequest: (storeAfter.cpuMs - storeBefore.cpuMs) / latencies.length,
    rssMiB: after.rssMiB,
    answers: answers.length,
    failed,
    checked: Object.keys(expected).length,
    lost: lost.length,
  };
}
