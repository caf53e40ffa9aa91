import * as fc from 'fast-check';
import { MAX_COMPARISONS } from '../../shared/odata/filterOption.ts';
import { type Filter, type FilterProperty, filterProperties, isTime } from '../../shared/operation/filter.ts';
import {
  completionReasons,
  operationStatuses,
  type PlayPromptOperation,
} from '../../shared/operation/playPromptOperation.ts';

/** Texts that are hard on a filter, and few enough to be met again. */
export const contexts = [
  ...['', 'a', 'A', "o'clock", "''", '"', '\\', '\\"a\\"', 'null', ' a ', 'é😀', '%27', '+', 'a,b', '\u0001'],
  ...['\uffff', '\uffffa', '\u{10ffff}', '\u{10ffff}\ue000', '\ud7ff', '\ud7ff\ue000', '\u{10000}', '\ue000'],
];

/** What contexts begin with, and what none does. */
export const prefixes = [...contexts, 'é', "o'", '\\"', '~', '\u{1ffff}'];

/** Sortable times, of operations and beside them. */
const time = fc.constantFrom(
  ...['2026-11-23T14:18:02.000', '2026-11-23T14:18:02.001', '2026-11-23T14:18:02.100', '0000-01-01T00:00:00.000'],
  ...['2026-11-23T14:18:02.0005', '2026-11-23T14:18:02.100000000001', '9999-12-31T23:59:59.999'],
);

const values: Record<(typeof filterProperties)[number], fc.Arbitrary<string | null>> = {
  id: fc.constantFrom('op-0', 'op-1', 'op-4', 'OP-1', 'theirs'),
  status: fc.constantFrom(...operationStatuses, null),
  completionReason: fc.constantFrom(...completionReasons, null),
  clientContext: fc.constantFrom(...contexts, null),
  createdDateTime: time,
  lastActionDateTime: time,
};

const startsWith: fc.Arbitrary<Filter> = fc.record({
  operator: fc.constant('startswith'),
  property: fc.constant('clientContext'),
  value: fc.constantFrom(...prefixes),
});

const comparison: fc.Arbitrary<Filter> = fc.constantFrom(...filterProperties).chain((property) =>
  fc.oneof(
    fc.record({
      operator: isTime(property)
        ? fc.constantFrom(...(['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const))
        : fc.constantFrom('eq' as const, 'ne' as const),
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
      startsWith,
      fc.record({ operator: fc.constant('not' as const), operand: tie('filter') }),
      fc.record({ operator: fc.constantFrom('and', 'or'), left: tie('filter'), right: tie('filter') }),
    ),
  }))
  .filter.filter((filter) => comparisonsOf(filter) <= MAX_COMPARISONS);

export function comparisonsOf(filter: Filter): number {
  if ('operand' in filter) return comparisonsOf(filter.operand);
  if ('left' in filter) return comparisonsOf(filter.left) + comparisonsOf(filter.right);
  if ('values' in filter) return filter.values.length;
  return filter.operator === 'startswith' ? 2 : 1;
}

/** The text of a filter, with only the parentheses that its meaning needs. */
export function textOf(filter: Filter): string {
  const { operator } = filter;
  const inner = (operand: Filter, ...loose: Filter['operator'][]) =>
    loose.includes(operand.operator) ? `(${textOf(operand)})` : textOf(operand);
  if ('left' in filter && operator === 'or') return `${textOf(filter.left)} or ${inner(filter.right, 'or')}`;
  if ('left' in filter) return `${inner(filter.left, 'or')} and ${inner(filter.right, 'or', 'and')}`;
  if ('operand' in filter) return `not ${inner(filter.operand, 'or', 'and', 'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'in')}`;
  const written = (value: string | null) => literal(value, filter.property);
  if ('values' in filter) return `${filter.property} in (${filter.values.map(written).join(', ')})`;
  if (operator === 'startswith') return `startswith(${filter.property},${written(filter.value)})`;
  return `${filter.property} ${operator} ${written(filter.value)}`;
}

const literal = (value: string | null, property: FilterProperty) =>
  value === null ? 'null' : isTime(property) ? `${value}Z` : `'${value.replaceAll("'", "''")}'`;

/** What a filter means. A comparison of a time that there is not is neither true nor false. */
export function fulfils(operation: PlayPromptOperation, filter: Filter): boolean {
  return outcome(operation, filter) === true;
}

function outcome(operation: PlayPromptOperation, filter: Filter): boolean | undefined {
  if (filter.operator === 'not') {
    const inner = outcome(operation, filter.operand);
    return inner === undefined ? undefined : !inner;
  }
  if ('left' in filter) {
    const outcomes = [outcome(operation, filter.left), outcome(operation, filter.right)];
    const decisive = filter.operator === 'or';
    return outcomes.includes(decisive) ? decisive : outcomes.includes(undefined) ? undefined : !decisive;
  }
  const value = operation[filter.property];
  if (filter.operator === 'startswith') return value !== null && value.indexOf(filter.value) === 0;
  const comparable = isTime(filter.property) ? toPicoseconds : JSON.stringify;
  if (isTime(filter.property) && value === null) return undefined;
  const others = ('values' in filter ? filter.values : [filter.value]).map((each) => comparable(each));
  const [own, other = ''] = [comparable(value), ...others];
  const [eq, lt, gt] = [own === other, own < other, own > other];
  return { eq, lt, gt, ne: !eq, le: !gt, ge: !lt, in: others.includes(own) }[filter.operator];
}

/** A time in UTC, with or without Z, with all digits down to picoseconds. */
const toPicoseconds = (time: string | null) =>
  `${time}`.replace('Z', '').padEnd('2026-11-23T14:18:02.'.length + 12, '0');
