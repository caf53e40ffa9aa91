import { ServiceError } from '../serviceError.ts';

/** Conditions on the stored version of an operation. RFC 9110, section 13.1; OData Protocol, 8.2.4. */
export interface Preconditions {
  readonly ifMatch?: EntityTags | undefined;
  readonly ifNoneMatch?: EntityTags | undefined;
}

/** `*`, or the opaque parts of a list of entity tags. */
export type EntityTags = '*' | readonly string[];

/**
 * Compares the preconditions with the current ETag, undefined where there is no operation. The comparison is weak for
 * both, as OData asks of a service whose ETags are weak.
 *
 * @returns the error of the one that fails; undefined when they all hold
 */
export function failedPrecondition(
  { ifMatch, ifNoneMatch }: Preconditions,
  etag: string | undefined,
): ServiceError | undefined {
  if (ifMatch && !matches(ifMatch, etag)) {
    return new ServiceError(etag === undefined ? 'versionMissing' : 'versionChanged');
  }
  return ifNoneMatch && matches(ifNoneMatch, etag) ? new ServiceError('versionExcluded') : undefined;
}

/** Whether a reader already has the stored version. RFC 9110, section 13.1.2. */
export function isNotModified({ ifNoneMatch }: Preconditions, etag: string): boolean {
  return ifNoneMatch !== undefined && matches(ifNoneMatch, etag);
}

function matches(tags: EntityTags, etag: string | undefined) {
  if (etag === undefined) return false;
  return tags === '*' || tags.includes(opaque(etag));
}

const opaque = (etag: string) => etag.replace(/^W\//, '');
