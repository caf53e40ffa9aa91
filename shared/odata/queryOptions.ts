import { defaultProperties, type PropertyName, propertyNames } from '../operation/playPromptOperation.ts';
import { Faults, invalidRequest, quoted, type ServiceError } from '../serviceError.ts';

/**
 * Reads the query options of a URL. OData 4.01 allows the name of a system query option in any casing, with or without
 * `$`.
 *
 * @throws ServiceError `invalidRequest` that names each option which is not `supported`, is repeated, or is badly encoded
 */
export function readQueryOptions<Name extends string>(
  url: URL,
  supported: readonly Name[],
): Readonly<Partial<Record<Name, string>>> {
  const options: Partial<Record<Name, string>> = {};
  const known = supported.length > 0 ? `; supported are ${supported.join(', ')}` : '';
  const faults = new Faults();
  for (const part of url.search.slice(1).split('&')) {
    if (part === '') continue;
    const [encodedName = '', ...rest] = part.split('=');
    const target = decodePart(encodedName) ?? encodedName;
    const name = supported.find((option) => withoutDollar(option) === withoutDollar(target.toLowerCase()));
    const value = decodePart(rest.join('='));
    if (name === undefined) faults.add('UnsupportedQueryOption', target, `is not a query option of this URL${known}`);
    else if (name in options) faults.add(INVALID_OPTION, name, 'is specified more than once');
    else if (value === undefined) faults.add(INVALID_OPTION, name, 'is not percent-encoded UTF-8');
    else options[name] = value;
  }
  faults.throwIfAny();
  return options;
}

const withoutDollar = (name: string) => name.replace(/^\$/, '');

/** Decodes a part of a query, in which a plus is a space as in a form. */
function decodePart(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** Encodes a value as it is sent in a URL: clients also encode the apostrophe, which `encodeURIComponent` leaves. */
export function encodeQueryValue(value: string): string {
  return encodeURIComponent(value.toWellFormed()).replaceAll("'", '%27');
}

const INVALID_OPTION = 'InvalidQueryOption';

/** The error of a query option; `text` follows its name. */
export function invalidOption(name: string, text: string): ServiceError {
  return invalidRequest(INVALID_OPTION, name, text);
}

/**
 * Reads `$select`: names of properties in any casing, separated by commas, or `*`, which is all but the times. OData Protocol, 11.2.5.1.
 *
 * @returns the selected properties, in the order of the resource; undefined for all but the times
 * @throws ServiceError `invalidRequest` that names each member which is not a property
 */
export function readSelect(value: string | undefined): readonly PropertyName[] | undefined {
  if (value === undefined) return undefined;
  const members = value.split(',').map((member) => member.trim());
  const known = (member: string) => propertyNames.find((name) => name.toLowerCase() === member.toLowerCase());
  const faults = new Faults();
  for (const member of members) {
    if (member === '*' || known(member) !== undefined) continue;
    const text = `has ${JSON.stringify(quoted(member))}; allowed are ${propertyNames.join(', ')}, and *`;
    faults.add(INVALID_OPTION, '$select', text);
  }
  faults.throwIfAny();
  const selected = new Set(members.flatMap((member) => (member === '*' ? defaultProperties : (known(member) ?? []))));
  if (members.includes('*') && selected.size === defaultProperties.length) return undefined;
  return propertyNames.filter((name) => selected.has(name));
}

/** The size of a page, by default and at most. */
export const DEFAULT_TOP = 100;
export const MAX_TOP = 999;

/**
 * Reads `$top`, which is the size of a page, as in Graph.
 *
 * @throws ServiceError `invalidRequest` unless it is a whole number from 1 to 999
 */
export function readTop(value: string | undefined): number {
  if (value === undefined) return DEFAULT_TOP;
  const top = /^\d{1,3}$/.test(value) ? Number(value) : 0;
  if (top < 1) throw invalidOption('$top', `must be a whole number from 1 to ${MAX_TOP}`);
  return top;
}

/**
 * Reads `$count`.
 *
 * @throws ServiceError `invalidRequest` unless it is true or false
 */
export function readCount(value: string | undefined): boolean {
  if (value !== undefined && !/^(?:true|false)$/i.test(value)) {
    throw invalidOption('$count', 'must be true or false');
  }
  return value?.toLowerCase() === 'true';
}
