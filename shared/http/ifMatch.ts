import type { EntityTags, Preconditions } from '../operation/preconditions.ts';
import { invalidRequest } from '../serviceError.ts';
import { readHeader } from './headers.ts';

/**
 * Reads `If-Match` and `If-None-Match`.
 *
 * @throws ServiceError `invalidRequest` when one of them is neither `*` nor a list of entity tags
 */
export function readPreconditions(headers: Headers): Preconditions {
  return { ifMatch: readEntityTags(headers, 'If-Match'), ifNoneMatch: readEntityTags(headers, 'If-None-Match') };
}

/** An entity tag, RFC 9110, section 8.8.3; the group is its opaque part. */
const ENTITY_TAG = /^(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/;

function readEntityTags(headers: Headers, name: string): EntityTags | undefined {
  const value = readHeader(headers, name)?.trim();
  if (value === undefined) return undefined;
  if (value === '*') return '*';
  const tags: string[] = [];
  // A comma may be part of a tag, so that the list is read member by member; members may be empty.
  for (let rest = value; rest !== ''; rest = rest.replace(/^[ \t]*,[ \t]*/, '')) {
    const [whole = '', tag] = ENTITY_TAG.exec(rest) ?? [];
    if (tag !== undefined) tags.push(tag);
    rest = rest.slice(whole.length);
    if (rest !== '' && !/^[ \t]*,/.test(rest)) throw notEntityTags(name);
  }
  if (tags.length === 0) throw notEntityTags(name);
  return tags;
}

function notEntityTags(name: string) {
  return invalidRequest('InvalidHeader', name, 'must be *, an ETag such as W/"1", or a list of ETags');
}
