import { startChild } from '../../local/childProcess.ts';
import type { Plan } from '../plan.ts';
import { type Compute, compute } from '../results.ts';

export async function measureCompute(plan: Plan, progress: (what: string) => void): Promise<Compute> {
  progress('CPU of the handler');
  const { computeBatches: batches, storedInProcess } = plan;
  const child = await startChild(
    new URL('process.ts', import.meta.url).href,
    { ...process.env, BENCH_COMPUTE: JSON.stringify({ batches, storedInProcess }) },
    { execArgv: ['--expose-gc'] },
  );
  await child.stop();
  return compute.parse(child.ready);
}
