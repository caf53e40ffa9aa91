// Updates at a fixed, moderate rate: CPU and latency.
import { startEnvironment } from '../environment.ts';
import type { Plan } from '../plan.ts';
import { figureOf, number } from '../report/markdown.ts';
import type { Goal, Part, Section } from '../results.ts';
import { estimate, median, ratios } from '../statistics.ts';
import {
  type Contender,
  HOST_ONLY,
  PLAIN_FUNCTION,
  peers,
  SERVICE,
  startBareTable,
  startServer,
} from './contenders.ts';
import {
  type Figures,
  inPacedRounds,
  PACED_REQUESTS,
  PER_SECOND,
  type Running,
  ratio,
  running,
  valuesOf,
} from './turns.ts';

export async function measurePaced(plan: Plan, progress: (what: string) => void): Promise<Part> {
  const { figures, contenders } = await inPacedRounds(start, plan, plan.pacedBudgetMs, goals, progress);
  return { goals: goals(figures), sections: [section(figures, contenders, plan)] };
}

/** No more than these: each process more pushes the code and the data of the others out of the processor's caches. */
async function start(): Promise<Running> {
  const environment = await startEnvironment();
  const written = peers(environment).filter(({ key }) => key === 'nodeHttp');
  const contenders: Contender[] = [];
  for (const server of [SERVICE, HOST_ONLY, PLAIN_FUNCTION, ...written]) {
    contenders.push(await startServer(server, environment));
  }
  for (const isWriteOnly of [false, true]) contenders.push(await startBareTable(environment, { isWriteOnly }));
  return running(environment, contenders);
}

/** The CPU of what is deployed: a function without the embedded host, which is measured alone in the same round. */
function deployedCpu(figures: readonly Figures[], { key } = SERVICE) {
  const host = valuesOf(figures, 'cpu', HOST_ONLY.key);
  return valuesOf(figures, 'cpu', key).map((cpu, round) => cpu - (host[round] ?? Number.NaN));
}

/** About the p50 of a service that takes no time of its own: the embedded host alone and one update by the bare SDK. */
function leastP50(figures: readonly Figures[]) {
  const host = valuesOf(figures, 'p50', HOST_ONLY.key);
  const update = valuesOf(figures, 'p50', 'bareWrite');
  const reference = valuesOf(figures, 'p50', 'bareTable');
  return reference.map((time, round) => ((host[round] ?? Number.NaN) + (update[round] ?? Number.NaN)) / time);
}

function goals(figures: readonly Figures[]): Goal[] {
  const written = valuesOf(figures, 'cpu', 'nodeHttp');
  const deployed = ratios(deployedCpu(figures), written);
  return [
    {
      measure: 'p50 at a fixed rate, to the bare SDK that reads and writes',
      most: 0.9,
      figure: ratio(figures, 'p50', SERVICE.key, 'bareTable'),
    },
    { measure: 'CPU of what is deployed, to plain node:http', most: 0.7, figure: estimate(deployed) },
    {
      measure: 'CPU with the embedded host, to plain node:http',
      most: 1,
      figure: ratio(figures, 'cpu', SERVICE.key, 'nodeHttp'),
    },
  ];
}

function section(figures: readonly Figures[], contenders: readonly Contender[], { pacedTurns }: Plan): Section {
  const written = valuesOf(figures, 'cpu', 'nodeHttp');
  const toWritten = (values: readonly number[]) => figureOf(ratios(values, written));
  return {
    title: 'At a fixed rate',
    text: `One PATCH with the id in the URL, an RS256 token of the same issuer, and a body of some 300 bytes that changes something
every time, over kept-alive connections; ${PER_SECOND} requests a second, whether or not those before were answered. A latency
counts from the time at which the request was due. CPU is \`process.cpuUsage\` of the server, all threads, for each response;
that of the bare SDK is not given, since its process also keeps the time. Each contender has a process and a table of its
own. Each round starts and warms up everything anew; in it each takes ${pacedTurns} turns of ${PACED_REQUESTS} requests, every time in
another order. The store is Azurite in memory.

"The plainest function" is one on the same packages that checks the token, parses the body with zod, and makes one store
request: it has no limits and no OData, and keeps all that it wrote and every token, so that it works only as a single
instance. node:http verifies the token each time; this service does once in five minutes. "What is deployed" is a function
without what the embedded host costs by itself: an HTTP server, a router and conversions, which Azure runs outside of the app's process.

A service on this host that took no time of its own would take about as long as the host alone and one update by the bare SDK:
${figureOf(leastP50(figures))} of the bare SDK's that reads and writes.`,
    columns: ['', 'p50 ms', 'p99 ms', 'CPU ms', 'CPU to node:http', 'store CPU ms', 'RSS MiB', 'not 2xx'],
    rows: [
      ...contenders.map(({ key, title, isServer }) => {
        const own = figures.filter(({ contender }) => contender === key);
        return [
          title,
          figureOf(own.map(({ p50 }) => p50)),
          figureOf(own.map(({ p99 }) => p99)),
          ...(isServer ? [figureOf(own.map(({ cpu }) => cpu)), toWritten(own.map(({ cpu }) => cpu))] : ['', '']),
          figureOf(own.flatMap(({ storeCpu = [] }) => storeCpu)),
          number(median(own.map(({ rssMiB }) => rssMiB))),
          String(own.reduce((sum, { failed }) => sum + failed, 0)),
        ];
      }),
      ...[SERVICE, PLAIN_FUNCTION].map((server) => [
        `${contenders.find(({ key }) => key === server.key)?.title}: what is deployed`,
        '',
        '',
        figureOf(deployedCpu(figures, server)),
        toWritten(deployedCpu(figures, server)),
        '',
        '',
        '',
      ]),
    ],
  };
}
