import { startChild } from '../../local/childProcess.ts';
import type { Plan } from '../plan.ts';
import { figureOf } from '../report/markdown.ts';
import type { Part } from '../results.ts';
import { estimate, median, shuffled } from '../statistics.ts';
import { compute } from './figures.ts';
import type { Order } from './process.ts';

const STORED_BATCHES = 5;

export async function measureCompute(plan: Plan, progress: (what: string) => void): Promise<Part> {
  progress('CPU of the handler');
  const { handlers, profile } = await run({ batches: plan.computeBatches });
  const stored = new Map(plan.storedInProcess.map((operations) => [operations, [] as number[]]));
  // Each number has a process of its own: the garbage of a million operations would cost the others time.
  for (let round = 0; round < plan.leastRounds * 2; round++) {
    progress(`CPU of the handler with many operations, round ${round + 1}`);
    for (const [operations, cpu] of shuffled([...stored])) {
      cpu.push(median((await run({ batches: STORED_BATCHES, stored: operations })).stored));
    }
  }
  const [least, greatest] = [Math.min(...stored.keys()), Math.max(...stored.keys())];
  const growth = (stored.get(greatest) ?? []).map((cpu, round) => cpu / (stored.get(least)?.[round] ?? Number.NaN));
  const service = handlers.map((batch) => batch.service);
  const toHandWritten = handlers.map((batch) => batch.service / batch.handWritten);
  return {
    goals: [
      { measure: 'CPU of the handler with an in-process store', most: 60, unit: 'us', figure: estimate(service) },
      { measure: 'CPU of the handler, to the handler written by hand', most: 1.15, figure: estimate(toHandWritten) },
      {
        measure: `CPU of the handler with ${greatest} operations stored, none cached, to ${least}`,
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
        rows: [...stored].map(([operations, cpu]) => [String(operations), figureOf(cpu)]),
      },
    ],
  };
}

async function run(order: Order) {
  const child = await startChild(
    new URL('process.ts', import.meta.url).href,
    { ...process.env, BENCH_COMPUTE: JSON.stringify(order) },
    { execArgv: ['--expose-gc'] },
  );
  await child.stop();
  return compute.parse(child.ready);
}
