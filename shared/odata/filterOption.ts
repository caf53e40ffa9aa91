import * as z from 'zod';
import { type Comparison, type Filter, type FilterProperty, filterProperties, isTime } from '../operation/filter.ts';
import { completionReasons, operationStatuses } from '../operation/playPromptOperation.ts';
import { quoted as shortened } from '../serviceError.ts';
import { encodeQueryValue, invalidOption } from './queryOptions.ts';

/**
 * The longest `$filter`, in characters as it is sent, percent-encoded. With it, the link to a next page fits into the 8 KiB
 * that the Functions host accepts as a request line.
 */
export const MAX_FILTER_LENGTH = 6144;

/** How many comparisons a filter may have. Table Storage allows 15 in a query; the keys of the tenant take 2. */
export const MAX_COMPARISONS = 13;

/** How deep parentheses and `not` may be nested. */
export const MAX_FILTER_DEPTH = 16;

/** The enumerations: their names in literals, and their members. */
const enumerations: Partial<Record<FilterProperty, { readonly type: string; readonly members: readonly string[] }>> = {
  status: { type: 'microsoft.graph.operationStatus', members: operationStatuses },
  completionReason: { type: 'microsoft.graph.playPromptCompletionReason', members: completionReasons },
};

const EQUALITY = ['eq', 'ne'] as const satisfies Comparison[];
const ORDER = ['lt', 'le', 'gt', 'ge'] as const satisfies Comparison[];

const TOKEN =
  /[ \t]*(?<token>(?<enumeration>[A-Za-z_][\w.]*'(?:[^']|'')*')|(?<text>'(?:[^']|'')*')|(?<time>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:[Zz]|[+ -]\d\d:\d\d))|(?<word>[A-Za-z_][\w./]*)|\d[\w.:-]*|[(),])[ \t]*/gy;

/**
 * Reads `$filter`, OData URL Conventions, section 5.1.1: `eq`, `ne` and `in` of the properties, and `lt`, `le`, `gt` and `ge` of
 * times, and `startswith` of `clientContext`, with `and`, `or`, `not` and parentheses. Operators, properties and members of enumerations are
 * case-insensitive.
 *
 * @throws ServiceError `invalidRequest` with what is wrong and where, or which limit the filter exceeds
 */
export function readFilter(value: string | undefined): Filter | undefined {
  if (value === undefined) return undefined;
  if (encodeQueryValue(value).length > MAX_FILTER_LENGTH) {
    throw refuse(`must be at most ${MAX_FILTER_LENGTH} characters long, percent-encoded`);
  }
  return parse(value);
}

/** A recursive-descent parser: one function for each level of precedence, each of which consumes tokens. */
function parse(source: string): Filter {
  const tokens = [...source.matchAll(TOKEN)];
  const end = tokens.reduce((length, [match]) => length + match.length, 0);
  if (end < source.length) throw refuse(`is not valid at character ${end + 1}`);
  let next = 0;
  let comparisons = 0;

  const filter = or(0);
  if (next < tokens.length) throw expected('and, or, or the end of the filter');
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
    // `not` binds more tightly than a comparison, which therefore needs parentheses.
    if (token() !== '(' && token() !== 'not' && token() !== 'startswith') throw expected('( after not');
    return { operator: 'not', operand: unary(depth + 1) };
  }

  function comparison(): Filter {
    if (take('startswith')) return startsWith();
    const property = filterProperties.find((name) => take(name));
    const word = tokens[next]?.groups?.word;
    if (property === undefined && word !== undefined) {
      throw refuse(`cannot compare ${shortened(word)}, but only ${filterProperties.join(', ')}`);
    }
    if (property === undefined) throw expected(`not, ( or one of ${filterProperties.join(', ')}`);
    const operators: readonly Comparison[] = isTime(property) ? [...EQUALITY, ...ORDER] : EQUALITY;
    const operator = operators.find((name) => take(name));
    if (operator !== undefined) return { operator, property, value: literal(property) };
    if (!take('in')) throw expected(`${operators.join(', ')} or in`);
    if (!take('(')) throw expected('( after in');
    const values = [literal(property)];
    while (take(',')) values.push(literal(property));
    if (!take(')')) throw expected(', or )');
    return { operator: 'in', property, values };
  }

  /** The store makes two comparisons of it. */
  function startsWith(): Filter {
    for (const part of ['(', 'clientContext', ',']) if (!take(part)) throw expected(`startswith(clientContext,'...')`);
    if (tokens[next]?.groups?.text === undefined) throw expected('text in quotes');
    comparisons += 1;
    const value = literal('clientContext') ?? '';
    if (!take(')')) throw expected(')');
    return { operator: 'startswith', property: 'clientContext', value };
  }

  /** OData ABNF, primitiveLiteral. Like Graph, it takes a member of an enumeration as plain text too. */
  function literal(property: FilterProperty): string | null {
    comparisons += 1;
    if (comparisons > MAX_COMPARISONS) throw refuse(`compares to more than ${MAX_COMPARISONS} values`);
    if (isTime(property)) return time();
    if (take('null')) return null;
    const { type, members } = enumerations[property] ?? {};
    const { text, enumeration } = tokens[next]?.groups ?? {};
    const quoted = text ?? (type && enumeration?.startsWith(`${type}'`) ? enumeration.slice(type.length) : undefined);
    const value = quoted?.slice(1, -1).replaceAll("''", "'");
    const known = members ? members.find((member) => member.toLowerCase() === value?.toLowerCase()) : value;
    if (known === undefined) {
      throw expected(`${members ? members.map((member) => `'${member}'`).join(', ') : 'text in quotes'} or null`);
    }
    next += 1;
    return known;
  }

  /** OData ABNF, dateTimeOffsetValue, as a sortable time. */
  function time(): string {
    const value = sortable(tokens[next]?.groups?.time ?? '');
    if (value === undefined) throw expected('a time such as 2026-11-23T14:18:02Z');
    next += 1;
    return value;
  }

  /** The next token, in lower case. A string keeps its quotes, so that it never equals a word. */
  function token() {
    return tokens[next]?.groups?.token?.toLowerCase();
  }

  function take(wanted: string): boolean {
    const isNext = token() === wanted.toLowerCase();
    if (isNext) next += 1;
    return isNext;
  }

  function expected(wanted: string) {
    const found = tokens[next];
    const at = found ? `at character ${source.indexOf(found.groups?.token ?? '', found.index) + 1}` : 'at its end';
    return refuse(`is not valid ${at}: expected ${wanted}`);
  }
}

const dateTimeOffset = z.iso.datetime({ offset: true });

/** A time with any offset as a sortable one; undefined when there is no such time. A plus in a query is a space. */
function sortable(literal: string): string | undefined {
  const text = literal
    .toUpperCase()
    .replace(' ', '+')
    .replace(/^(.{16})(?!:)/, '$1:00');
  if (!dateTimeOffset.safeParse(text).success) return undefined;
  const [, fraction = ''] = /\.(\d+)/.exec(text) ?? [];
  const utc = new Date(text.replace(/\.\d+/, '')).toISOString();
  // A year of five digits, or before the first, would not sort.
  if (!/^\d{4}-/.test(utc)) return undefined;
  return utc.slice(0, 20) + fraction.slice(0, 3).padEnd(3, '0') + fraction.slice(3).replace(/(?<!0)0+$/, '');
}

const refuse = (message: string) => invalidOption('$filter', message);
