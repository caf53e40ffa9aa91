import { type PlayPromptOperation, timeProperties } from './playPromptOperation.ts';

/** The properties that a filter can compare. */
export const filterProperties = ['id', 'status', 'completionReason', 'clientContext', ...timeProperties] as const;
export type FilterProperty = (typeof filterProperties)[number];

export const isTime = (property: FilterProperty): property is (typeof timeProperties)[number] =>
  timeProperties.some((name) => name === property);

/**
 * A time as text that sorts by time, whatever its precision: in UTC, without the Z. Its fraction of a second has at least three
 * digits, and no zeros at its end beyond them.
 */
export const toSortable = (time: string): string => time.slice(0, -1);

/**
 * A condition on operations. Null equals null and nothing else. A time is compared to sortable ones, by order too; an operation
 * that does not have it matches neither the comparison nor its negation.
 */
export type Filter =
  | { readonly operator: Comparison; readonly property: FilterProperty; readonly value: string | null }
  | { readonly operator: 'startswith'; readonly property: 'clientContext'; readonly value: string }
  | { readonly operator: 'in'; readonly property: FilterProperty; readonly values: readonly (string | null)[] }
  | { readonly operator: 'and' | 'or'; readonly left: Filter; readonly right: Filter }
  | { readonly operator: 'not'; readonly operand: Filter };

export type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';

/** Whether an operation matches a filter, or its negation. */
export function matches(operation: PlayPromptOperation, filter: Filter, isNegated = false): boolean {
  switch (filter.operator) {
    case 'and':
    case 'or': {
      const left = matches(operation, filter.left, isNegated);
      const decides = (filter.operator === 'or') !== isNegated;
      return left === decides ? left : matches(operation, filter.right, isNegated);
    }
    case 'not':
      return matches(operation, filter.operand, !isNegated);
    default: {
      const value = comparable(operation, filter.property);
      return value !== undefined && holds(filter, value) !== isNegated;
    }
  }
}

/** The value to compare; undefined for a time that the operation does not have. */
function comparable(operation: PlayPromptOperation, property: FilterProperty): string | null | undefined {
  if (!isTime(property)) return operation[property];
  const time = operation[property];
  return time === null ? undefined : toSortable(time);
}

function holds(filter: Extract<Filter, { property: FilterProperty }>, value: string | null): boolean {
  if (filter.operator === 'in') return filter.values.includes(value);
  if (filter.operator === 'startswith') return value?.startsWith(filter.value) ?? false;
  const wanted = filter.value;
  if (filter.operator === 'eq') return value === wanted;
  if (filter.operator === 'ne') return value !== wanted;
  if (value === null || wanted === null) return false;
  const isEqual = value === wanted && (filter.operator === 'le' || filter.operator === 'ge');
  return isEqual || (filter.operator === 'lt' || filter.operator === 'le' ? value < wanted : value > wanted);
}

/** The ids that an operation must have one of to match a filter; undefined where the filter does not say. */
export function idsOf(filter: Filter): readonly string[] | undefined {
  switch (filter.operator) {
    case 'and': {
      const [left, right] = [idsOf(filter.left), idsOf(filter.right)];
      return left && right ? left.filter((id) => right.includes(id)) : (left ?? right);
    }
    case 'or': {
      const [left, right] = [idsOf(filter.left), idsOf(filter.right)];
      return left && right && [...left, ...right];
    }
    case 'eq':
      return filter.property === 'id' ? [filter.value].filter((value) => value !== null) : undefined;
    case 'in':
      return filter.property === 'id' ? filter.values.filter((value) => value !== null) : undefined;
    default:
      return undefined;
  }
}
