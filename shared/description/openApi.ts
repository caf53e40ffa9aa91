// `/openapi.json`: OpenAPI 3.1, generated from the schemas that parse requests and rows.
import { MAX_BATCH_REQUESTS } from '../odata/batchRequest.ts';
import { toCollectionBody, toEntity, toEntityBody } from '../odata/entityBody.ts';
import { newPlayPromptOperation, propertyNames, withTimes } from '../operation/playPromptOperation.ts';
import { VERSION } from '../tracing.ts';
import type { Features } from './features.ts';
import { EXAMPLE_CONTEXT, EXAMPLE_ETAG, EXAMPLE_ID, type ParameterName, parametersAt } from './parameters.ts';
import { anywhere, authorized, common, json, parametersOf, schemaOf, withBody } from './parts.ts';
import { headersFor, type Refusal, refusalsFor, refusedFor, response } from './responses.ts';
import { schemasFor } from './schemas.ts';
import { toServiceDocument } from './serviceDocument.ts';
import { subscriptionPaths } from './subscriptionPaths.ts';

const example = {
  operation: withTimes(
    { ...newPlayPromptOperation(EXAMPLE_ID), clientContext: EXAMPLE_CONTEXT, status: 'Running' },
    undefined,
    Date.UTC(2026, 10, 23, 14, 18, 2, 586),
  ),
  etag: EXAMPLE_ETAG,
};
const patch = { clientContext: EXAMPLE_CONTEXT, status: 'Running', resultInfo: { code: 200, message: 'played' } };

