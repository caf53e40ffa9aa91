import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Filter, FilterProperty } from './filter.ts';
import {
  finalStatuses,
  type OperationVersion,
  type PlayPromptOperation,
  playPromptOperation,
} from './playPromptOperation.ts';
import type { EndedOperation, StoredOperation } from './playPromptOperations.ts';
import { type RememberedRequests, rememberedRequests } from './repeatability.ts';

/**
 * One partition takes about 2,000 entities a second, so a tenant is spread over 256 of them; a range over the prefix
 * still lists a tenant.
 */
function partitionKeyOf(tenant: string, id: string) {
  return `${tenant}_${createHash('sha256').update(id).digest('hex').slice(0, 2)}`;
}

/** The keys of an operation's row. */
export function keysOf(tenant: string, id: string): { readonly partitionKey: string; readonly rowKey: string } {
  return { partitionKey: partitionKeyOf(tenant, id), rowKey: id };
}

/**
 * A property that may be null and can be filtered by is a column of JSON, so that it is never missing: what Table
 * Storage, Cosmos DB and Azurite make of a column that a row does not have in a comparison differs.
 */
const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'must be JSON' });
    return z.NEVER;
  }
});

/** An operation as a row: of `resultInfo`, what is null has no column there. */
const tableRow = z.object({
  rowKey: z.string(),
  clientContext: json,
  resultInfoCode: z.number().nullish(),
  resultInfoSubcode: z.number().nullish(),
  resultInfoMessage: z.string().nullish(),
  status: z.string(),
  completionReason: json,
  etag: z.string().min(1),
});

const storedRow = tableRow.extend({ writes: z.string(), remembered: json.pipe(rememberedRequests).optional() });

type TableEntity = Omit<z.input<typeof storedRow>, 'etag'> & { readonly partitionKey: string };

export const KEY_COLUMNS = ['PartitionKey', 'RowKey'];

/** The columns that hold what is answered of an operation. */
export const OPERATION_COLUMNS = [
  ...['RowKey', 'clientContext', 'resultInfoCode', 'resultInfoSubcode', 'resultInfoMessage', 'status'],
  'completionReason',
];

/** The row that an operation is kept in. */
export function toTableEntity(
  tenant: string,
  { id, clientContext, resultInfo, status, completionReason }: PlayPromptOperation,
  writes: readonly string[],
  remembered?: RememberedRequests,
): TableEntity {
  return {
    ...keysOf(tenant, id),
    clientContext: toColumn.clientContext(clientContext),
    status: toColumn.status(status),
    completionReason: toColumn.completionReason(completionReason),
    writes: writes.join(),
    ...(remembered && { remembered: JSON.stringify(remembered) }),
    ...(resultInfo && { resultInfoCode: resultInfo.code, resultInfoSubcode: resultInfo.subcode }),
    ...(resultInfo && resultInfo.message !== null && { resultInfoMessage: resultInfo.message }),
  };
}

/** What can be filtered by, as its column has it. */
const toColumn = {
  clientContext: JSON.stringify,
  status: String,
  completionReason: JSON.stringify,
} satisfies Record<FilterProperty, (value: string | null) => string>;

/**
 * The operation that is kept in a row.
 *
 * @throws ZodError when the row is damaged
 */
export function fromTableEntity(row: unknown): StoredOperation {
  const { writes, remembered } = storedRow.parse(row);
  return { ...fromListedEntity(row), writes: writes.split(','), ...(remembered && { remembered }) };
}

/**
 * The operation that is kept in a row of which only OPERATION_COLUMNS are known. Columns that were asked for and that a
 * row does not have may be null.
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
    }),
    etag,
  };
}

/** Of a row only the keys are known: KEY_COLUMNS. */
const keyRow = z.object({
  // The tenant, an underscore and two hexadecimal digits: see partitionKeyOf.
  partitionKey: z.string().transform((key) => key.slice(0, -3)),
  rowKey: z.string(),
  etag: z.string().min(1),
});

/** The operation of a row of which only KEY_COLUMNS are known. */
export function fromEndedEntity(row: unknown): EndedOperation {
  const { partitionKey: tenant, rowKey: id, etag } = keyRow.parse(row);
  return { tenant, id, etag };
}

/**
 * The filter, in Table Storage's words, of the operations that have ended and were last written before a time, by the
 * store's own clock: so no operation has ended later than that, and none needs a column for it.
 */
export function toEndedFilter(before: Date): string {
  const isFinal = finalStatuses.map((status) => comparison('status', 'eq', status)).join(' or ');
  return `Timestamp lt datetime'${before.toISOString()}' and (${isFinal})`;
}

/** The filter, in Table Storage's words, of the operations of a tenant that fulfil another. */
export function toTableFilter(tenant: string, filter: Filter | undefined): string {
  // Whatever follows the prefix is a hexadecimal digit.
  const range = `PartitionKey ge '${tenant}_' and PartitionKey lt '${tenant}_g'`;
  return filter ? `${range} and ${condition(filter, false)}` : range;
}

/** A condition or its negation, which is brought down to the comparisons: stores differ in what they make of `not`. */
function condition(filter: Filter, isNegated: boolean): string {
  switch (filter.operator) {
    case 'not':
      return condition(filter.operand, !isNegated);
    case 'and':
    case 'or': {
      const operator = (filter.operator === 'and') === isNegated ? 'or' : 'and';
      return `(${condition(filter.left, isNegated)} ${operator} ${condition(filter.right, isNegated)})`;
    }
    case 'in': {
      const parts = filter.values.map((value) => comparison(filter.property, isNegated ? 'ne' : 'eq', value));
      return `(${parts.join(isNegated ? ' and ' : ' or ')})`;
    }
    default:
      return comparison(filter.property, (filter.operator === 'eq') === isNegated ? 'ne' : 'eq', filter.value);
  }
}

function comparison(property: FilterProperty, operator: 'eq' | 'ne', value: string | null) {
  return `${property} ${operator} '${toColumn[property](value).replaceAll("'", "''")}'`;
}
