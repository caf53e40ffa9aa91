// What describes the service. None of it needs a token.
import { csdl } from '../shared/description/csdl.ts';
import { toCsdlXml } from '../shared/description/csdlXml.ts';
import type { Features } from '../shared/description/features.ts';
import { openApi } from '../shared/description/openApi.ts';
import { toServiceDocument } from '../shared/description/serviceDocument.ts';
import { originOf } from '../shared/odata/entityBody.ts';
import { anyone, createHandler, type GraphHandler, noKey } from './request.ts';

/** The handlers that describe a service with these features. */
export interface DescriptionHandlers {
  /** `GET /v1.0/`: the service document. OData Protocol, 11.1.1. */
  readonly readServiceDocument: GraphHandler;
  /** `GET /v1.0/$metadata`: CSDL in XML, or in JSON if `$format` or else `Accept` asks for it. OData Protocol, 11.1.2. */
  readonly readMetadata: GraphHandler;
  /** `GET /openapi.json`: the API in OpenAPI 3.1. */
  readonly readOpenApi: GraphHandler;
}

export function createDescription(features: Features): DescriptionHandlers {
  const open = { authenticate: anyone, key: noKey };

  return {
    readServiceDocument: createHandler(open, async ({ root }) => {
      return { status: 200, headers: {}, body: toServiceDocument(root, features) };
    }),

    readMetadata: createHandler(
      { ...open, produces: ['application/xml', 'application/json'] },
      async ({ mediaType = '' }) => {
        const body = mediaType === 'application/xml' ? toCsdlXml(features) : csdl(features);
        return { status: 200, headers: { 'Content-Type': mediaType }, body };
      },
    ),

    readOpenApi: createHandler(open, async ({ incoming }) => {
      const body = openApi(originOf(incoming.url), features);
      return { status: 200, headers: { 'Content-Type': 'application/json' }, body };
    }),
  };
}
