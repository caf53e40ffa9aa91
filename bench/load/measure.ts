// All contenders under the same loads, alternating, in one run.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Environment, startEnvironment } from '../environment.ts';
import type { Plan } from '../plan.ts';
import { figureOf, number } from '../report/markdown.ts';
import { plot } from '../report/plot.ts';
import type { Goal, Part, Section } from '../results.ts';
import { estimate, exactly, median, shuffled } from '../statistics.ts';
import {
  type Contender,
  HOST_ONLY,
  PLAIN_FUNCTION,
  peers,
  SERVICE,
  startBareTable,
  startServer,
} from './contenders.ts';
import { countRoundTrips } from './roundTrips.ts';
import { COMPARED_AT, heatUp, inRounds, PER_SECOND, ratio, type Turn, takeTurn, valuesOf } from './turns.ts';
import { operationIds } from './updates.ts';

const HOT_WRITERS = [1, 16, 64];

const PLOT_FILE = 'latency-throughput.svg';

export async function measureLoads(plan: Plan, progress: (what: string) => void, folder: string): Promise<Part> {
  const environment = await startEnvironment({ postgres: true });
  const contenders: Contender[] = [];
  try {
    const service = await startServer(SERVICE, environment);
    contenders.push(service);
    for (const server of [HOST_ONLY, PLAIN_FUNCTION, ...peers(environment)]) {
      contenders.push(await startServer(server, environment));
    }
    for (const isWriteOnly of [false, true]) contenders.push(await startBareTable(environment, { isWriteOnly }));
    const compared = contenders.filter(({ key }) => key !== HOST_ONLY.key);
    // The plainest function cannot update an operation twice at the same time.
    const full = compared.filter(({ key }) => key !== PLAIN_FUNCTION.key);
    const operations = operationIds(plan.operations);
    await heatUp(contenders, operations, plan.heatUpMs, progress);

    const pacedTurn = (contender: Contender, round: number) =>
      takeTurn(environment, contender, round, 0, () => contender.paced(operations, plan.paced, PER_SECOND));
    const closedTurn = (contender: Contender, round: number, callers: number, ids = operations) =>
      takeTurn(environment, contender, round, callers, () => contender.closed(ids, callers, plan.closedMs));

    const paced = await inRounds(contenders, plan.leastRounds, plan.pacedBudgetMs, pacedTurn, pacedGoals, (round) =>
      progress(`at ${PER_SECOND} requests a second, round ${round + 1}`),
    );
    const closed = await inRounds(
      compared,
      plan.leastRounds,
      plan.closedBudgetMs,
      (contender, round) => closedTurn(contender, round, COMPARED_AT),
      closedGoals,
      (round) => progress(`${COMPARED_AT} callers, round ${round + 1}`),
    );
    const growth: Turn[] = [];
    for (const callers of plan.callers) {
      progress(`${callers} callers`);
      for (const contender of full) growth.push(await closedTurn(contender, 0, callers));
    }
    progress('more callers, in rounds');
    const kept: number[] = [];
    for (let round = 0; round < plan.leastRounds * 3; round++) {
      const perSecond = new Map<number, number>();
      for (const callers of shuffled([COMPARED_AT, 64, 256])) {
        perSecond.set(callers, (await closedTurn(service, round, callers)).perSecond);
      }
      const [reference = Number.NaN, ...more] = [COMPARED_AT, 64, 256].map((callers) => perSecond.get(callers));
      kept.push(Math.min(...more.map((each = Number.NaN) => each)) / reference);
    }
    const hot: Turn[] = [];
    for (const writers of HOT_WRITERS) {
      progress(`${writers} callers on one operation`);
      for (const contender of full.filter(({ isServer }) => isServer)) {
        progress(`  ${contender.title}`);
        hot.push(await closedTurn(contender, 0, writers, operations.slice(0, 1)));
      }
    }
    progress('reading back');
    const lost = new Map<string, number | undefined>();
    for (const contender of contenders) lost.set(contender.key, await contender.countLost());
    const trips = await countRoundTrips(environment, progress);

    const titleOf = (key: string) => contenders.find((contender) => contender.key === key)?.title ?? key;
    const series = [...closed.filter(({ contender }) => contender !== PLAIN_FUNCTION.key), ...growth];
    const points = [...Map.groupBy(series, ({ contender, callers }) => `${contender} ${callers}`).values()];
    const plotted = points.map((turns) => ({
      contender: titleOf(turns[0]?.contender ?? ''),
      callers: turns[0]?.callers ?? 0,
      throughput: median(turns.map(({ perSecond }) => perSecond)),
      latency: median(turns.map(({ p50 }) => p50)),
    }));
    writeFileSync(resolve(folder, PLOT_FILE), await plot(plotted));

    const all = [...paced, ...closed, ...growth, ...hot];
    const faulty = contenders.map(({ key, title }) => {
      const failed = all.reduce((sum, turn) => sum + (turn.contender === key ? turn.failed : 0), 0);
      return { key, title, failed, lost: lost.get(key) };
    });
    if (lost.get(SERVICE.key) !== 0) {
      console.error(`${titleOf(SERVICE.key)} acknowledged updates that are not in the store.`);
      process.exitCode = 1;
    }
    const counted = trips.find(({ contender }) => contender === SERVICE.key);
    return {
      goals: [
        ...pacedGoals(paced),
        ...closedGoals(closed),
        {
          measure: 'responses per second, the lower of 64 and 256 callers, to 16 callers',
          least: 0.8,
          figure: estimate(kept),
        },
        {
          measure: 'store requests of an update, operation cached',
          most: 1,
          figure: exactly(counted?.updateOfCached ?? 0),
        },
        {
          measure: 'store requests of an update, operation not cached',
          most: 2,
          figure: exactly(counted?.updateOfUncached ?? 0),
        },
      ],
      sections: [
        pacedSection(paced, titleOf, environment),
        closedSection(closed, titleOf),
        {
          title: 'Growing concurrency',
          text: `Responses per second, and p99 in ms, by number of callers: with ${COMPARED_AT} the median of the rounds, otherwise one turn.\n\n![Latency against throughput](${PLOT_FILE})`,
          ...seriesTable(series, titleOf),
        },
        {
          title: 'All callers on one operation',
          text: `The same, by number of callers that all update one operation. Each write must name the ETag of the one before it, so
that the service runs those of one instance one after the other: its throughput is that of one writer.`,
          ...seriesTable(hot, titleOf),
        },
        {
          title: 'Store requests of an update',
          text: 'Counted in front of the store.',
          columns: ['', 'create', 'update', 'update, operation not cached'],
          rows: trips.map(({ contender, create, updateOfCached, updateOfUncached }) => [
            titleOf(contender),
            ...[create, updateOfCached, updateOfUncached].map(number),
          ]),
        },
        {
          title: 'Failures',
          text: 'Responses that were not 2xx, and acknowledged updates that were not in the store afterwards.',
          columns: ['', 'not 2xx', 'lost'],
          rows: faulty.map((each) => [each.title, String(each.failed), String(each.lost ?? '')]),
        },
      ],
    };
  } finally {
    for (const contender of contenders) await contender.process.stop();
    await environment.close();
  }
}

