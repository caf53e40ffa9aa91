import { startChild } from '../../local/childProcess.ts';
import type { Plan } from '../plan.ts';
import { figureOf } from '../report/markdown.ts';
import type { Part } from '../results.ts';
import { estimate } from '../statistics.ts';
import { compute } from './figures.ts';

export async function measureCompute(plan: Plan, progress: (what: string) => void): Promise<Part> {
  progress('CPU of the handler');
  const child = await startChild(
    new URL('process.ts', import.meta.url).href,
    { ...process.env, BENCH_BATCHES: String(plan.computeBatches) },
    { execArgv: ['--expose-gc'] },
  );
  await child.stop();
  const { handlers, profile } = compute.parse(child.ready);
  const service = handlers.map((batch) => batch.service);
  const toHandWritten = handlers.map((batch) => batch.service / batch.handWritten);
  return {
    goals: [
      { measure: 'CPU of the handler with an in-process store', most: 60, unit: 'us', figure: estimate(service) },
      { measure: 'CPU of the handler, to the handler written by hand', most: 1.15, figure: estimate(toHandWritten) },
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
    ],
  };
}
