// Queries in the filter language of Table Storage.
import type { Filter, FilterProperty } from '../operation/filter.ts';
import { finalStatuses } from '../operation/playPromptOperation.ts';
import { toColumn } from './tableEntity.ts';

/**
 * The query of the operations that have ended and were last written before a time, by the store's own clock. An operation
 * never ends after its last write, so that no column is needed for it.
 */
export function toEndedFilter(before: Date): string {
  const isFinal = finalStatuses.map((status) => comparison('status', 'eq', status)).join(' or ');
  return `Timestamp lt datetime'${before.toISOString()}' and (${isFinal})`;
}

/** The query of the operations of a tenant that match a filter. */
export function toTableFilter(tenant: string, filter: Filter | undefined): string {
  // A hexadecimal digit follows the prefix.
  const range = `PartitionKey ge '${tenant}_' and PartitionKey lt '${tenant}_g'`;
  return filter ? `${range} and ${condition(filter, false)}` : range;
}

/** A condition or its negation, which is moved into the comparisons: stores implement `not` differently. */
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