/** The CPU of what is deployed: a function without the embedded host, which is measured alone in the same round. */
function deployedCpu(turns: readonly Turn[], { key } = SERVICE) {
  const host = valuesOf(turns, 'cpu', HOST_ONLY.key);
  return valuesOf(turns, 'cpu', key).map((cpu, round) => cpu - (host[round] ?? Number.NaN));
}

/** About the p50 of a service that takes no time of its own: the embedded host alone and one update by the bare SDK. */
function leastP50(turns: readonly Turn[]) {
  const host = valuesOf(turns, 'p50', HOST_ONLY.key);
  const update = valuesOf(turns, 'p50', 'bareWrite');
  const reference = valuesOf(turns, 'p50', 'bareTable');
  return reference.map((time, round) => ((host[round] ?? Number.NaN) + (update[round] ?? Number.NaN)) / time);
}

function pacedGoals(turns: readonly Turn[]): Goal[] {
  const written = valuesOf(turns, 'cpu', 'nodeHttp');
  const deployed = estimate(deployedCpu(turns).map((cpu, round) => cpu / (written[round] ?? Number.NaN)));
  return [
    {
      measure: 'p50 at a fixed rate, to the bare SDK that reads and writes',
      most: 0.9,
      figure: ratio(turns, 'p50', SERVICE.key, 'bareTable'),
    },
    { measure: 'CPU of what is deployed, to plain node:http', most: 0.7, figure: deployed },
    {
      measure: 'CPU with the embedded host, to plain node:http',
      most: 1,
      figure: ratio(turns, 'cpu', SERVICE.key, 'nodeHttp'),
    },
  ];
}

function closedGoals(turns: readonly Turn[]): Goal[] {
  const perSecond = (reference: string) => ratio(turns, 'perSecond', SERVICE.key, reference);
  const hasPostgres = turns.some(({ contender }) => contender === 'capPostgres');
  return [
    { measure: 'responses per second of 16 callers, to plain node:http', least: 1.2, figure: perSecond('nodeHttp') },
    ...(hasPostgres
      ? [
          {
            measure: 'responses per second of 16 callers, to SAP CAP on PostgreSQL',
            least: 1.5,
            figure: perSecond('capPostgres'),
          },
        ]
      : []),
    {
      measure: 'responses per second of 16 callers, to SAP CAP on SQLite in its process',
      least: 2,
      figure: perSecond('cap'),
    },
  ];
}

