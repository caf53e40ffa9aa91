// Updates while every request to the store takes a while, as over a network.
import { startChild } from '../../local/childProcess.ts';
import { listening, startEnvironment } from '../environment.ts';
import type { Plan } from '../plan.ts';
import { figureOf } from '../report/markdown.ts';
import type { Goal, Part } from '../results.ts';
import { type Contender, peers, SERVICE, startBareTable, startServer } from './contenders.ts';
import type { Network } from './network.ts';
import { type Figures, inPacedRounds, PER_SECOND, type Running, ratio, running } from './turns.ts';

/** How long every byte to the store, and from it, is under way. */
const ONE_WAY_MS = 2;

export async function measureDistance(plan: Plan, progress: (what: string) => void): Promise<Part> {
  progress('a store at a distance');
  const { figures, contenders } = await inPacedRounds(start, plan, plan.distanceBudgetMs, goals, progress);
  return {
    goals: goals(figures),
    sections: [
      {
        title: 'A store at a distance',
        text: `The same updates, ${PER_SECOND} a second, while every byte to the store, and every byte from it, is at least
${ONE_WAY_MS} ms under way.`,
        columns: ['', 'p50 ms', 'p99 ms', 'not 2xx'],
        rows: contenders.map(({ key, title }) => {
          const own = figures.filter(({ contender }) => contender === key);
          const failed = own.reduce((sum, each) => sum + each.failed, 0);
          return [title, figureOf(own.map(({ p50 }) => p50)), figureOf(own.map(({ p99 }) => p99)), String(failed)];
        }),
      },
    ],
  };
}

async function start(): Promise<Running> {
  const environment = await startEnvironment();
  const order: Network = { upstreamPort: listening.parse(environment.azurite.ready).port, oneWayMs: ONE_WAY_MS };
  const network = await startChild(new URL('network.ts', import.meta.url).href, {
    ...process.env,
    BENCH_NETWORK: JSON.stringify(order),
  });
  const storePort = listening.parse(network.ready).port;
  const contenders: Contender[] = [];
  for (const server of [SERVICE, ...peers(environment).filter(({ key }) => key === 'nodeHttp')]) {
    contenders.push(await startServer(server, environment, { storePort }));
  }
  contenders.push(await startBareTable(environment, { isWriteOnly: false, storePort }));
  return running(environment, contenders, network);
}

function goals(figures: readonly Figures[]): Goal[] {
  return [
    {
      measure: `p50 with a round trip of ${2 * ONE_WAY_MS} ms to the store, to the bare SDK that reads and writes`,
      most: 0.9,
      figure: ratio(figures, 'p50', SERVICE.key, 'bareTable'),
    },
  ];
}
