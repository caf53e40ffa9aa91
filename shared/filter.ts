import { invalid } from './faults.ts';
import { completionReasons, operationStatuses } from './playPromptOperation.ts';
import { fault } from './queryOptions.ts';

/** The longest `$filter`, in characters. */
export const MAX_FILTER_LENGTH = 8192;

/** How many values a filter may compare to: a query of Table Storage may 15, of which the keys of a tenant take 2. */
export const MAX_COMPARISONS = 13;

/** How deep parentheses and `not` may be nested. */
export const MAX_FILTER_DEPTH = 16;

/** What operations can be filtered by; the values of an enumeration are its members, of any other text. */
const properties = {
  status: { type: 'microsoft.graph.operationStatus', members: operationStatuses },
  completionReason: { type: 'microsoft.graph.playPromptCompletionReason', members: completionReasons },
  clientContext: { type: 'Edm.String', members: undefined },
} as const;

export type FilterProperty = keyof typeof properties;
export const filterProperties = Object.keys(properties) as readonly FilterProperty[];

/** A condition on operations. Null equals null and nothing else. */
export type Filter =
  | { readonly operator: 'eq' | 'ne'; readonly property: FilterProperty; readonly value: string | null }
  | { readonly operator: 'in'; readonly property: FilterProperty; readonly values: readonly (string | null)[] }
  | { readonly operator: 'and' | 'or'; readonly left: Filter; readonly right: Filter }
  | { readonly operator: 'not'; readonly operand: Filter };

const TOKEN =
  /[ \t]*(?<token>(?<enumeration>[A-Za-z_][\w.]*'(?:[^']|'')*')|(?<text>'(?:[^']|'')*')|(?<word>[A-Za-z_][\w./]*)|[(),])[ \t]*/gy;

/**
 * Reads `$filter`, OData URL Conventions, section 5.1.1: `eq`, `ne` and `in` of `status`, `completionReason` and
 * `clientContext`, with `and`, `or`, `not` and parentheses. Names of operators, properties and members of enumerations
 * are taken in any casing.
 *
 * @throws GraphError 400 that says what is not understood and where, or that it is too long, too deep or compares too much
 */
export function readFilter(value: string | undefined): Filter | undefined {
  if (value === undefined) return undefined;
  if (value.length > MAX_FILTER_LENGTH) throw refuse(`must be at most ${MAX_FILTER_LENGTH} characters long`);
  return parse(value);
}

/** By recursive descent, a function for each level of precedence; each takes what it understands off the tokens. */
function parse(source: string): Filter {
  const tokens = [...source.matchAll(TOKEN)];
  const end = tokens.reduce((length, [match]) => length + match.length, 0);
  if (end < source.length) throw refuse(`is not understood at character ${end + 1}`);
  let next = 0;
  let comparisons = 0;

  const filter = or(0);
  if (next < tokens.length) throw expected('and, or, or the end');
  return filter;

  function or(depth: number): Filter {
    let left = and(depth);
    while (take('or')) left = { operator: 'or', left, right: and(depth) };
    return left;
  }

  function and(depth: number): Filter {
    let left = unary(depth);
    while (take('and')) left = { operator: 'and', left, right: unary(depth) };
    return left;
  }

  function unary(depth: number): Filter {
    if (depth > MAX_FILTER_DEPTH) throw refuse(`is nested deeper than ${MAX_FILTER_DEPTH} levels`);
    if (take('(')) {
      const inner = or(depth + 1);
      if (!take(')')) throw expected('and, or, or )');
      return inner;
    }
    if (!take('not')) return comparison();
    // It binds more tightly than a comparison, which it therefore needs in parentheses.
    if (token() !== '(' && token() !== 'not') throw expected('( after not');
    return { operator: 'not', operand: unary(depth + 1) };
  }

  function comparison(): Filter {
    const property = filterProperties.find((name) => take(name));
    if (property === undefined) throw expected(`not, ( or one of ${filterProperties.join(', ')}`);
    if (take('eq')) return { operator: 'eq', property, value: literal(property) };
    if (take('ne')) return { operator: 'ne', property, value: literal(property) };
    if (!take('in')) throw expected('eq, ne or in');
    if (!take('(')) throw expected('( after in');
    const values = [literal(property)];
    while (take(',')) values.push(literal(property));
    if (!take(')')) throw expected(', or )');
    return { operator: 'in', property, values };
  }

  /** A value of a property's type: OData ABNF, primitiveLiteral; that of an enumeration as text too, as Graph has it. */
  function literal(property: FilterProperty): string | null {
    comparisons += 1;
    if (comparisons > MAX_COMPARISONS) throw refuse(`compares to more than ${MAX_COMPARISONS} values`);
    if (take('null')) return null;
    const { type, members } = properties[property];
    const { text, enumeration } = tokens[next]?.groups ?? {};
    const quoted =
      text ?? (members && enumeration?.startsWith(`${type}'`) ? enumeration.slice(type.length) : undefined);
    const value = quoted?.slice(1, -1).replaceAll("''", "'");
    const known = members ? members.find((member) => member.toLowerCase() === value?.toLowerCase()) : value;
    if (known === undefined) {
      throw expected(`${members ? members.map((member) => `'${member}'`).join(', ') : 'text in quotes'} or null`);
    }
    next += 1;
    return known;
  }

  /** The next token, in lower case. A text is in its quotes, and so is no word. */
  function token() {
    return tokens[next]?.groups?.token?.toLowerCase();
  }

  function take(wanted: string): boolean {
    const isThere = token() === wanted.toLowerCase();
    if (isThere) next += 1;
    return isThere;
  }

  function expected(wanted: string) {
    const found = tokens[next];
    const at = found ? `at character ${source.indexOf(found.groups?.token ?? '', found.index) + 1}` : 'at its end';
    return refuse(`is not understood ${at}, where there must be ${wanted}`);
  }
}

const refuse = (message: string) => invalid([fault('$filter', message)]);
