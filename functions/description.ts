// What describes the service. None of it needs a token.
import { csdl } from '../shared/description/csdl.ts';
import { toCsdlXml } from '../shared/description/csdlXml.ts';
import type { Features } from '../shared/description/features.ts';
import { openApi } from '../shared/description/openApi.ts';
import { toOpenApi30 } from '../shared/description/openApi30.ts';
import { openApiVersions } from '../shared/description/parameters.ts';
import { toServiceDocument } from '../shared/description/serviceDocument.ts';
import { originOf } from '../shared/odata/entityBody.ts';
import { invalidOption } from '../shared/odata/queryOptions.ts';
import { anyone, createHandler, noKey } from './request.ts';

const XML = 'application/xml';

/** The handlers that describe a service with these features. */
export function createDescription(features: Features, publicUrl: string | undefined) {
  const takes = { authenticate: anyone, key: noKey };

  return {
    /** `GET /v1.0/`: the service document. OData Protocol, 11.1.1. */
    readServiceDocument: createHandler(takes, async ({ root }) => {
      return { status: 200, headers: {}, body: toServiceDocument(root, features) };
    }),

    /** `GET /v1.0/$metadata`: CSDL in XML, or in JSON if `$format` or else `Accept` asks for it. OData Protocol, 11.1.2. */
    readMetadata: createHandler({ ...takes, produces: [XML, 'application/json'] }, async ({ mediaType = XML }) => {
      const body = mediaType === XML ? toCsdlXml(features) : csdl(features);
      return { status: 200, headers: { 'Content-Type': mediaType }, body };
    }),

    /** `GET /openapi.json`: the API in OpenAPI 3.1, or in 3.0 if `version` asks for it. */
    readOpenApi: createHandler({ ...takes, options: ['version'] }, async ({ incoming, options }) => {
      const body = toOpenApiVersion(openApi(publicUrl ?? originOf(incoming.url), features), options.version);
      return { status: 200, headers: { 'Content-Type': 'application/json' }, body };
    }),
  };
}

function toOpenApiVersion(document: ReturnType<typeof openApi>, version: string = '3.1') {
  if (version === '3.1') return document;
  if (version === '3.0') return toOpenApi30(document);
  throw invalidOption('version', `must be one of ${openApiVersions.join(', ')}`);
}
