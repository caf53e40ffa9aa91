// Queries in the filter language of Table Storage.
import { type Comparison, type Filter, type FilterProperty, toSortable } from '../operation/filter.ts';
import {
  finalStatuses,
  isId,
  MAX_CLIENT_CONTEXT_LENGTH,
  type operationStatuses,
} from '../operation/playPromptOperation.ts';
import { invalidRequest } from '../serviceError.ts';
import { toColumn } from './tableEntity.ts';

/**
 * The query of the operations that have ended and were last written before a time, by the store's own clock. An operation
 * never ends after its last write, so that no column is needed for it.
 */
export function toEndedFilter(before: Date): string {
  return `${isWrittenBefore(before)} and (${hasStatus(finalStatuses)})`;
}

/**
 * The query of the operations that have not ended and were last changed before a time: by their own time, or, if they were stored
 * before they had one, by that of their last write.
 */
export function toOverdueFilter(before: Date): string {
  const isOld = `lastActionDateTime lt '${toSortable(before.toISOString())}' or ${isWrittenBefore(before)}`;
  return `(${isOld}) and (${hasStatus(['NotStarted', 'Running'])})`;
}

const isWrittenBefore = (time: Date) => `Timestamp lt datetime'${time.toISOString()}'`;

const hasStatus = (statuses: readonly (typeof operationStatuses)[number][]) =>
  statuses.map((status) => `status eq '${status}'`).join(' or ');

/**
 * The longest query, in characters as it is sent: percent-encoded. Azurite and common proxies accept 16 KiB of request
 * head, and http.sys, in front of Azure's services, a URL of 16,384 characters; the signature and the address need some.
 */
export const MAX_QUERY_LENGTH = 12_000;

/**
 * The query of the operations of a tenant that match a filter; undefined when none can.
 *
 * @throws ServiceError `invalidRequest` when the query is too long for the store
 */
export function toTableFilter(tenant: string, filter: Filter | undefined): string | undefined {
  // A hexadecimal digit follows the prefix.
  const range = `PartitionKey ge '${tenant}_' and PartitionKey lt '${tenant}_g'`;
  const matching = filter ? condition(filter, false) : true;
  if (matching === false) return undefined;
  const query = matching === true ? range : `${range} and ${matching}`;
  if (encodeURIComponent(query).length > MAX_QUERY_LENGTH) {
    throw invalidRequest('InvalidQueryOption', '$filter', 'compares to more text than the store accepts in a query');
  }
  return query;
}

/** A condition in the language of the store, or what it always is. */
type Condition = string | boolean;

/** A condition or its negation, which is moved into the comparisons: stores implement `not` differently. */
function condition(filter: Filter, isNegated: boolean): Condition {
  switch (filter.operator) {
    case 'not':
      return condition(filter.operand, !isNegated);
    case 'and':
    case 'or': {
      const operator = (filter.operator === 'and') === isNegated ? 'or' : 'and';
      return join(operator, [condition(filter.left, isNegated), condition(filter.right, isNegated)]);
    }
    case 'in': {
      const parts = filter.values.map((value) => comparison(filter.property, isNegated ? 'ne' : 'eq', value));
      return join(isNegated ? 'and' : 'or', parts);
    }
    case 'startswith':
      return beginning(filter.value, isNegated);
    default:
      return comparison(filter.property, isNegated ? negated[filter.operator] : filter.operator, filter.value);
  }
}

const negated = { eq: 'ne', ne: 'eq', lt: 'ge', ge: 'lt', gt: 'le', le: 'gt' } as const satisfies Record<
  Comparison,
  Comparison
>;

function join(operator: 'and' | 'or', parts: readonly Condition[]): Condition {
  // What decides the whole, and what does not matter to it.
  const decisive = operator === 'or';
  if (parts.includes(decisive)) return decisive;
  const texts = parts.filter((part) => typeof part === 'string');
  return texts.length === 0 ? !decisive : texts.length === 1 ? String(texts[0]) : `(${texts.join(` ${operator} `)})`;
}

/** What begins with a text, or does not: it is not less, but less than with the next character at the end. */
function beginning(text: string, isNegated: boolean): Condition {
  if (text.length > MAX_CLIENT_CONTEXT_LENGTH) return isNegated;
  const characters = Array.from(toColumn.clientContext(text).slice(0, -1));
  const next = String.fromCodePoint((characters.at(-1)?.codePointAt(0) ?? 0) + 1);
  const least = `'${characters.join('').replaceAll("'", "''")}'`;
  const limit = `'${[...characters.slice(0, -1), next].join('').replaceAll("'", "''")}'`;
  return isNegated
    ? `(clientContext lt ${least} or clientContext ge ${limit})`
    : `(clientContext ge ${least} and clientContext lt ${limit})`;
}

function comparison(property: FilterProperty, operator: Comparison, value: string | null): Condition {
  // No operation can have such a value, and the query would be too long.
  if (property === 'clientContext' && (value?.length ?? 0) > MAX_CLIENT_CONTEXT_LENGTH) return operator === 'ne';
  if (property === 'id' && !isId(value)) return operator === 'ne';
  return `${property === 'id' ? 'RowKey' : property} ${operator} '${toColumn[property](value).replaceAll("'", "''")}'`;
}
