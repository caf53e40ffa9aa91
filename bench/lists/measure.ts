// Lists, counts, retention and updates while the store grows.
import type { TableClient, TableEntity, TransactionAction } from '@azure/data-tables';
import * as z from 'zod';
import { newPlayPromptOperation } from '../../shared/operation/playPromptOperation.ts';
import { createDeleteEnded } from '../../shared/operation/retention.ts';
import { readSettings } from '../../shared/settings.ts';
import { toTableEntity } from '../../shared/store/tableEntity.ts';
import { createTableRepository } from '../../shared/store/tableRepository.ts';
import { startFaultProxy } from '../../test/support/faultProxy.ts';
import { type Environment, listening, startEnvironment, TENANT } from '../environment.ts';
import { type Contender, SERVICE, startBareTable, startServer } from '../load/contenders.ts';
import { type Figures, figuresOf, takeTurn, valuesOf } from '../load/turns.ts';
import { usageOf } from '../load/usage.ts';
import type { Plan } from '../plan.ts';
import { figureOf, number } from '../report/markdown.ts';
import type { Goal, Part, Section } from '../results.ts';
import { estimate, interleave } from '../statistics.ts';

const TABLE = 'stored';

/** How many of the stored operations are updated: always as many, so that only the store grows. */
const UPDATED = 64;
const ROUNDS = 12;
/** Of each contender in a round. */
const TURNS = 12;
/** Of a turn. */
const REQUESTS = 5;

/** Low, because an update costs Azurite the more, the more rows it has: with a million of them, it can do no more. */
const PER_SECOND = 25;

/** The most rows that one transaction of Table Storage takes. */
const MAX_TRANSACTION = 100;

/** One operation in so many has ended, and one in so many has the rare clientContext. */
const ENDED = 100;
const RARE = 10_000;

export async function measureLists(plan: Plan, progress: (what: string) => void): Promise<Part> {
  const environment = await startEnvironment();
  const proxy = await startFaultProxy(listening.parse(environment.azurite.ready).port);
  const table = await environment.openTable(TABLE);
  const service = await startServer(SERVICE, environment, { tableName: TABLE });
  const lister = await startServer(SERVICE, environment, { tableName: TABLE, storePort: proxy.port });
  const bare = await startBareTable(environment, { isWriteOnly: false, tableName: TABLE });
  try {
    const updated = Array.from({ length: UPDATED }, (_, index) => idOf(index));
    const growth = new Map<number, readonly Figures[]>();
    let stored = 0;
    for (const count of plan.storedInTable) {
      progress(`${count} operations stored`);
      await insert(table, stored, count);
      stored = count;
      for (const contender of [service, bare]) await contender.seed(updated);
      const figures: Figures[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const takenBy = await interleave([service, bare], TURNS, (contender) =>
          takeTurn(environment, contender, () => contender.paced(updated, REQUESTS, PER_SECOND)),
        );
        for (const [contender, turns] of takenBy) figures.push(figuresOf(contender, round, 0, turns));
      }
      growth.set(count, figures);
    }
    progress('lists');
    const lists = await measureQueries(environment, lister, proxy, stored);
    progress('retention');
    const retention = await measureRetention(environment, stored);
    return { goals: [growthGoal(growth)], sections: [growthSection(growth), lists, retention] };
  } finally {
    for (const contender of [service, lister, bare]) await contender.process.stop();
    await proxy.close();
    await environment.close();
  }
}

const idOf = (index: number) => `stored-${index}`;

/** Inserts operations up to a number, as many as a transaction takes at once, which must be of one partition. */
async function insert(table: TableClient, from: number, to: number) {
  const rows = Array.from({ length: to - from }, (_, index) => rowOf(from + index));
  const partitions = Map.groupBy(rows, ({ partitionKey }) => partitionKey);
  for (const partition of partitions.values()) {
    for (let first = 0; first < partition.length; first += MAX_TRANSACTION) {
      const batch = partition.slice(first, first + MAX_TRANSACTION);
      await table.submitTransaction(batch.map((row): TransactionAction => ['create', row]));
    }
  }
}

function rowOf(index: number): TableEntity {
  const status = index % ENDED === ENDED - 1 ? 'Completed' : index % 2 === 0 ? 'Running' : 'NotStarted';
  const clientContext = index % RARE === RARE - 1 ? 'rare' : 'common';
  return toTableEntity(TENANT, { ...newPlayPromptOperation(idOf(index)), status, clientContext }, [
    crypto.randomUUID(),
  ]);
}

function growthGoal(growth: ReadonlyMap<number, readonly Figures[]>): Goal {
  const [least, greatest] = [Math.min(...growth.keys()), Math.max(...growth.keys())];
  const [few, many] = [least, greatest].map((count) => valuesOf(growth.get(count) ?? [], 'cpu', SERVICE.key));
  return {
    measure: `CPU of an update with ${greatest} operations stored, to ${least}`,
    most: 1.5,
    figure: estimate((many ?? []).map((cpu, round) => cpu / (few?.[round] ?? Number.NaN))),
  };
}

