import type { EntityTags, Preconditions } from '../operation/preconditions.ts';
import { ServiceError } from '../serviceError.ts';

/**
 * Reads `If-Match` and `If-None-Match`.
 *
 * @throws ServiceError `invalidRequest` when one of them is neither `*` nor a list of entity tags
 */
export function readPreconditions(headers: Headers): Preconditions {
  const ifMatch = readEntityTags(headers, 'If-Match');
  const ifNoneMatch = readEntityTags(headers, 'If-None-Match');
  return { ...(ifMatch && { ifMatch }), ...(ifNoneMatch && { ifNoneMatch }) };
}

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
  return new ServiceError('invalidRequest', `${name} must be *, an ETag such as W/"1", or a list of ETags.`, {
    details,
  });
}
