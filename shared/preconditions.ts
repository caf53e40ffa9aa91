import { GraphError } from './graphError.ts';

/** What a request demands of the entity before it may be changed or read. RFC 9110, section 13.1; OData Protocol, 8.2.4. */
export interface Preconditions {
  readonly ifMatch?: EntityTags;
  readonly ifNoneMatch?: EntityTags;
}

/** `*`, or the opaque parts of a list of entity tags. */
type EntityTags = '*' | readonly string[];

/**
 * Reads `If-Match` and `If-None-Match`.
 *
 * @throws GraphError 400 when one of them is neither `*` nor a list of entity tags
 */
export function readPreconditions(headers: Headers): Preconditions {
  const ifMatch = readEntityTags(headers, 'If-Match');
  const ifNoneMatch = readEntityTags(headers, 'If-None-Match');
  return { ...(ifMatch && { ifMatch }), ...(ifNoneMatch && { ifNoneMatch }) };
}

/**
 * Holds the preconditions against the entity's current tag, undefined where there is no entity. Tags are compared
 * weakly for both headers, as OData asks of a service whose tags are weak.
 *
 * @returns the 412 that they make, or undefined when they hold
 */
export function failedPrecondition(
  { ifMatch, ifNoneMatch }: Preconditions,
  etag: string | undefined,
): GraphError | undefined {
  if (ifMatch && !matches(ifMatch, etag)) {
    return new GraphError(
      'preconditionFailed',
      etag === undefined
        ? 'If-Match was sent, and the operation does not exist.'
        : 'The operation has changed: its ETag is none of those in If-Match. Read it again and repeat the change.',
    );
  }
  if (ifNoneMatch && matches(ifNoneMatch, etag)) {
    return new GraphError('preconditionFailed', 'The operation exists, or has an ETag that If-None-Match excludes.');
  }
  return undefined;
}

/** Whether a reader already has what is stored, so that 304 answers it. RFC 9110, section 13.1.2. */
export function isNotModified({ ifNoneMatch }: Preconditions, etag: string): boolean {
  return ifNoneMatch !== undefined && matches(ifNoneMatch, etag);
}

function matches(tags: EntityTags, etag: string | undefined) {
  if (etag === undefined) return false;
  return tags === '*' || tags.includes(opaque(etag));
}

const opaque = (etag: string) => etag.replace(/^W\//, '');

/** One member of the list, RFC 9110, section 8.8.3, which may be empty, with what separates it from the next. */
const MEMBER = /[ \t]*(?:(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*"))?[ \t]*(?:,|$)/y;

function readEntityTags(headers: Headers, name: string): EntityTags | undefined {
  const value = headers.get(name);
  if (value === null) return undefined;
  if (value.trim() === '*') return '*';
  const tags: string[] = [];
  for (MEMBER.lastIndex = 0; MEMBER.lastIndex < value.length; ) {
    const match = MEMBER.exec(value);
    if (match === null) throw notEntityTags(name);
    if (match[1] !== undefined) tags.push(match[1]);
  }
  if (tags.length === 0) throw notEntityTags(name);
  return tags;
}

function notEntityTags(name: string) {
  const details = [{ code: 'InvalidHeader', message: `${name} must be *, an ETag, or a list of ETags.`, target: name }];
  return new GraphError('badRequest', `${name} must be *, an ETag such as W/"1", or a list of ETags.`, { details });
}