function growthSection(growth: ReadonlyMap<number, readonly Figures[]>): Section {
  return {
    title: 'Stored operations: updates',
    text: `Updates of the same ${UPDATED} operations at ${PER_SECOND} requests a second, with so many operations of the service in the
table. CPU is that of the service, with the embedded host.`,
    columns: ['stored', 'p50 ms', 'p50 ms of the bare SDK, get and update', 'CPU ms'],
    rows: [...growth].map(([count, figures]) => [
      String(count),
      figureOf(valuesOf(figures, 'p50', SERVICE.key)),
      figureOf(valuesOf(figures, 'p50', 'bareTable')),
      figureOf(valuesOf(figures, 'cpu', SERVICE.key)),
    ]),
  };
}

const page = z.object({ value: z.array(z.unknown()), '@odata.nextLink': z.string().optional() });

async function measureQueries(
  environment: Environment,
  lister: Contender,
  proxy: Awaited<ReturnType<typeof startFaultProxy>>,
  stored: number,
): Promise<Section> {
  const { port } = listening.parse(lister.process.ready);
  const get = async (url: string) => {
    const response = await fetch(url, { headers: { authorization: `Bearer ${environment.token}` } });
    return page.parse(await response.json());
  };
  const first = (filter: string | undefined) =>
    `http://127.0.0.1:${port}/v1.0/playPromptOperation?$top=100${filter ? `&$filter=${encodeURIComponent(filter)}` : ''}`;
  // The first page that has a next one makes the service read, or create, the key that it signs links with.
  await get(first(undefined));
  const queries: { name: string; filter?: string; matching: number }[] = [
    { name: 'no filter', matching: stored },
    { name: 'common: half of the operations', filter: "status eq 'Running'", matching: (stored + UPDATED) / 2 },
    { name: `rare: 1 in ${ENDED}`, filter: "status eq 'Completed'", matching: stored / ENDED },
    { name: `rare: 1 in ${RARE}`, filter: "clientContext eq 'rare'", matching: Math.floor(stored / RARE) },
    { name: 'nothing', filter: "status eq 'Failed'", matching: 0 },
  ];
  const rows: string[][] = [];
  for (const { name, filter, matching } of queries) {
    const usages = () => Promise.all([usageOf(lister.process), usageOf(environment.azurite)]);
    const sentBefore = proxy.requests.length;
    const [before, storeBefore] = await usages();
    const begin = performance.now();
    let url: string | undefined = first(filter);
    let pages = 0;
    let found = 0;
    while (url !== undefined && found < 100) {
      const { value, '@odata.nextLink': next }: z.infer<typeof page> = await get(url);
      pages++;
      found += value.length;
      url = next;
    }
    const milliseconds = performance.now() - begin;
    const [after, storeAfter] = await usages();
    rows.push([
      name,
      String(matching),
      String(found),
      String(pages),
      String(proxy.requests.length - sentBefore),
      number(milliseconds),
      number(after.cpuMs - before.cpuMs),
      number(storeAfter.cpuMs - storeBefore.cpuMs),
    ]);
  }
  return {
    title: 'Stored operations: lists',
    text: `The first 100 operations of ${stored} that match a filter. The store returns only rows that match, at most 1,000 a page. Azurite
looks through the whole tenant for each page and then returns it; Table Storage looks through a partition after the other,
and may end a page at the border of a partition or after 5 seconds, so that the store requests of a rare filter are more
there. A response makes at most 10 of them.`,
    columns: ['filter', 'matching', 'found', 'responses', 'store requests', 'ms', 'CPU ms', 'store CPU ms'],
    rows,
  };
}

async function measureRetention(environment: Environment, stored: number): Promise<Section> {
  const { tables } = readSettings(environment.settings(TABLE));
  const repository = createTableRepository(tables);
  const requests = { queries: 0, removals: 0 };
  // The clock of the future: all that has ended is old enough.
  const deleteEnded = createDeleteEnded(
    {
      listEnded: (...query) => {
        requests.queries++;
        return repository.listEnded(...query);
      },
      remove: (...removal) => {
        requests.removals++;
        return repository.remove(...removal);
      },
    },
    1,
    () => Date.now() + 2 * 24 * 3600 * 1000,
  );
  const before = process.cpuUsage();
  const begin = performance.now();
  const { deleted } = await deleteEnded(new AbortController().signal);
  const milliseconds = performance.now() - begin;
  const { user, system } = process.cpuUsage(before);
  return {
    title: 'Stored operations: retention',
    text: `One run over ${stored} operations of which 1 in ${ENDED} has ended. The least possible is one query for each 1,000 rows that it
returns, and one request for each removal: a transaction can only remove rows of one partition, and few rows that have ended share one.`,
    columns: ['removed', 'queries', 'removals', 'ms', 'CPU ms', 'CPU us of a removal'],
    rows: [
      [
        String(deleted),
        String(requests.queries),
        String(requests.removals),
        number(milliseconds),
        number((user + system) / 1000),
        number((user + system) / Math.max(1, deleted)),
      ],
    ],
  };
}
