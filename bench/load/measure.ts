// All contenders under the same loads, alternating, in one run.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Environment, startEnvironment } from '../environment.ts';
import type { Plan } from '../plan.ts';
import { figureOf, number } from '../report/markdown.ts';
import { plot } from '../report/plot.ts';
import type { Goal, Part, Section } from '../results.ts';
import { estimate, exactly, interleave, median, ratios } from '../statistics.ts';
import { type Contender, PLAIN_FUNCTION, peers, SERVICE, startBareTable, startServer } from './contenders.ts';
import { countRoundTrips } from './roundTrips.ts';
import { COMPARED_AT, type Figures, figuresOf, inRounds, ratio, seedAndWarmUp, takeTurn, valuesOf } from './turns.ts';
import { operationIds } from './updates.ts';

const HOT_WRITERS = [1, 16, 64];

/** Numbers of callers that the service is compared at with itself. */
const MANY_CALLERS = [64, 256];

/** What the goals compare with the service: only these take turns until the intervals are narrow. */
const COMPARED_WITH = ['nodeHttp', 'capPostgres', 'cap'];

const PLOT_FILE = 'latency-throughput.svg';

export async function measureLoads(plan: Plan, progress: (what: string) => void, folder: string): Promise<Part> {
  const environment = await startEnvironment({ postgres: true });
  const contenders: Contender[] = [];
  try {
    const service = await startServer(SERVICE, environment);
    contenders.push(service);
    for (const server of [PLAIN_FUNCTION, ...peers(environment)]) {
      contenders.push(await startServer(server, environment));
    }
    for (const isWriteOnly of [false, true]) contenders.push(await startBareTable(environment, { isWriteOnly }));
    // The plainest function cannot update an operation twice at the same time.
    const full = contenders.filter(({ key }) => key !== PLAIN_FUNCTION.key);
    const compared = contenders.filter(({ key }) => [SERVICE.key, ...COMPARED_WITH].includes(key));
    const operations = operationIds(plan.operations);
    progress('warming up');
    await seedAndWarmUp(contenders, operations, plan.warmUpMs);

    const closedTurn = async (contender: Contender, round: number, callers: number, ids = operations) =>
      figuresOf(contender, round, callers, [
        await takeTurn(environment, contender, () => contender.closed(ids, callers, plan.closedMs)),
      ]);
    const closed = await inRounds(
      { least: plan.leastRounds, budgetMs: plan.closedBudgetMs },
      async (round) => {
        progress(`${COMPARED_AT} callers, round ${round + 1}`);
        const turns = await interleave(round < plan.leastRounds ? contenders : compared, 1, (contender) =>
          closedTurn(contender, round, COMPARED_AT),
        );
        return [...turns.values()].flat();
      },
      goals,
    );
    const growth: Figures[] = [];
    for (const callers of plan.callers) {
      progress(`${callers} callers`);
      for (const contender of full) growth.push(await closedTurn(contender, 0, callers));
    }
    const many = await inRounds(
      { least: plan.leastRounds, budgetMs: plan.closedBudgetMs },
      async (round) => {
        progress(`${MANY_CALLERS.join(' and ')} callers, round ${round + 1}`);
        const turns = await interleave([COMPARED_AT, ...MANY_CALLERS], 1, (callers) =>
          closedTurn(service, round, callers),
        );
        return [...turns.values()].flat();
      },
      (figures) => [manyCallersGoal(figures)],
    );
    const hot: Figures[] = [];
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
    const plotted = points.map((figures) => ({
      contender: titleOf(figures[0]?.contender ?? ''),
      callers: figures[0]?.callers ?? 0,
      throughput: median(figures.map(({ perSecond }) => perSecond)),
      latency: median(figures.map(({ p50 }) => p50)),
    }));
    writeFileSync(resolve(folder, PLOT_FILE), await plot(plotted));

    const all = [...closed, ...growth, ...many, ...hot];
    const faulty = contenders.map(({ key, title }) => {
      const failed = all.reduce((sum, each) => sum + (each.contender === key ? each.failed : 0), 0);
      return { key, title, failed, lost: lost.get(key) };
    });
    if (lost.get(SERVICE.key) !== 0) {
      console.error(`${titleOf(SERVICE.key)} acknowledged updates that are not in the store.`);
      process.exitCode = 1;
    }
    const counted = trips.find(({ contender }) => contender === SERVICE.key);
    return {
      goals: [
        ...goals(closed),
        manyCallersGoal(many),
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
        closedSection(closed, titleOf, environment),
        {
          title: 'Growing concurrency',
          text: `Responses per second, and p99 in ms, by number of callers: with ${COMPARED_AT} the median of the rounds, otherwise of one second. The goal for ${MANY_CALLERS.join(' and ')} callers has rounds of its own, of this service alone.\n\n![Latency against throughput](${PLOT_FILE})`,
          ...seriesTable(series, titleOf),
        },
        {
          title: 'All callers on one operation',
          text: `The same, by number of callers that all update one operation, in one second. Each write must name the ETag of the one before
it, so that the service runs those of one instance one after the other: its throughput is that of one writer. The peers attempt
again what meets another write. A request that has no response after 10 seconds has failed.`,
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
          text: `Responses that were not 2xx, in all of these turns, and operations whose last acknowledged update was not in the store
afterwards.`,
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

function goals(figures: readonly Figures[]): Goal[] {
  const perSecond = (reference: string) => ratio(figures, 'perSecond', SERVICE.key, reference);
  const hasPostgres = figures.some(({ contender }) => contender === 'capPostgres');
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

function manyCallersGoal(figures: readonly Figures[]): Goal {
  const at = (callers: number) => figures.filter((each) => each.callers === callers).map(({ perSecond }) => perSecond);
  const many = MANY_CALLERS.map((callers) => ratios(at(callers), at(COMPARED_AT)));
  const lower = at(COMPARED_AT).map((_, round) => Math.min(...many.map((each) => each[round] ?? Number.NaN)));
  return {
    measure: `responses per second, the lower of ${MANY_CALLERS.join(' and ')} callers, to ${COMPARED_AT} callers`,
    least: 0.8,
    figure: estimate(lower),
  };
}

function closedSection(
  figures: readonly Figures[],
  titleOf: (key: string) => string,
  environment: Environment,
): Section {
  const postgres = environment.hasPostgres
    ? ''
    : ' SAP CAP on PostgreSQL was left out: PostgreSQL is not installed here.';
  return {
    title: `${COMPARED_AT} callers`,
    text: `The same request. Each caller waits for a response before its next one. Each round has one turn of one second of each contender;
after the first ones only of those that a goal names. Responses per second are those with 2xx. Load generator, server and
store fill both cores, so that these figures also measure how the processes are scheduled. CPU is that of the contender's
process, which for the bare SDK contains the load generator, and for SAP CAP on SQLite the store. SAP CAP has SQLite in its own process, or PostgreSQL without fsync over a socket.${postgres} Express verifies
the token each time, as node:http does.`,
    columns: ['', 'responses/s', 'to node:http', 'p50 ms', 'p99 ms', 'CPU ms'],
    rows: [...Map.groupBy(figures, ({ contender }) => contender)].map(([key, own]) => {
      const written = valuesOf(figures, 'perSecond', 'nodeHttp');
      return [
        titleOf(key),
        figureOf(own.map(({ perSecond }) => perSecond)),
        figureOf(ratios(valuesOf(figures, 'perSecond', key), written)),
        figureOf(own.map(({ p50 }) => p50)),
        figureOf(own.map(({ p99 }) => p99)),
        figureOf(own.map(({ cpu }) => cpu)),
      ];
    }),
  };
}

function seriesTable(figures: readonly Figures[], titleOf: (key: string) => string) {
  const counts = [...new Set(figures.map(({ callers }) => callers))].toSorted((a, b) => a - b);
  const rows = [...Map.groupBy(figures, ({ contender }) => contender)].map(([key, own]) => [
    titleOf(key),
    ...counts.map((count) => {
      const at = own.filter(({ callers }) => callers === count);
      return `${number(median(at.map(({ perSecond }) => perSecond)))}, ${number(median(at.map(({ p99 }) => p99)))}`;
    }),
  ]);
  return { columns: ['', ...counts.map(String)], rows };
}