function pacedSection(turns: readonly Turn[], titleOf: (key: string) => string, environment: Environment): Section {
  const written = valuesOf(turns, 'cpu', 'nodeHttp');
  const toWritten = (values: readonly number[]) =>
    figureOf(values.map((value, round) => value / (written[round] ?? Number.NaN)));
  const postgres = environment.hasPostgres
    ? ''
    : ' SAP CAP on PostgreSQL was left out: PostgreSQL is not installed here.';
  return {
    title: 'At a fixed rate',
    text: `One PATCH with the id in the URL, an RS256 token of the same issuer, and a body of some 300 bytes that changes something
every time, over kept-alive connections; ${PER_SECOND} requests a second, whether or not those before were answered. A latency
counts from the time at which the request was due. CPU is \`process.cpuUsage\` of the server, all threads, for each response;
that of the bare SDK is not given, since its process also keeps the time. Each contender has a process and a table of its
own, and they take turns of one second, each round in another order. The store is Azurite in memory. SAP CAP has SQLite in
its own process, or PostgreSQL without fsync over a socket.${postgres}

"The plainest function" is one on the same packages that checks the token, parses the body with zod, and makes one store
request: it has no limits and no OData, and keeps all that it wrote and every token, so that it works only as a single
instance. Express and node:http verify the token each time; this service does once in five minutes. "What is deployed"
is a function without what the embedded host costs by itself: an HTTP server, a router and conversions, which Azure runs outside of the app's process.

A service on this host that took no time of its own would take about as long as the host alone and one update by the bare SDK:
${figureOf(leastP50(turns))} of the bare SDK's that reads and writes.`,
    columns: ['', 'p50 ms', 'p99 ms', 'CPU ms', 'CPU to node:http', 'store CPU ms', 'RSS MiB'],
    rows: [
      ...[...Map.groupBy(turns, ({ contender }) => contender)].map(([key, own]) => [
        titleOf(key),
        figureOf(own.map(({ p50 }) => p50)),
        figureOf(own.map(({ p99 }) => p99)),
        ...(key.startsWith('bare')
          ? ['', '']
          : [figureOf(own.map(({ cpu }) => cpu)), toWritten(valuesOf(turns, 'cpu', key))]),
        figureOf(own.flatMap(({ storeCpu = [] }) => storeCpu)),
        number(median(own.map(({ rssMiB }) => rssMiB))),
      ]),
      ...[SERVICE, PLAIN_FUNCTION].map((server) => [
        `${titleOf(server.key)}: what is deployed`,
        '',
        '',
        figureOf(deployedCpu(turns, server)),
        toWritten(deployedCpu(turns, server)),
        '',
        '',
      ]),
    ],
  };
}

function closedSection(turns: readonly Turn[], titleOf: (key: string) => string): Section {
  return {
    title: `${COMPARED_AT} callers`,
    text: `Each caller waits for a response before its next request. Load generator, server and store fill both cores, so that these
figures also measure how the processes are scheduled.`,
    columns: ['', 'responses/s', 'to node:http', 'p50 ms', 'p99 ms', 'CPU ms'],
    rows: [...Map.groupBy(turns, ({ contender }) => contender)].map(([key, own]) => {
      const written = valuesOf(turns, 'perSecond', 'nodeHttp');
      return [
        titleOf(key),
        figureOf(own.map(({ perSecond }) => perSecond)),
        figureOf(valuesOf(turns, 'perSecond', key).map((value, round) => value / (written[round] ?? Number.NaN))),
        figureOf(own.map(({ p50 }) => p50)),
        figureOf(own.map(({ p99 }) => p99)),
        figureOf(own.map(({ cpu }) => cpu)),
      ];
    }),
  };
}

function seriesTable(turns: readonly Turn[], titleOf: (key: string) => string) {
  const counts = [...new Set(turns.map(({ callers }) => callers))].toSorted((a, b) => a - b);
  const rows = [...Map.groupBy(turns, ({ contender }) => contender)].map(([key, own]) => [
    titleOf(key),
    ...counts.map((count) => {
      const at = own.filter(({ callers }) => callers === count);
      return `${number(median(at.map(({ perSecond }) => perSecond)))}, ${number(median(at.map(({ p99 }) => p99)))}`;
    }),
  ]);
  return { columns: ['', ...counts.map(String)], rows };
}
