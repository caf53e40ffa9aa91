import * as z from 'zod';
import type { OutboxEntry, OutboxRepository, StoredEntry } from '../notifications/outboxEntry.ts';
import { changeTypes } from '../operation/changeListener.ts';
import type { TablesSettings } from '../settings.ts';
import { createRowReader, date, json } from './columns.ts';
import { createRowGroups } from './rowGroups.ts';
import { connectTable } from './table.ts';

/** The partitions of the outbox, 256 of them, are outside of the key range of every tenant's operations. */
const PREFIX = 'outbox_';
/** The character after the underscore: the end of a range over the prefix. */
const END = 'outbox`';

/**
 * The rows of a page. A row takes about 30 us to parse, in which no request is served; but smaller pages are more requests.
 */
const PAGE = 250;

const content = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('change'),
    operationId: z.string(),
    writeId: z.string(),
    changeType: z.enum(changeTypes),
    // A transformed property is one that an entry always has, if only as undefined; an optional one may be left out.
    replaces: z
      .string()
      .optional()
      .transform((id) => id),
    subscriptions: z.array(z.string()).min(1),
  }),
  z.object({
    kind: z.literal('lifecycle'),
    lifecycleEvent: z.enum(['missed', 'subscriptionRemoved']),
    subscriptionId: z.string(),
  }),
]);

/** An entry as a row. What is only read together is JSON in one column. */
const outboxRow = z
  .object({
    rowKey: z.string(),
    tenant: z.string(),
    createdAt: date,
    dueAt: date,
    attempts: z.number(),
    content: json.pipe(content),
    etag: z.string(),
  })
  .transform(({ rowKey: id, dueAt, etag, ...entry }): StoredEntry => ({ entry: { id, ...entry }, dueAt, etag }));

/** Stores the outbox in the table of the operations. */
export function createOutboxRepository(settings: TablesSettings): OutboxRepository {
  const table = connectTable(settings);
  const groups = createRowGroups(table);
  const readRows = createRowReader();

  return {
    async create(entry, dueAt, signal) {
      const etag = await (entry.content.kind === 'change' ? groups : table).create(toRow(entry, dueAt), signal);
      return etag === undefined ? undefined : { entry, dueAt, etag };
    },

    async replace({ entry, etag }, { dueAt, attempts = entry.attempts, content: of = entry.content }, signal) {
      const next = { ...entry, attempts, content: of };
      const replaced = await table.replace(toRow(next, dueAt), etag, signal);
      return replaced === undefined ? undefined : { entry: next, dueAt, etag: replaced };
    },

    async remove({ entry, etag }, signal) {
      const keys = keysOf(entry.id);
      await (entry.content.kind === 'change' ? groups.remove(keys, signal) : table.remove(keys, etag, signal));
    },

    async listDue(at, { least = '', below }, from, signal) {
      const range = `PartitionKey ge '${PREFIX}${least}' and PartitionKey lt '${below ? PREFIX + below : END}'`;
      const filter = `${range} and dueAt le '${at.toISOString()}'`;
      const { rows, next } = await table.query({ filter, from, top: PAGE }, signal);
      return { entries: readRows(rows, (row) => outboxRow.safeParse(row).data), next };
    },
  };
}

/** The first digits of an id are random. */
const keysOf = (id: string) => ({ partitionKey: PREFIX + id.slice(0, 2), rowKey: id });

function toRow({ id, tenant, createdAt, attempts, content: of }: OutboxEntry, dueAt: Date) {
  return {
    ...keysOf(id),
    tenant,
    createdAt: createdAt.toISOString(),
    dueAt: dueAt.toISOString(),
    attempts,
    content: JSON.stringify(of),
  };
}
