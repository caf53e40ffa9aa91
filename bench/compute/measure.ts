import { startChild } from '../../local/childProcess.ts';
import type { Plan } from '../plan.ts';
import { figureOf } from '../report/markdown.ts';
import type { Part } from '../results.ts';
import { estimate } from '../statistics.ts';
import { compute, type contenders } from './figures.ts';

export async function measureCompute(plan: Plan, progress: (what: string) => void): Promise<Part> {
  progress('CPU with a store in the process, and with one that responds at once');
  const child = await startChild(new URL('process.ts', import.meta.url).href, {
    ...process.env,
    BENCH_ROUNDS: String(plan.computeRounds),
  });
  await child.stop();
  const { rounds, profile } = compute.parse(child.ready);
  const of = (key: (typeof contenders)[number]) => rounds.map((round) => round[key]);
  const toHandWritten = rounds.map(({ handler, handWritten }) => handler / handWritten);
  const toPlainFunction = rounds.map(({ service, plainFunction }) => service / plainFunction);
  return {
    goals: [
      { measure: 'CPU of the handler with an in-process store', most: 60, unit: 'us', figure: estimate(of('handler')) },
      { measure: 'CPU of the handler, to the handler written by hand', most: 1.15, figure: estimate(toHandWritten) },
    ],
    sections: [
      {
        title: 'The handler alone',
        text: `The handler of \`functions/updatePlayPromptOperation.ts\` with an in-process store in the table's place, warm, one request
at a time: CPU of all threads for each PATCH, in us. The requests are built before the clock starts. A turn has ten of them.
The handler written by hand gives the same response to an ordinary update, and rejects anything else.`,
        columns: ['', 'us'],
        rows: [
          ['this service', figureOf(of('handler'))],
          ['written by hand', figureOf(of('handWritten'))],
          ['ratio', figureOf(toHandWritten)],
        ],
      },
      {
        title: 'With a store that responds at once',
        text: `The same for the whole function, with the table's repository, and for the plainest function, with a store in another process
that acknowledges every write at once. What the one takes beyond the other is the price of limits, OData, deadlines,
spans, and a store that others may write to.`,
        columns: ['', 'us'],
        rows: [
          ['this service', figureOf(of('service'))],
          ['the plainest function', figureOf(of('plainFunction'))],
          ['ratio', figureOf(toPlainFunction)],
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
