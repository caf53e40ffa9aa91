import { MIMEType } from 'node:util';
import { ServiceError } from '../serviceError.ts';
import { listMembers } from './headers.ts';

export const ODATA_VERSION = '4.0';
export const JSON_MEDIA_TYPE = 'application/json;odata.metadata=minimal;charset=utf-8';

/**
 * Checks the OData version that the caller asks for, and chooses one of the `offered` media types by `Accept`: the first
 * where the caller has no preference.
 *
 * @throws ServiceError `invalidRequest` for a version other than 4.0 and 4.01; `notAcceptable` when `Accept` excludes all
 */
export function negotiate(headers: Headers): void;
export function negotiate<MediaType extends string>(
  headers: Headers,
  offered: readonly [MediaType, ...MediaType[]],
): MediaType;
export function negotiate(headers: Headers, offered: readonly [string, ...string[]] = ['application/json']) {
  const version = headers.get('odata-version');
  if (version !== null && !/^4\.01?$/.test(version)) throw badVersion('OData-Version', '4.0 or 4.01');
  const maxVersion = headers.get('odata-maxversion');
  if (maxVersion !== null && !(/^\d+\.\d+$/.test(maxVersion) && Number(maxVersion) >= 4)) {
    throw badVersion('OData-MaxVersion', '4.0 or above');
  }
  const ranges = listMembers(headers.get('accept') ?? '');
  if (ranges.length === 0) return offered[0];
  const weights = offered.map((mediaType) => weightOf(mediaType, ranges));
  const best = Math.max(...weights);
  const preferred = best > 0 && offered[weights.indexOf(best)];
  if (preferred) return preferred;
  throw new ServiceError('notAcceptable', `The response is ${offered.join(' or ')}, which Accept does not allow.`);
}

function badVersion(target: string, wanted: string) {
  const message = `${target} must be ${wanted}.`;
  return new ServiceError('invalidRequest', message, { details: [{ code: 'InvalidHeader', message, target }] });
}

/** OData JSON Format, section 3: a media type with an unknown format parameter is not acceptable. */
const FORMAT_PARAMETERS = /^(?:(?:odata\.)?(?:metadata|streaming)|ieee754compatible|exponentialdecimals|charset|q)$/i;

/** RFC 9110, section 12.5.1: the weight of the most specific range that matches a media type; 0 if none does. */
function weightOf(mediaType: string, mediaRanges: readonly string[]): number {
  // The least specific first.
  const matching = ['*/*', mediaType.replace(/\/.*/, '/*'), mediaType];
  const weights = new Map(mediaRanges.flatMap((range) => toWeight(range, matching)).sort(([a], [b]) => a - b));
  return [...weights.values()].at(-1) || 0;
}

/** The specificity and the weight of a media range; empty when it does not match. */
function toWeight(mediaRange: string, matching: readonly string[]): [number, number][] {
  try {
    const { essence, params } = new MIMEType(mediaRange);
    const specificity = matching.indexOf(essence);
    const isKnown = [...params.keys()].every((name) => FORMAT_PARAMETERS.test(name));
    return specificity >= 0 && isKnown ? [[specificity, Number(params.get('q') ?? 1)]] : [];
  } catch {
    return [];
  }
}