/** The OpenAPI document of the service at an address, such as `https://host`, whose examples are good at a time. */
export function openApi(server: string, features: Features, now = new Date()) {
  const root = `${server}/v1.0`;
  const entity = toEntityBody(root, example.operation, example.etag);
  const resourceData = toEntity(example, propertyNames);

  const update = (operationId: string, summary: string, schema: object) => ({
    operationId,
    summary,
    tags: ['playPromptOperation'],
    description:
      'Properties that are left out stay, null clears, and the members of resultInfo merge one by one. An operation ' +
      'that does not exist is created, unless If-Match is sent. Members of enumerations are case-insensitive; lengths ' +
      'are in UTF-16 code units.',
    parameters: parametersOf(
      ...(['ifMatch', 'ifNoneMatchUpdate', 'prefer', 'repeatabilityRequestId', 'repeatabilityFirstSent'] as const),
    ),
    requestBody: { required: true, content: json(schema, patch) },
    responses: {
      200: response(
        'The updated operation.',
        ['ETag', 'Preference-Applied', 'Repeatability-Result'],
        json(schemaOf('playPromptOperation'), entity),
      ),
      204: response('No content, as Prefer asks for.', [
        'ETag',
        'Preference-Applied',
        'OData-EntityId',
        'Repeatability-Result',
      ]),
      ...refusedFor([...withBody, 'conflict']),
    },
  });

  const byId = {
    parameters: [...parametersOf('id'), ...common],
    get: {
      operationId: 'readPlayPromptOperationById',
      summary: 'Read an operation',
      tags: ['playPromptOperation'],
      parameters: parametersOf('select', 'format', 'ifMatch', 'ifNoneMatchRead'),
      responses: {
        200: response(
          'The operation, or its selected properties.',
          ['ETag'],
          json(schemaOf('selectedPlayPromptOperation'), entity),
        ),
        304: response('It has not changed.', ['ETag']),
        ...refusedFor([...authorized, 'notFound', 'preconditionFailed']),
      },
    },
    patch: update(
      'updatePlayPromptOperationById',
      'Update or insert an operation by its id',
      schemaOf('playPromptOperationPatch'),
    ),
    delete: {
      operationId: 'deletePlayPromptOperationById',
      summary: 'Delete an operation',
      tags: ['playPromptOperation'],
      parameters: parametersOf('ifMatch', 'ifNoneMatchUpdate'),
      responses: {
        204: response('The operation is deleted.', []),
        ...refusedFor([...authorized, 'notFound', 'conflict', 'preconditionFailed', 'notImplemented']),
      },
    },
  };

  return {
    openapi: '3.1.0',
    info: {
      title: 'playPromptOperation',
      version: VERSION,
      summary: 'A self-hosted service for playPromptOperation of Microsoft Graph.',
      description:
        "An operation also has the URL /v1.0/playPromptOperation('{id}'), and every GET works as a HEAD. A method that a URL " +
        'does not support is answered with 405, and Allow names those that it does. A URL that is not listed here is answered ' +
        'with 404, and a query option that is not listed with 400, except for /health. Every error has the body graphError. The ' +
        'examples work from top to bottom: requests use what those before them create.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: server }],
    security: [{ bearer: [] }],
    tags: [
      { name: 'playPromptOperation', description: 'The progress of prompts.' },
      ...(features.notifications ? [{ name: 'subscriptions', description: 'Notifications of changes.' }] : []),
      { name: 'batch', description: 'Many requests in one.' },
      { name: 'health', description: 'For monitoring. No token is needed.' },
      { name: 'description', description: 'The description of the service. No token is needed.' },
    ],
    paths: {
      '/v1.0/playPromptOperation': {
        parameters: common,
        get: {
          operationId: 'listPlayPromptOperations',
          summary: 'List operations, page by page',
          tags: ['playPromptOperation'],
          parameters: parametersOf('filter', 'select', 'top', 'count', 'skiptoken', 'format'),
          responses: {
            200: response(
              'A page of operations, in an order that never changes. It may be empty although more pages follow.',
              [],
              json(
                schemaOf('playPromptOperationCollection'),
                toCollectionBody(root, [example], undefined, { count: undefined, nextLink: undefined }),
              ),
            ),
            ...refusedFor(authorized),
          },
        },
        patch: update('updatePlayPromptOperation', 'Update or insert the operation that the body names', {
          ...schemaOf('playPromptOperationPatch'),
          // The body names the operation by its id, or else by its clientContext. Generators make no type of a `not`.
          not: { properties: { id: { enum: [null] }, clientContext: { enum: [null, ''] } } },
        }),
      },
      '/v1.0/playPromptOperation/{id}': byId,
      ...(features.notifications && subscriptionPaths(root, resourceData, now)),
      '/v1.0/$batch': {
        parameters: common,
        post: {
          operationId: 'batch',
          summary: `Send up to ${MAX_BATCH_REQUESTS} requests in one`,
          description:
            'Each is executed as if it were sent alone, with the token of the batch, after those that it depends on.',
          tags: ['batch'],
          requestBody: {
            required: true,
            content: json(schemaOf('batchRequest'), {
              requests: [
                {
                  id: '1',
                  method: 'PATCH',
                  url: `/playPromptOperation/${EXAMPLE_ID}`,
                  headers: { 'Content-Type': 'application/json' },
                  body: patch,
                },
                { id: '2', method: 'GET', url: `/playPromptOperation/${EXAMPLE_ID}`, dependsOn: ['1'] },
              ],
            }),
          },
          responses: {
            200: response(
              'A response to each request, in any order.',
              [],
              json(schemaOf('batchResponse'), {
                responses: [
                  { id: '1', status: 200, headers: { ETag: example.etag }, body: entity },
                  { id: '2', status: 200, headers: { ETag: example.etag }, body: entity },
                ],
              }),
            ),
            ...refusedFor([...withBody, 'notImplemented']),
          },
        },
      },
      '/v1.0': {
        parameters: common,
        get: {
          ...describing('readServiceDocument', 'The entity sets of the service', ['format']),
          ...answering('The service document.', json(schemaOf('serviceDocument'), toServiceDocument(root, features))),
        },
      },
      '/v1.0/$metadata': {
        parameters: common,
        get: {
          ...describing('readMetadata', 'The model, in OData CSDL', ['metadataFormat']),
          ...answering('The model, in XML or JSON.', {
            'application/xml': { schema: { type: 'string' } },
            'application/json': { schema: objectWith('$Version') },
          }),
        },
      },
      '/': {
        parameters: common,
        get: {
          ...describing('readRoot', 'The URLs of the service', ['format']),
          ...answering('URLs by their names.', {
            ...json(schemaOf('urls'), { service: root }),
            'text/html': { schema: { type: 'string' } },
          }),
        },
      },
      '/health/live': { get: health('live', 'Whether the process runs', []) },
      '/health/ready': {
        get: health('ready', 'Whether the store and the token issuer are available', ['unavailable']),
      },
      '/openapi.json': {
        parameters: common,
        get: {
          ...describing('readOpenApi', 'This document', ['format', 'openApiVersion']),
          ...answering('The document.', { 'application/json': { schema: objectWith('openapi') } }),
        },
      },
    },
    components: {
      schemas: schemasFor(features),
      parameters: parametersAt(now),
      headers: headersFor(features),
      responses: refusalsFor(features),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'An access token of Microsoft Entra ID for a tenant and an audience of the service.',
        },
      },
    },
  };
}

const health = (status: string, summary: string, reasons: readonly Refusal[]) => ({
  operationId: status,
  summary,
  tags: ['health'],
  security: [],
  responses: {
    200: response('Healthy.', [], json(schemaOf('health'), { status })),
    ...refusedFor(['internal', ...reasons]),
  },
});

/** The schema of a document that names its own version. */
const objectWith = (name: string) => ({ type: 'object', required: [name], properties: { [name]: { type: 'string' } } });

const describing = (operationId: string, summary: string, parameters: readonly ParameterName[]) => ({
  ...{ operationId, summary, tags: ['description'], security: [], parameters: parametersOf(...parameters) },
});

const answering = (description: string, content: object) => ({
  responses: { 200: response(description, [], content), ...refusedFor(anywhere) },
});
