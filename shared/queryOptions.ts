import { invalid } from './faults.ts';
import type { ErrorDetail } from './graphError.ts';
import { type PropertyName, propertyNames } from './playPromptOperation.ts';

/**
 * Reads the query options of an address. OData 4.01 takes the name of a system query option in any casing, and without
 * its `$`.
 *
 * @throws GraphError 400 that names each option which is not one of `supported`, comes twice, or is no valid encoding
 */
export function readQueryOptions<Name extends string>(
  url: string,
  supported: readonly Name[],
): Readonly<Partial<Record<Name, string>>> {
  const options: Partial<Record<Name, string>> = {};
  const faults: ErrorDetail[] = [];
  for (const part of new URL(url).search.slice(1).split('&')) {
    if (part === '') continue;
    const [encodedName = '', ...rest] = part.split('=');
    const target = decode(encodedName) ?? encodedName;
    const name = supported.find((option) => withoutDollar(option) === withoutDollar(target.toLowerCase()));
    const value = decode(rest.join('='));
    if (name === undefined) faults.push(notSupported(target, supported));
    else if (name in options) faults.push(fault(name, 'is there more than once'));
    else if (value === undefined) faults.push(fault(name, 'is not percent-encoded UTF-8'));
    else options[name] = value;
  }
  if (faults.length > 0) throw invalid(faults);
  return options;
}

const withoutDollar = (name: string) => name.replace(/^\$/, '');

/** A part of a query as it is meant: a plus is a space, as in a form. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function notSupported(target: string, supported: readonly string[]): ErrorDetail {
  const known = supported.length > 0 ? `; there is ${supported.join(', ')}` : '';
  return { ...fault(target, `is no query option of this address${known}`), code: 'UnsupportedQueryOption' };
}

/** What is wrong with an option, `message` being what follows its name. */
export function fault(target: string, message: string): ErrorDetail {
  return { code: 'InvalidQueryOption', message: `${target} ${message}.`, target };
}

/**
 * Reads `$select`: the names of properties in any casing, separated by commas, or `*`. OData Protocol, 11.2.5.1.
 *
 * @returns what is selected, in the order of the resource; undefined for everything
 * @throws GraphError 400 that names each member which is not a property
 */
export function readSelect(value: string | undefined): readonly PropertyName[] | undefined {
  if (value === undefined) return undefined;
  const members = value.split(',').map((member) => member.trim());
  const known = (member: string) => propertyNames.find((name) => name.toLowerCase() === member.toLowerCase());
  const faults = members
    .filter((member) => member !== '*' && known(member) === undefined)
    .map((member) => fault('$select', `names ${JSON.stringify(member)}; there is ${propertyNames.join(', ')}, and *`));
  if (faults.length > 0) throw invalid(faults);
  if (members.includes('*')) return undefined;
  const selected = new Set(members.map(known));
  return propertyNames.filter((name) => selected.has(name));
}

/** How many operations a page has at most, where the request does not say. */
export const DEFAULT_TOP = 100;
export const MAX_TOP = 999;

/**
 * Reads `$top`, which Graph takes for the size of a page.
 *
 * @throws GraphError 400 unless it is a whole number from 1 to 999
 */
export function readTop(value: string | undefined): number {
  if (value === undefined) return DEFAULT_TOP;
  const top = /^\d{1,3}$/.test(value) ? Number(value) : 0;
  if (top < 1) throw invalid([fault('$top', `must be a whole number from 1 to ${MAX_TOP}`)]);
  return top;
}

/**
 * Reads `$count`.
 *
 * @throws GraphError 400 unless it is true or false
 */
export function readCount(value: string | undefined): boolean {
  if (value !== undefined && !/^(?:true|false)$/i.test(value)) {
    throw invalid([fault('$count', 'must be true or false')]);
  }
  return value?.toLowerCase() === 'true';
}
