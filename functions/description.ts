// What describes the service. None of it needs a token.
import { csdl } from '../shared/description/csdl.ts';
import { toCsdlXml } from '../shared/description/csdlXml.ts';
import type { Features } from '../shared/description/features.ts';
import { openApi } from '../shared/description/openApi.ts';
import { toOpenApi30 } from '../shared/description/openApi30.ts';
import { openApiVersions } from '../shared/description/parameters.ts';
import { toServiceDocument } from '../shared/description/serviceDocument.ts';
import { checkODataHeaders, chooseMediaType, negotiateJson } from '../shared/http/contentNegotiation.ts';
import { originOf, serviceRoot } from '../shared/odata/entityBody.ts';
import { invalidOption, readQueryOptions } from '../shared/odata/queryOptions.ts';
import { ServiceError } from '../shared/serviceError.ts';
import type { GraphHandler } from './graphHandler.ts';

const METADATA_MEDIA_TYPES = ['application/xml', 'application/json'] as const;

/** The handlers that describe a service with these features. */
export interface DescriptionHandlers {
  /** `GET /v1.0/`: the service document. OData Protocol, 11.1.1. */
  readonly readServiceDocument: GraphHandler;
  /** `GET /v1.0/$metadata`: CSDL in XML, or in JSON if `$format` or else `Accept` asks for it. OData Protocol, 11.1.2. */
  readonly readMetadata: GraphHandler;
  /** `GET /openapi.json`: the API in OpenAPI 3.1, or in 3.0 if `version` asks for it. */
  readonly readOpenApi: GraphHandler;
}

export function createDescription(features: Features): DescriptionHandlers {
  return {
    readServiceDocument: async ({ headers, url }) => {
      negotiateJson(headers);
      readQueryOptions(url, []);
      return { status: 200, headers: {}, body: toServiceDocument(serviceRoot(url), features) };
    },

    readMetadata: async ({ headers, url }) => {
      const { $format } = readQueryOptions(url, ['$format']);
      const wanted = new Headers(headers);
      if ($format !== undefined) wanted.set('Accept', toMediaType($format));
      checkODataHeaders(headers);
      const mediaType = chooseMediaType(wanted, METADATA_MEDIA_TYPES);
      const body = mediaType === 'application/xml' ? toCsdlXml(features) : csdl(features);
      return { status: 200, headers: { 'Content-Type': mediaType }, body };
    },

    readOpenApi: async ({ headers, url }) => {
      negotiateJson(headers);
      const { version } = readQueryOptions(url, ['version']);
      const document = openApi(originOf(url), features);
      const body = toOpenApiVersion(document, version);
      return { status: 200, headers: { 'Content-Type': 'application/json' }, body };
    },
  };
}

function toOpenApiVersion(document: ReturnType<typeof openApi>, version: string = '3.1') {
  if (version === '3.1') return document;
  if (version === '3.0') return toOpenApi30(document);
  throw invalidOption('version', `must be one of ${openApiVersions.join(', ')}`);
}

/** OData Protocol, 11.2.12: a media type, or its subtype. */
function toMediaType(format: string) {
  const known = METADATA_MEDIA_TYPES.find((mediaType) =>
    [mediaType, mediaType.split('/')[1]].includes(format.toLowerCase()),
  );
  if (known) return known;
  throw new ServiceError('notAcceptable', `$format must be xml or json, or ${METADATA_MEDIA_TYPES.join(' or ')}.`);
}
