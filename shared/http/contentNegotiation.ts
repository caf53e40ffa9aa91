import { invalidRequest, ServiceError } from '../serviceError.ts';
import { listMembers, parseMediaType, readHeader } from './headers.ts';

export const ODATA_VERSION = '4.0';
export const JSON_MEDIA_TYPE = 'application/json;odata.metadata=minimal;charset=utf-8';

/**
 * Checks the OData version that the caller uses and accepts. OData Protocol, 8.1.5 and 8.2.6.
 *
 * @returns the version of the request
 * @throws ServiceError `invalidRequest` unless OData-Version is 4.0 or 4.01, and OData-MaxVersion 4.0 or above
 */
export function checkODataHeaders(headers: Headers): '4.0' | '4.01' {
  const version = readHeader(headers, 'OData-Version') ?? '4.0';
  if (version !== '4.0' && version !== '4.01') {
    throw invalidRequest('InvalidHeader', 'OData-Version', 'must be 4.0 or 4.01');
  }
  const maxVersion = readHeader(headers, 'OData-MaxVersion');
  if (maxVersion !== null && !(/^\d+\.\d+$/.test(maxVersion) && Number(maxVersion) >= 4)) {
    throw invalidRequest('InvalidHeader', 'OData-MaxVersion', 'must be 4.0 or above');
  }
  return version;
}

/**
 * Chooses one of the `offered` media types by `$format`, or else by `Accept`: the first where the caller has no preference.
 * `$format` is a media type, or `json` or `xml`. OData Protocol, 11.2.12.
 *
 * @throws ServiceError `notAcceptable` when `$format` is none of them, or `Accept` excludes all
 */
export function chooseMediaType(headers: Headers, offered: readonly string[], format?: string): string {
  const ranges = format === undefined ? listMembers(readHeader(headers, 'Accept') ?? '') : [toMediaType(format)];
  const weights = offered.map((mediaType) => (ranges.length === 0 ? 1 : weightOf(mediaType, ranges)));
  const best = Math.max(...weights);
  const preferred = best > 0 ? offered[weights.indexOf(best)] : undefined;
  if (preferred !== undefined) return preferred;
  throw new ServiceError(
    'notAcceptable',
    format === undefined
      ? `The response is ${offered.join(' or ')}, which Accept does not allow.`
      : `$format must be ${offered.map((mediaType) => `${mediaType.replace(/^[^/]*\//, '')} or ${mediaType}`).join(' or ')}.`,
  );
}

/** A media type; unlike `Accept`, `$format` has no ranges. */
function toMediaType(format: string) {
  if (format.includes('*')) return '';
  return format.includes('/') ? format : `application/${format}`;
}

/** OData JSON Format, section 3: a media type with an unknown format parameter is not acceptable. */
const FORMAT_PARAMETERS = /^(?:(?:odata\.)?(?:metadata|streaming)|ieee754compatible|exponentialdecimals|charset|q)$/;

/** RFC 9110, section 12.5.1: the highest weight of the most specific ranges that match a media type; 0 if none does. */
function weightOf(mediaType: string, mediaRanges: readonly string[]): number {
  // The least specific first.
  const matching = ['*/*', mediaType.replace(/\/.*/, '/*'), mediaType];
  const weights = mediaRanges.flatMap((range) => toWeight(range, matching)).sort(byPrecedence);
  return weights.at(-1)?.[1] || 0;
}

const byPrecedence = ([one, weight]: Precedence, [other, otherWeight]: Precedence) =>
  one - other || weight - otherWeight;

type Precedence = readonly [specificity: number, weight: number];

/** The specificity and the weight of a media range; empty when it does not match. */
function toWeight(mediaRange: string, matching: readonly string[]): Precedence[] {
  const { essence = '', parameters } = parseMediaType(mediaRange) ?? {};
  const specificity = matching.indexOf(essence);
  if (specificity < 0 || !parameters) return [];
  const isKnown = [...parameters.keys()].every((name) => FORMAT_PARAMETERS.test(name));
  return isKnown ? [[specificity, Number(parameters.get('q') ?? 1)]] : [];
}
