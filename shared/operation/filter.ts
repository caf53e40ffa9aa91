import { completionReasons, operationStatuses, type PlayPromptOperation } from './playPromptOperation.ts';

/** The properties that a filter can compare, with the members of their enumeration; undefined for any text. */
export const filterable = {
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
