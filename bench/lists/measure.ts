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
import { type Figures, figuresOf, inRounds, ratio, seedAndWarmUp, takeTurn, valuesOf } from '../load/turns.ts';
import { usageOf } from '../load/usage.ts';
import type { Plan } from '../plan.ts';
import { figure, figureOf, number } from '../report/markdown.ts';
import type { Goal, Part, Section } from '../results.ts';
import { interleave } from '../statistics.ts';

const TABLE = 'stored';

/** How many of the stored operations are updated: always as many, so that only the store grows. */
const UPDATED = 64;
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

/** The service whose table grows, and the same with a store of its own that stays small. */
const FEW = 'few';

export async function measureLists(plan: Plan, progress: (what: string) => void): Promise<Part> {
  const environment = await startEnvironment();
  const small = await startEnvironment();
  const proxy = await startFaultProxy(listening.parse(environment.azurite.ready).port);
  const table = await environment.openTable(TABLE);
  const service = await startServer(SERVICE, environment, { tableName: TABLE });
  const lister = await startServer(SERVICE, environment, { tableName: TABLE, storePort: proxy.port });
  const bare = await startBareTable(environment, { isWriteOnly: false, tableName: TABLE });
  const few = { ...(await startServer(SERVICE, small, { tableName: TABLE })), key: FEW };
  const contenders = [service, bare, few];
  try {
    const updated = Array.from({ length: UPDATED }, (_, index) => idOf(index));
    const growth: Growth[] = [];
    const [fewest = 0] = plan.storedInTable;
    await insert(await small.openTable(TABLE), 0, fewest);
    let stored = 0;
    for (const [step, count] of plan.storedInTable.entries()) {
      progress(`inserting up to ${count} operations`);
      await insert(table, stored, count);
      stored = count;
      await seedAndWarmUp(contenders, updated, plan.warmUpMs);
      const isLast = step === plan.storedInTable.length - 1;
      const figures = await inRounds(
        { least: plan.leastRounds, budgetMs: isLast ? plan.growthBudgetMs : 0 },
        async (round) => {
          progress(`${count} operations stored, round ${round + 1}`);
          const turns = await interleave(contenders, TURNS, (contender) =>
            takeTurn(environment, contender, () => contender.paced(updated, REQUESTS, PER_SECOND)),
          );
          return [...turns].map(([contender, taken]) => figuresOf(contender, round, 0, taken));
        },
        (figures) => [growthGoal({ fewest, stored, figures })],
      );
      growth.push({ fewest, stored, figures });
    }
    progress('lists');
    const lists = await measureQueries(environment, lister, proxy, stored);
    progress('retention');
    const retention = await measureRetention(environment, stored);
    return { goals: growth.slice(-1).map(growthGoal), sections: [growthSection(growth), lists, retention] };
  } finally {
    for (const contender of [...contenders, lister]) await contender.process.stop();
    await proxy.close();
    for (const each of [environment, small]) await each.close();
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

/** What was measured with so many operations stored. */
interface Growth {
  readonly fewest: number;
  readonly stored: number;
  readonly figures: readonly Figures[];
}

function growthGoal({ fewest, stored, figures }: Growth): Goal {
  return {
    measure: `CPU of an update with ${stored} operations stored, to ${fewest}`,
    most: 1.5,
    figure: ratio(figures, 'cpu', SERVICE.key, FEW),
  };
}

function growthSection(growth: readonly Growth[]): Section {
  return {
    title: 'Stored operations: updates',
    text: `Updates of the same ${UPDATED} operations at ${PER_SECOND} requests a second, with so many operations of the service in the
table. They alternate with updates by another instance, whose table keeps the fewest: the ratio in the first row, where both
have as many, is the difference between two processes. CPU is that of the service, with the embedded host.`,
    columns: ['stored', 'p50 ms', 'p50 ms of the bare SDK, get and update', 'CPU ms', 'CPU to that with fewest'],
    rows: growth.map((each) => [
      String(each.stored),
      figureOf(valuesOf(each.figures, 'p50', SERVICE.key)),
      figureOf(valuesOf(each.figures, 'p50', 'bareTable')),
      figureOf(valuesOf(each.figures, 'cpu', SERVICE.key)),
      figure(growthGoal(each).figure),
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
looks through the whole tenant for each page and then returns it; Table Storage looks through one partition after the other,
and may end a page at the border of a partition or after 5 seconds, so that a rare filter takes more store requests there. The service
makes at most 10 of them for a response. Measured once.`,
    columns: ['filter', 'matching', 'found', 'responses', 'store requests', 'ms', 'CPU ms', 'store CPU ms'],
    rows,
  };
}

async function measureRetention(environment: Environment, stored: number): Promise<Section> {
  const { tables } = readSettings(environment.settings(TABLE));
  const repository = createTableRepository(tables);
  const requests = { queries: 0, removals: 0 };
  // The clock of the future: all that has ended is old enough.
  const deleteEnded = createDeleteEnded({
    operations: {
      listEnded: (...query) => {
        requests.queries++;
        return repository.listEnded(...query);
      },
      remove: (...removal) => {
        requests.removals++;
        return repository.remove(...removal);
      },
    },
    days: 1,
    now: () => Date.now() + 2 * 24 * 3600 * 1000,
  });
  const before = process.cpuUsage();
  const begin = performance.now();
  const { deleted } = await deleteEnded(new AbortController().signal);
  const milliseconds = performance.now() - begin;
  const { user, system } = process.cpuUsage(before);
  return {
    title: 'Stored operations: retention',
    text: `One run over ${stored} operations of which 1 in ${ENDED} has ended, measured once; CPU is that of the process that runs it. The service
asks for pages of 100 rows, where the store would return up to 1,000. Each removal is a request: a transaction can only remove
rows of one partition, and few rows that have ended share one.`,
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
