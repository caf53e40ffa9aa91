import { readBounded } from '../bounds.ts';
import { Faults, pathOf, ServiceError } from '../serviceError.ts';
import { parseMediaType, readHeader } from './headers.ts';

/** The longest body of a request that is read, in bytes; that of a batch is another. */
export const MAX_BODY_BYTES = 64 * 1024;

/** The deepest nesting of arrays and objects that a body may have; the resource itself needs 2. */
export const MAX_DEPTH = 16;

/** A body may have one JSON token (RFC 8259, section 2) for so many bytes of its limit: 2,048 in 64 KiB. */
export const BYTES_PER_TOKEN = 32;

/**
 * Reads the body of a request as JSON (RFC 8259) in which no object has a duplicate member.
 *
 * @throws ServiceError `unsupportedMediaType` unless the body is declared as application/json in UTF-8 without a content
 * coding; `contentTooLarge` above `limit` bytes; `lengthRequired` when it was sent in chunks; `invalidRequest` when it is
 * empty, not UTF-8, not JSON, nested too deeply, or has too many tokens or a duplicate member
 */
export async function readJsonBody(
  request: { readonly headers: Headers; readonly body: ReadableStream<Uint8Array> | null },
  limit = MAX_BODY_BYTES,
): Promise<unknown> {
  checkMediaType(request.headers);
  const isDeclaredTooLarge = Number(readHeader(request.headers, 'Content-Length') ?? 0) > limit;
  const bytes = isDeclaredTooLarge ? undefined : await readBounded(request.body, limit);
  if (bytes === undefined) throw new ServiceError('contentTooLarge', `The body is larger than ${limit} bytes.`);
  if (bytes.length === 0 && request.headers.has('transfer-encoding'))
    throw new ServiceError('lengthRequired', NO_LENGTH);
  if (bytes.length === 0) throw new ServiceError('invalidRequest', 'The body is empty; it must be a JSON object.');
  return parseJson(decodeUtf8(bytes), limit);
}

/** The Functions host forwards a body only with `Content-Length`. */
const NO_LENGTH =
  'The body was lost, since it was sent in chunks: send Content-Length. In .NET, call LoadIntoBufferAsync on the ' +
  'content first, or use StringContent.';

function checkMediaType(headers: Headers) {
  const unsupported = (message: string) => new ServiceError('unsupportedMediaType', message);
  const contentType = readHeader(headers, 'Content-Type');
  if (contentType === null) throw unsupported('Content-Type is missing; it must be application/json.');
  const { essence, parameters } = parseMediaType(contentType) ?? {};
  if (essence !== 'application/json') throw unsupported('Content-Type must be application/json.');
  if (!/^(?:utf-8|us-ascii)$/i.test(parameters?.get('charset') ?? 'utf-8')) {
    throw unsupported('The charset of Content-Type must be utf-8.');
  }
  const coding = readHeader(headers, 'Content-Encoding') ?? 'identity';
  if (coding.toLowerCase() !== 'identity') {
    throw unsupported('Content-Encoding is not supported; send the body without it.');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decodeUtf8(bytes: Uint8Array) {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ServiceError('invalidRequest', 'The body is not valid UTF-8.');
  }
}

/**
 * Parses JSON strictly. `limit` is the longest text, in bytes.
 *
 * @throws ServiceError `invalidRequest` when the text is not JSON, is nested deeper than MAX_DEPTH, has more tokens than a
 * text of that length may have, or has a duplicate member
 */
export function parseJson(text: string, limit = MAX_BODY_BYTES): unknown {
  const maxTokens = limit / BYTES_PER_TOKEN;
  if (text.length > maxTokens) checkTokens(text, maxTokens);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const where = error instanceof SyntaxError ? `: ${error.message}` : '';
    throw new ServiceError('invalidRequest', `The body is not valid JSON${where}.`);
  }
  // A colon follows each name, so a repeated member leaves fewer members than colons. Strings may contain such colons:
  // they only cost the closer look.
  const colons = text.match(/"\s*:/g)?.length ?? 0;
  if (colons > countMembers(value)) checkRepeatedMembers(text);
  return value;
}

/** Counts the members of all objects in a value at a nesting depth. */
function countMembers(value: unknown, depth = 1): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > MAX_DEPTH)
    throw new ServiceError('invalidRequest', `The body is nested deeper than ${MAX_DEPTH} levels.`);
  const children = Object.values(value);
  let count = Array.isArray(value) ? 0 : children.length;
  for (const child of children) count += countMembers(child, depth + 1);
  return count;
}

/** Strings, of which one may have no end, and structural characters. */
const TOKEN = /"(?:[^"\\]|\\.)*["\\]?|[{}[\],:]/gs;

/** Each token costs much more time than each byte. `text` may be anything. */
function checkTokens(text: string, limit: number) {
  let count = 0;
  for (const _ of text.matchAll(TOKEN)) {
    count += 1;
    if (count > limit) throw new ServiceError('invalidRequest', `The body has more than ${limit} JSON tokens.`);
  }
}

/**
 * Finds members that are repeated, of which JSON.parse keeps the last. `text` is known to be JSON.
 *
 * @throws ServiceError `invalidRequest` that names each of them
 */
function checkRepeatedMembers(text: string) {
  const faults = new Faults();
  const open: { readonly names: Set<string> | undefined; readonly repeated: Set<string>; name: string }[] = [];
  let previous = '';
  for (const [token] of text.matchAll(TOKEN)) {
    const parent = open.at(-1);
    if (token === '{' || token === '[') {
      open.push({ names: token === '{' ? new Set() : undefined, repeated: new Set(), name: '' });
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (parent?.names && (previous === '{' || previous === ',')) {
      parent.name = token.includes('\\') ? JSON.parse(token) : token.slice(1, -1);
      if (parent.names.has(parent.name) && !parent.repeated.has(parent.name)) {
        parent.repeated.add(parent.name);
        faults.add('DuplicateProperty', pathOf(open.map(({ name }) => name)), 'appears more than once');
      }
      parent.names.add(parent.name);
    }
    previous = token;
  }
  faults.throwIfAny();
}
