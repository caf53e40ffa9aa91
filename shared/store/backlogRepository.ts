import * as z from 'zod';
import type { BacklogRepository, WaitingChange } from '../notifications/backlog.ts';
import type { Backlog, BacklogKey } from '../notifications/subscription.ts';
import { changeTypes } from '../operation/changeListener.ts';
import type { TablesSettings } from '../settings.ts';
import { createRowReader, date } from './columns.ts';
import { connectTable, LARGEST_PAGE } from './table.ts';

/** The partitions of subscriptions and of what is known of their backlogs, one for each tenant. */
export const SUBSCRIPTIONS = 'subscriptions_';
/** The range of all of them: the character after the underscore is its end. */
export const ALL_SUBSCRIPTIONS = `PartitionKey ge '${SUBSCRIPTIONS}' and PartitionKey lt 'subscriptions\`'`;

/** The row of a backlog is beside that of its subscription, whose id is hexadecimal. */
const BACKLOG = 'backlog.';
const BACKLOG_END = 'backlog.g';

/** The partitions of what waits, one for each subscription. */
const WAITING = 'waiting_';

/** How many changes are listed at once. */
const PAGE = 64;

const backlogRow = z
  .object({
    partitionKey: z.string().startsWith(SUBSCRIPTIONS),
    rowKey: z.string().startsWith(BACKLOG),
    since: date,
    touchedAt: date,
    retryAt: date,
    failures: z.number(),
    isSaturated: z.boolean(),
    quietUntil: date,
    etag: z.string(),
  })
  .transform(({ partitionKey, rowKey, ...row }) => ({
    ...row,
    tenant: partitionKey.slice(SUBSCRIPTIONS.length),
    subscriptionId: rowKey.slice(BACKLOG.length),
  }));

/** Reads the row of a backlog; undefined if it is another one, or damaged. */
export const readBacklog = (row: unknown): Backlog | undefined => backlogRow.safeParse(row).data;

const rowKey = z.object({ rowKey: z.string().startsWith(BACKLOG) });

/** Whether a row in a partition of subscriptions is that of a backlog. */
export const isBacklog = (row: unknown) => rowKey.safeParse(row).success;

const waitingRow = z
  .object({
    rowKey: z.string(),
    createdAt: date,
    operationId: z.string(),
    writeId: z.string(),
    changeType: z.enum(changeTypes),
    replaces: z.string().nullish(),
  })
  .transform(({ rowKey: key, createdAt, replaces, ...change }): WaitingChange => {
    const id = key.slice(key.indexOf('_') + 1);
    return { id, createdAt, change: { ...change, replaces: replaces ?? undefined } };
  });

/** Stores backlogs in the table of the operations. */
export function createBacklogRepository(settings: TablesSettings): BacklogRepository {
  const table = connectTable(settings);
  const readRows = createRowReader();

  return {
    async list(signal) {
      const filter = `${ALL_SUBSCRIPTIONS} and RowKey ge '${BACKLOG}' and RowKey lt '${BACKLOG_END}'`;
      return readRows(await table.queryAll(filter, signal), readBacklog);
    },

    async touch(backlog, columns, signal) {
      const row = { ...keysOf(backlog), ...toRow(columns) };
      for (;;) {
        // It is there, unless this is the first change that waits. Whoever removes it does so at the ETag it had before.
        if ((await table.merge(row, '*', signal)) !== undefined) return;
        const first = { since: columns.touchedAt, retryAt: columns.touchedAt, quietUntil: new Date(0) };
        const created = { ...keysOf(backlog), ...toRow({ ...first, failures: 0, isSaturated: false, ...columns }) };
        if ((await table.create(created, signal)) !== undefined) return;
      }
    },

    async update(backlog, changes, signal) {
      const etag = await table.merge({ ...keysOf(backlog), ...toRow(changes) }, backlog.etag, signal);
      return etag === undefined ? undefined : { ...backlog, ...changes, etag };
    },

    remove: (backlog, signal) => table.remove(keysOf(backlog), backlog.etag, signal),

    async add(subscriptionId, waiting, signal) {
      const rows = waiting.map(({ id, createdAt, change: { replaces, ...columns } }) => ({
        ...waitingKeys(subscriptionId, { id, createdAt }),
        createdAt: createdAt.toISOString(),
        ...columns,
        ...(replaces !== undefined && { replaces }),
      }));
      // One that exists was added by an instance that died before it took the change out of the outbox.
      const changes = rows.map((row) => ({ change: 'put', row }) as const);
      if (!(await table.transact(changes, signal))) throw new Error('The store refuses changes that wait.');
    },

    async count(subscriptionId, signal) {
      const filter = `PartitionKey eq '${WAITING}${subscriptionId}'`;
      const { rows } = await table.query({ filter, select: ['RowKey'], top: LARGEST_PAGE }, signal);
      return rows.length;
    },

    async listWaiting(subscriptionId, { before, from }, signal) {
      const partition = `PartitionKey eq '${WAITING}${subscriptionId}'`;
      const filter = before ? `${partition} and RowKey lt '${before.toISOString()}'` : partition;
      const { rows, next } = await table.query({ filter, from, top: PAGE }, signal);
      return { changes: readRows(rows, (row) => waitingRow.safeParse(row).data), next };
    },

    async removeWaiting(subscriptionId, waiting, signal) {
      await table.remove(waitingKeys(subscriptionId, waiting), '*', signal);
    },
  };
}

const keysOf = ({ tenant, subscriptionId }: BacklogKey) => ({
  partitionKey: SUBSCRIPTIONS + tenant,
  rowKey: BACKLOG + subscriptionId,
});

/** The columns of a backlog, due at once, whose receiver has neither failed nor asked for a pause. */
export const untriedBacklog = (key: BacklogKey) => ({
  ...keysOf(key),
  ...toRow({ retryAt: new Date(0), failures: 0, quietUntil: new Date(0) }),
});

/** The oldest comes first, where the store keeps an order. */
const waitingKeys = (subscriptionId: string, { id, createdAt }: Pick<WaitingChange, 'id' | 'createdAt'>) => ({
  partitionKey: WAITING + subscriptionId,
  rowKey: `${createdAt.toISOString()}_${id}`,
});

/** Times are text, which is compared as they are. */
const toRow = (columns: Partial<Omit<Backlog, 'etag'>>) =>
  Object.fromEntries(
    Object.entries(columns).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
  );
