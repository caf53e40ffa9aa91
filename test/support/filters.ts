import * as fc from 'fast-check';
import { filterProperties, MAX_COMPARISONS } from '../../shared/odata/filterOption.ts';
import type { Filter } from '../../shared/operation/filter.ts';
import {
  completionReasons,
  operationStatuses,
  type PlayPromptOperation,
} from '../../shared/operation/playPromptOperation.ts';

/** Texts that are hard on a filter, and few enough to be met again. */
export const contexts = [
  '',
  'a',
  'A',
  "o'clock",
  "''",
  '"',
  '\\',
  '\\"a\\"',
  'null',
  ' a ',
  'é😀',
  '%27',
  '+',
  'a,b',
  '\u0001',
];

const values = {
  id: fc.constantFrom('op-0', 'op-1', 'op-4', 'OP-1', 'theirs'),
  status: fc.constantFrom(...operationStatuses, null),
  completionReason: fc.constantFrom(...completionReasons, null),
  clientContext: fc.constantFrom(...contexts, null),
};

const comparison: fc.Arbitrary<Filter> = fc.constantFrom(...filterProperties).chain((property) =>
  fc.oneof(
    fc.record({
      operator: fc.constantFrom('eq' as const, 'ne' as const),
      property: fc.constant(property),
      value: values[property],
    }),
    fc.record({
      operator: fc.constant('in' as const),
      property: fc.constant(property),
      values: fc.array<string | null>(values[property], { minLength: 1, maxLength: 3 }),
    }),
  ),
);

/** Filters that are short enough to be taken. */
export const filters: fc.Arbitrary<Filter> = fc
  .letrec<{ filter: Filter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      comparison,
      fc.record({ operator: fc.constant('not' as const), operand: tie('filter') }),
      fc.record({
        operator: fc.constantFrom('and' as const, 'or' as const),
        left: tie('filter'),
        right: tie('filter'),
      }),
    ),
  }))
  .filter.filter((filter) => comparisonsOf(filter) <= MAX_COMPARISONS);

export function comparisonsOf(filter: Filter): number {
  switch (filter.operator) {
    case 'not':
      return comparisonsOf(filter.operand);
    case 'and':
    case 'or':
      return comparisonsOf(filter.left) + comparisonsOf(filter.right);
    case 'in':
      return filter.values.length;
    default:
      return 1;
  }
}

/** The text of a filter, with only the parentheses that its meaning needs. */
export function textOf(filter: Filter): string {
  const inner = (operand: Filter, ...loose: Filter['operator'][]) =>
    loose.includes(operand.operator) ? `(${textOf(operand)})` : textOf(operand);
  switch (filter.operator) {
    case 'or':
      return `${textOf(filter.left)} or ${inner(filter.right, 'or')}`;
    case 'and':
      return `${inner(filter.left, 'or')} and ${inner(filter.right, 'or', 'and')}`;
    case 'not':
      return `not ${inner(filter.operand, 'or', 'and', 'eq', 'ne', 'in')}`;
    case 'in':
      return `${filter.property} in (${filter.values.map(literal).join(', ')})`;
    default:
      return `${filter.property} ${filter.operator} ${literal(filter.value)}`;
  }
}

const literal = (value: string | null) => (value === null ? 'null' : `'${value.replaceAll("'", "''")}'`);

/** What a filter means. */
export function fulfils(operation: PlayPromptOperation, filter: Filter): boolean {
  switch (filter.operator) {
    case 'and':
      return fulfils(operation, filter.left) && fulfils(operation, filter.right);
    case 'or':
      return fulfils(operation, filter.left) || fulfils(operation, filter.right);
    case 'not':
      return !fulfils(operation, filter.operand);
    case 'in':
      return filter.values.includes(operation[filter.property]);
    default:
      return (operation[filter.property] === filter.value) === (filter.operator === 'eq');
  }
}
