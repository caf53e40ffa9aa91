// Latency against the number of operations that are stored.
import type { TableClient, TableEntity, TransactionAction } from '@azure/data-tables';
import { newPlayPromptOperation } from '../../shared/operation/playPromptOperation.ts';
import { toTableEntity } from '../../shared/store/tableEntity.ts';
import type { Environment } from '../environment.ts';
import type { Plan } from '../plan.ts';
import type { Loads } from '../results.ts';
import { SERVICE, startBareTable, startServer } from './contenders.ts';
import { BARE_PARTITION } from './load.ts';
import { measurePoint } from './point.ts';

/** How many of the stored operations are updated: always as many, so that only the store grows. */
const UPDATED = 64;

/** The most rows that one transaction of Table Storage takes. */
const MAX_TRANSACTION = 100;

export async function measureStored(
  environment: Environment,
  plan: Plan,
  progress: (what: string) => void,
): Promise<Loads['stored']> {
  const { tenant, azurite } = environment;
  const tables = { service: 'serviceStored', bareTable: 'bareStored' };
  const contenders = [
    {
      contender: await startServer(SERVICE, environment, { tableName: tables.service }),
      table: await environment.openTable(tables.service),
      toRow: (id: string) => toTableEntity(tenant, newPlayPromptOperation(id), [crypto.randomUUID()]),
    },
    {
      contender: await startBareTable(environment, undefined, tables.bareTable),
      table: await environment.openTable(tables.bareTable),
      toRow: (id: string) => ({ partitionKey: BARE_PARTITION, rowKey: id, status: 'NotStarted' }),
    },
  ];
  // These processes have just started.
  const times = { warmUpMs: plan.heatUpMs, measureMs: plan.measureMs };
  const points: Loads['stored'] = [];
  try {
    let stored = 0;
    for (const operations of plan.storedInTable) {
      const added = Array.from({ length: operations - stored }, (_, index) => idOf(stored + index));
      stored = operations;
      const updated = Array.from({ length: UPDATED }, (_, index) => idOf(Math.floor((index * operations) / UPDATED)));
      for (const { contender, table, toRow } of contenders) {
        progress(`${operations} operations stored: ${contender.title}`);
        await insert(table, added.map(toRow));
        const given = { round: 0, concurrency: 1, operations: updated };
        points.push({ operations, ...(await measurePoint(contender, azurite, given, times)) });
      }
    }
  } finally {
    for (const { contender } of contenders) await contender.process.stop();
  }
  return points;
}

const idOf = (index: number) => `stored-${index}`;

/** Inserts rows, as many as a transaction takes at once, which must be of one partition. */
async function insert(table: TableClient, rows: readonly TableEntity[]) {
  const partitions = Map.groupBy(rows, ({ partitionKey }) => partitionKey);
  for (const partition of partitions.values()) {
    for (let first = 0; first < partition.length; first += MAX_TRANSACTION) {
      const batch = partition.slice(first, first + MAX_TRANSACTION);
      await table.submitTransaction(batch.map((row): TransactionAction => ['create', row]));
    }
  }
}
