import type { OperationVersion, PlayPromptOperation, PropertyName } from '../operation/playPromptOperation.ts';
import { invalidRequest } from '../serviceError.ts';

/** The longest origin, in characters: that of any header which is looked into. */
const MAX_ORIGIN_LENGTH = 2048;

/**
 * The origin of a URL, which responses repeat: its host is that of the `Host` header.
 *
 * @throws ServiceError `invalidRequest` when it is longer than MAX_ORIGIN_LENGTH
 */
export function originOf({ origin }: URL): string {
  if (origin.length <= MAX_ORIGIN_LENGTH) return origin;
  throw invalidRequest('InvalidHeader', 'Host', 'is too long');
}

/** The service root of a URL below it, such as `https://host/v1.0`. Throws as `originOf`. */
export function serviceRoot(url: URL): string {
  const [root] = /^.*?\/v1\.0(?=\/|$)/i.exec(url.pathname) ?? ['/v1.0'];
  return originOf(url) + root;
}

/** The body of a single entity, or of its selected properties. OData JSON Format, 4.5; OData Protocol, 10.8. */
export function toEntityBody(
  root: string,
  operation: PlayPromptOperation,
  etag: string,
  selected?: readonly PropertyName[],
) {
  return { '@odata.context': `${contextUrl(root, selected)}/$entity`, ...toEntity({ operation, etag }, selected) };
}

/** The body of a collection. OData JSON Format, 12. */
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
    value: entities.map((entity) => toEntity(entity, selected)),
  };
}

function contextUrl(root: string, selected: readonly PropertyName[] | undefined) {
  return `${root}/$metadata#playPromptOperation${selected ? `(${selected.join()})` : ''}`;
}

/** An entity of a response: annotations, then the properties in the order of the reference page, or those selected. */
export function toEntity({ operation, etag }: OperationVersion, selected: readonly PropertyName[] | undefined) {
  const { id, clientContext, resultInfo, status, completionReason, createdDateTime, lastActionDateTime } = operation;
  const annotations = { '@odata.type': '#microsoft.graph.playPromptOperation', '@odata.etag': etag };
  const byDefault = {
    id,
    clientContext,
    resultInfo: resultInfo && { '@odata.type': 'microsoft.graph.resultInfo', ...resultInfo },
    status,
    completionReason,
  };
  const properties = { ...byDefault, createdDateTime, lastActionDateTime } satisfies Record<PropertyName, unknown>;
  return { ...annotations, ...(selected ? pick(properties, selected) : byDefault) };
}

function pick<Value extends object>(value: Value, names: readonly string[]): Partial<Value>;
function pick(value: object, names: readonly string[]) {
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));
}
