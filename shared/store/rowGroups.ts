// Rows of a partition that are created and removed at about the same time are one request to the store.
import { setTimeout as delay } from 'node:timers/promises';
import { callStore, type Keys, type RowChange, type Table } from './table.ts';

/** How long a row waits for others at most, in milliseconds. */
const WAIT_MS = 5;

/** The rows of a transaction at most; they must be small, since a transaction may have 2 MB on Cosmos DB, and 4 MiB elsewhere. */
const LARGEST_GROUP = 100;

/** A transaction is for all who wait: the signal of one of them does not end it. */
const never = new AbortController().signal;

interface Waiting extends RowChange {
  readonly change: 'create' | 'delete';
  readonly signal: AbortSignal;
  readonly resolve: (etag: string | undefined | Promise<string | undefined>) => void;
  readonly reject: (error: unknown) => void;
}

interface Partition {
  waiting: Waiting[];
  /** How many rows are being created. */
  creating: number;
}

export function createRowGroups(table: Pick<Table, 'create' | 'remove' | 'transact'>, pause = delay) {
  const partitions = new Map<string, Partition>();

  return {
    /** Creates a row, at once unless another one is being created; its ETag, or undefined when it exists already. */
    create: (row: Keys, signal: AbortSignal) => add('create', row, signal),

    /** Removes a row, if it exists, whatever its ETag, after it waited for others. */
    async remove(keys: Keys, signal: AbortSignal): Promise<void> {
      await add('delete', keys, signal);
    },
  };

  function add(change: Waiting['change'], row: Keys, signal: AbortSignal): Promise<string | undefined> {
    const partition = partitions.get(row.partitionKey) ?? { waiting: [], creating: 0 };
    partitions.set(row.partitionKey, partition);
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    const { waiting } = partition;
    waiting.push({ change, row, signal, resolve, reject });
    if (waiting.length === LARGEST_GROUP || (change === 'create' && partition.creating === 0)) void send(partition);
    else if (waiting.length === 1) void sendLater(partition, waiting);
    return callStore(signal, [], () => promise);
  }

  async function sendLater(partition: Partition, group: readonly Waiting[]) {
    await pause(WAIT_MS);
    if (partition.waiting === group) await send(partition);
  }

  async function send(partition: Partition) {
    const group = partition.waiting;
    partition.waiting = [];
    const created = group.filter(({ change }) => change === 'create').length;
    partition.creating += created;
    try {
      const etags = group.length > 1 ? await table.transact(group, never) : undefined;
      // If the transaction is refused, each row is written alone, so that one of them does not fail the others.
      const written = group.map((each, n) => (etags ? Promise.resolve(etags[n]) : writeAlone(each)));
      for (const [n, { resolve }] of group.entries()) resolve(written[n]);
      await Promise.allSettled(written);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    partition.creating -= created;
    if (partition.creating > 0) return;
    if (partition.waiting.some(({ change }) => change === 'create')) void send(partition);
    else if (partition.waiting.length === 0) partitions.delete(group[0]?.row.partitionKey ?? '');
  }

  async function writeAlone({ change, row, signal }: Waiting) {
    if (change === 'create') return table.create(row, signal);
    await table.remove(row, '*', signal);
    return undefined;
  }
}
