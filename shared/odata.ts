import { MIMEType } from 'node:util';
import { GraphError } from './graphError.ts';
import type { OperationVersion, PlayPromptOperation, PropertyName } from './playPromptOperation.ts';

export const ODATA_VERSION = '4.0';
export const JSON_MEDIA_TYPE = 'application/json;odata.metadata=minimal;charset=utf-8';

/** Which of the two forms of answer the caller prefers. RFC 7240, section 4.2; OData Protocol, 8.2.8.7. */
export type ReturnPreference = 'minimal' | 'representation' | undefined;

/**
 * Checks that this service speaks the OData version and the media type that the caller asks for, and finds out which of
 * the `offered` it prefers: the first, where it does not say.
 *
 * @throws GraphError 400 for a version other than 4.0 and 4.01; 406 when none satisfies any part of `Accept`
 */
export function checkODataHeaders(headers: Headers): void;
export function checkODataHeaders<MediaType extends string>(
  headers: Headers,
  offered: readonly [MediaType, ...MediaType[]],
): MediaType;
export function checkODataHeaders(headers: Headers, offered: readonly [string, ...string[]] = ['application/json']) {
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
  throw new GraphError('notAcceptable', `The answer is ${offered.join(' or ')}, which Accept does not allow.`);
}

function badVersion(target: string, wanted: string) {
  const message = `${target} must be ${wanted}.`;
  return new GraphError('badRequest', message, { details: [{ code: 'InvalidHeader', message, target }] });
}

/** The members of a comma-separated list, RFC 9110, section 5.6.1; a comma within a quoted string separates nothing. */
function listMembers(value: string): string[] {
  return value.match(/(?:"(?:[^"\\]|\\.)*"?|[^,"])+/g)?.filter((member) => member.trim() !== '') ?? [];
}

/** OData JSON Format, section 3: a format parameter that is not known must not be passed over. */
const FORMAT_PARAMETERS = /^(?:(?:odata\.)?(?:metadata|streaming)|ieee754compatible|exponentialdecimals|charset|q)$/i;

/** RFC 9110, section 12.5.1: the most specific range that a media type falls into says how acceptable it is; 0: not. */
function weightOf(mediaType: string, mediaRanges: readonly string[]): number {
  // The least specific first.
  const fitting = ['*/*', mediaType.replace(/\/.*/, '/*'), mediaType];
  const weights = new Map(mediaRanges.flatMap((range) => toWeight(range, fitting)).sort(([a], [b]) => a - b));
  return [...weights.values()].at(-1) || 0;
}

/** How specific a media range is and its weight, if it is one of those that fit. */
function toWeight(mediaRange: string, fitting: readonly string[]): [number, number][] {
  try {
    const { essence, params } = new MIMEType(mediaRange);
    const specificity = fitting.indexOf(essence);
    const isKnown = [...params.keys()].every((name) => FORMAT_PARAMETERS.test(name));
    return specificity >= 0 && isKnown ? [[specificity, Number(params.get('q') ?? 1)]] : [];
  } catch {
    return [];
  }
}

/** Reads the preference `return` out of `Prefer`: the first one counts, and whatever is not known is passed over. */
export function readReturnPreference(headers: Headers): ReturnPreference {
  for (const preference of listMembers(headers.get('prefer') ?? '')) {
    const [, value] = /^\s*return\s*=\s*"?([^\s";]*)/i.exec(preference) ?? [];
    if (value === undefined) continue;
    return (['minimal', 'representation'] as const).find((known) => known === value.toLowerCase());
  }
  return undefined;
}

/** The root of the service, such as `https://host/v1.0`, found in the address of a request below it. */
export function serviceRoot(url: string): string {
  const { origin, pathname } = new URL(url);
  const [root] = /^.*?\/v1\.0(?=\/|$)/i.exec(pathname) ?? ['/v1.0'];
  return origin + root;
}

/** An entity by itself as it is answered, or what is selected of it. OData JSON Format, 4.5; OData Protocol, 10.8. */
export function toEntityBody(
  root: string,
  operation: PlayPromptOperation,
  etag: string,
  selected?: readonly PropertyName[],
) {
  return { '@odata.context': `${contextUrl(root, selected)}/$entity`, ...toEntity(operation, etag, selected) };
}

/** Entities as they are answered, with where to go on and how many there are in all. OData JSON Format, 12. */
export function toCollectionBody(
  root: string,
  entities: readonly OperationVersion[],
  selected: readonly PropertyName[] | undefined,
  { count, nextLink }: { readonly count: number | undefined; readonly nextLink: string | undefined },
) {
  return {
    '@odata.context': contextUrl(root, selected),
    ...(count !== undefined && { '@odata.count': count }),
    ...(nextLink !== undefined && { '@odata.nextLink': nextLink }),
    value: entities.map(({ operation, etag }) => toEntity(operation, etag, selected)),
  };
}

function contextUrl(root: string, selected: readonly PropertyName[] | undefined) {
  return `${root}/$metadata#playPromptOperation${selected ? `(${selected.join()})` : ''}`;
}

/** The properties in the order that the reference page shows, after the annotations. */
function toEntity(
  { id, clientContext, resultInfo, ...rest }: PlayPromptOperation,
  etag: string,
  selected: readonly PropertyName[] | undefined,
) {
  const annotations = { '@odata.type': '#microsoft.graph.playPromptOperation', '@odata.etag': etag };
  const properties = {
    id,
    clientContext,
    resultInfo: resultInfo && { '@odata.type': 'microsoft.graph.resultInfo', ...resultInfo },
    status: rest.status,
    completionReason: rest.completionReason,
  };
  return { ...annotations, ...(selected ? pick(properties, selected) : properties) };
}

function pick<Value extends object>(value: Value, names: readonly string[]): Partial<Value>;
function pick(value: object, names: readonly string[]) {
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));
}
