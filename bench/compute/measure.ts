import { startChild } from '../../local/childProcess.ts';
import type { Plan } from '../plan.ts';
import { figureOf } from '../report/markdown.ts';
import type { Part } from '../results.ts';
import { estimate } from '../statistics.ts';
import { compute } from './figures.ts';

export async function measureCompute(plan: Plan, progress: (what: string) => void): Promise<Part> {
  progress('CPU of the handler');
  const { computeBatches: batches, storedInProcess } = plan;
  const child = await startChild(
    new URL('process.ts', import.meta.url).href,
    { ...process.env, BENCH_COMPUTE: JSON.stringify({ batches, storedInProcess }) },
    { execArgv: ['--expose-gc'] },
  );
  await child.stop();
  const { handlers, stored, profile } = compute.parse(child.ready);
  const [least, greatest] = [stored.at(0), stored.at(-1)];
  const growth = (greatest?.cpu ?? []).map((cpu, batch) => cpu / (least?.cpu[batch] ?? Number.NaN));
  const service = handlers.map((batch) => batch.service);
  const toHandWritten = handlers.map((batch) => batch.service / batch.handWritten);
  return {
    goals: [
      { measure: 'CPU of the handler with an in-process store', most: 60, unit: 'us', figure: estimate(service) },
      { measure: 'the same, to the handler written by hand', most: 1.15, figure: estimate(toHandWritten) },
      {
        measure: `the same with ${greatest?.operations} operations stored, to ${least?.operations}`,
        most: 1.5,
        figure: estimate(growth),
      },
    ],
    sections: [
      {
        title: 'The handler alone',
        text: `The handler of \`functions/updatePlayPromptOperation.ts\` with an in-process store in the table's place, warm, one request
after the other: CPU of all threads for each PATCH, in us. The requests are made before the time counts. The other
handler does the same, written by hand in one piece.`,
        columns: ['', 'us'],
        rows: [
          ['this service', figureOf(service)],
          ['written by hand', figureOf(handlers.map(({ handWritten }) => handWritten))],
          ['ratio', figureOf(toHandWritten)],
        ],
      },
      {
        title: 'The handler alone: profile',
        text: 'Where the time goes, by a sampling profile. Native code counts for the module that calls it.',
        columns: ['module', 'share'],
        rows: profile.map(({ where, share }) => [where, `${(share * 100).toFixed(0)} %`]),
      },
      {
        title: 'The handler alone: growth',
        text: 'CPU of a PATCH in us with so many operations stored in the process, updated in no order, none of them cached.',
        columns: ['stored', 'us'],
        rows: stored.map(({ operations, cpu }) => [String(operations), figureOf(cpu)]),
      },
    ],
  };
}
