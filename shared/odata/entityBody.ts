import type { OperationVersion, PlayPromptOperation, PropertyName } from '../operation/playPromptOperation.ts';

/** The service root of a URL below it, such as `https://host/v1.0`. */
export function serviceRoot(url: string): string {
  const { origin, pathname } = new URL(url);
  const [root] = /^.*?\/v1\.0(?=\/|$)/i.exec(pathname) ?? ['/v1.0'];
  return origin + root;
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
  const { id, clientContext, resultInfo, status, completionReason } = operation;
  const annotations = { '@odata.type': '#microsoft.graph.playPromptOperation', '@odata.etag': etag };
  const properties = {
    id,
    clientContext,
    resultInfo: resultInfo && { '@odata.type': 'microsoft.graph.resultInfo', ...resultInfo },
    status,
    completionReason,
  } satisfies Record<PropertyName, unknown>;
  return { ...annotations, ...(selected ? pick(properties, selected) : properties) };
}

function pick<Value extends object>(value: Value, names: readonly string[]): Partial<Value>;
function pick(value: object, names: readonly string[]) {
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));
}
