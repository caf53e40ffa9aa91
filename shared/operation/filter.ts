import { completionReasons, operationStatuses, type PlayPromptOperation } from './playPromptOperation.ts';

/** The properties that a filter can compare, with the members of their enumeration; undefined for any text. */
export const filterable = {
  id: undefined,
  status: operationStatuses,
  completionReason: completionReasons,
  clientContext: undefined,
} as const;

export type FilterProperty = keyof typeof filterable;

/** A condition on operations. Null equals null and nothing else. */
export type Filter =
  | { readonly operator: 'eq' | 'ne'; readonly property: FilterProperty; readonly value: string | null }
  | { readonly operator: 'in'; readonly property: FilterProperty; readonly values: readonly (string | null)[] }
  | { readonly operator: 'and' | 'or'; readonly left: Filter; readonly right: Filter }
  | { readonly operator: 'not'; readonly operand: Filter };

/** Whether an operation matches a filter. */
export function matches(operation: PlayPromptOperation, filter: Filter): boolean {
  switch (filter.operator) {
    case 'and':
      return matches(operation, filter.left) && matches(operation, filter.right);
    case 'or':
      return matches(operation, filter.left) || matches(operation, filter.right);
    case 'not':
      return !matches(operation, filter.operand);
    case 'in':
      return filter.values.includes(operation[filter.property]);
    case 'eq':
      return operation[filter.property] === filter.value;
    case 'ne':
      return operation[filter.property] !== filter.value;
  }
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
