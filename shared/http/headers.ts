// Reads header values in time that is linear in their length.
import { invalidRequest } from '../serviceError.ts';

/** The longest header value that is read, in characters; the access token has its own limit. */
export const MAX_HEADER_LENGTH = 2048;

/**
 * The value of a header; null when it was not sent.
 *
 * @throws ServiceError `invalidRequest` when it is longer than MAX_HEADER_LENGTH
 */
export function readHeader(headers: Headers, name: string): string | null {
  const value = headers.get(name);
  if (value === null || value.length <= MAX_HEADER_LENGTH) return value;
  throw invalidRequest('InvalidHeader', name, `must be at most ${MAX_HEADER_LENGTH} characters long`);
}

/** A media type or a media range and its parameters. RFC 9110, section 8.3.1. */
export interface MediaType {
  /** In lower case, such as `application/json`. */
  readonly essence: string;
  /** By their names in lower case; the first of a name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Parses a media type; undefined when it is not one. A parameter that is malformed is ignored. */
export function parseMediaType(text: string): MediaType | undefined {
  const [essence = '', ...parts] = splitUnquoted(text, ';');
  const names = essence.split('/');
  if (names.length !== 2 || !names.every((name) => TOKEN.test(name))) return undefined;
  const parameters = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = part.slice(0, equals).toLowerCase();
    if (equals > 0 && TOKEN.test(name) && !parameters.has(name)) parameters.set(name, unquote(part.slice(equals + 1)));
  }
  return { essence: essence.toLowerCase(), parameters };
}

/** The members of a comma-separated list, without the empty ones. RFC 9110, section 5.6.1. */
export function listMembers(value: string): string[] {
  return splitUnquoted(value, ',').filter((member) => member !== '');
}

/** Splits a value at separators that are not within a quoted string (RFC 9110, section 5.6.4), and trims the parts. */
function splitUnquoted(value: string, separator: ',' | ';'): string[] {
  if (!value.includes(separator)) return [value.trim()];
  const parts: string[] = [];
  let isQuoted = false;
  let begin = 0;
  for (let at = 0; at < value.length; at++) {
    const character = value[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted && character === '\\') at += 1;
    else if (!isQuoted && character === separator) {
      parts.push(value.slice(begin, at).trim());
      begin = at + 1;
    }
  }
  parts.push(value.slice(begin).trim());
  return parts;
}

/** The content of a quoted string; any other text unchanged. */
function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1, text.endsWith('"') ? -1 : undefined).replace(/\\(.)/g, '$1') : text;
}
