import { hash } from 'node:crypto';
import * as z from 'zod';
import { type FilterProperty, toSortable } from '../operation/filter.ts';
import {
  type OperationVersion,
  type PlayPromptOperation,
  playPromptOperation,
} from '../operation/playPromptOperation.ts';
import { type RepeatableHistory, repeatableHistory } from '../operation/repeatability.ts';
import type { FoundOperation, StoredOperation } from '../operation/repository.ts';
import { json } from './columns.ts';
import type { Keys } from './table.ts';

/**
 * The keys of an operation's row. One partition takes about 2,000 entities a second, so a tenant is spread over 256 of them; a
 * range over the prefix still lists a tenant.
 */
export function keysOf(tenant: string, id: string): Keys {
  return { partitionKey: `${tenant}_${hash('sha256', id, 'hex').slice(0, 2)}`, rowKey: id };
}

/** A sortable time. An operation that was stored before it had one has no such column: no comparison finds it. */
const storedTime = z.string().nullish();

/**
 * An operation as a row. A nullable property that can be filtered by is stored as JSON, so that its column always exists:
 * Table Storage, Cosmos DB and Azurite treat a missing column differently in comparisons. Members of `resultInfo` that are
 * null have no column.
 */
const tableRow = z.object({
  rowKey: z.string(),
  clientContext: json,
  resultInfoCode: z.number().nullish(),
  resultInfoSubcode: z.number().nullish(),
  resultInfoMessage: z.string().nullish(),
  status: z.string(),
  completionReason: json,
  createdDateTime: storedTime,
  lastActionDateTime: storedTime,
  etag: z.string().min(1),
});

const { requests, ...repeatability } = repeatableHistory.shape;

/** Requests have a column of their own, since one holds 64 KiB. */
const storedRow = tableRow.extend({
  writes: z.string(),
  repeatability: json.pipe(z.object(repeatability)).optional(),
  repeatableRequests: requests.optional(),
});

type TableEntity = Omit<z.input<typeof storedRow>, 'etag'> & { readonly partitionKey: string };

export const KEY_COLUMNS = ['PartitionKey', 'RowKey'];

/** The columns of the properties of an operation. */
export const OPERATION_COLUMNS = [
  ...['RowKey', 'clientContext', 'resultInfoCode', 'resultInfoSubcode', 'resultInfoMessage', 'status'],
  ...['completionReason', 'createdDateTime', 'lastActionDateTime'],
];

/**
 * The characters after which no other is next, whether a store compares code units or code points: they are escaped, so that
 * a text that ends in one has a next one too.
 */
const LAST = /[\ud7ff\uffff]|\u{10ffff}/gu;
const escaped = (character: string) =>
  character.replace(/[\ud7ff-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);

/** The columns of the properties that can be filtered by. */
export const toColumn = {
  id: String,
  clientContext: (value: string | null) => JSON.stringify(value).replace(LAST, escaped),
  status: String,
  completionReason: JSON.stringify,
  createdDateTime: String,
  lastActionDateTime: String,
} satisfies Record<FilterProperty, (value: string | null) => string>;

/** The row of an operation, which has these keys. */
export function toTableEntity(
  keys: Keys,
  { clientContext, resultInfo, status, completionReason, createdDateTime, lastActionDateTime }: PlayPromptOperation,
  writes: readonly string[],
  history?: RepeatableHistory,
): TableEntity {
  const { requests, ...repeatability } = history ?? {};
  return {
    ...keys,
    clientContext: toColumn.clientContext(clientContext),
    status: toColumn.status(status),
    completionReason: toColumn.completionReason(completionReason),
    ...(createdDateTime !== null && { createdDateTime: toSortable(createdDateTime) }),
    ...(lastActionDateTime !== null && { lastActionDateTime: toSortable(lastActionDateTime) }),
    writes: writes.join(),
    ...(requests !== undefined && { repeatability: JSON.stringify(repeatability), repeatableRequests: requests }),
    ...(resultInfo && { resultInfoCode: resultInfo.code, resultInfoSubcode: resultInfo.subcode }),
    ...(resultInfo && resultInfo.message !== null && { resultInfoMessage: resultInfo.message }),
  };
}

/**
 * The operation in a row.
 *
 * @throws ZodError when the row is damaged
 */
export function fromTableEntity(row: unknown): StoredOperation {
  const { writes, repeatability, repeatableRequests: requests = '' } = storedRow.parse(row);
  const history = repeatability && { ...repeatability, requests };
  return { ...fromListedEntity(row), writes: writes.split(','), ...(history && { history }) };
}

/**
 * The operation in a row with only OPERATION_COLUMNS. A selected column that the row does not have may be null.
 *
 * @throws ZodError when the row is damaged
 */
export function fromListedEntity(row: unknown): OperationVersion {
  const { etag, ...columns } = tableRow.parse(row);
  const { resultInfoCode: code = null, resultInfoSubcode: subcode = null, resultInfoMessage: message = null } = columns;
  return {
    operation: playPromptOperation.parse({
      id: columns.rowKey,
      clientContext: columns.clientContext,
      resultInfo: code === null && subcode === null ? null : { code, subcode, message },
      status: columns.status,
      completionReason: columns.completionReason,
      createdDateTime: fromSortable(columns.createdDateTime),
      lastActionDateTime: fromSortable(columns.lastActionDateTime),
    } satisfies Record<keyof PlayPromptOperation, unknown>),
    etag,
  };
}

const fromSortable = (time: string | null | undefined) => (time == null ? null : `${time}Z`);

/** The operation in a row with only OPERATION_COLUMNS; undefined when the row is damaged. */
export function tryFromListedEntity(row: unknown): OperationVersion | undefined {
  try {
    return fromListedEntity(row);
  } catch {
    return undefined;
  }
}

/** A row with only VERSION_COLUMNS, which may be damaged. */
export const VERSION_COLUMNS = [...OPERATION_COLUMNS, 'writes'];
const versionRow = z.object({ etag: z.string().min(1), writes: z.string().catch('') });

/** The version of an operation in a row with only VERSION_COLUMNS. */
export function fromVersionEntity(row: unknown) {
  const { etag, writes } = versionRow.parse(row);
  return { etag, writes: writes === '' ? [] : writes.split(','), operation: tryFromListedEntity(row)?.operation };
}

/** A row with only KEY_COLUMNS. */
const keyRow = z.object({
  // The tenant, an underscore and two hexadecimal digits: see keysOf.
  partitionKey: z.string().transform((key) => key.slice(0, -3)),
  rowKey: z.string(),
  etag: z.string().min(1),
});

/** The operation of a row with only KEY_COLUMNS. */
export function fromKeyEntity(row: unknown): FoundOperation {
  const { partitionKey: tenant, rowKey: id, etag } = keyRow.parse(row);
  return { tenant, id, etag };
}
