import { filterProperties, MAX_COMPARISONS, MAX_FILTER_LENGTH } from '../odata/filterOption.ts';
import { DEFAULT_TOP, MAX_TOP } from '../odata/queryOptions.ts';
import { playPromptOperation } from '../operation/playPromptOperation.ts';
import { REPEATABILITY_WINDOW_MS } from '../operation/repeatability.ts';
import { jsonSchemaOf } from './schemas.ts';

const text = { type: 'string' };

const header = (name: string, description: string, schema: object = text) => ({
  name,
  in: 'header',
  description,
  schema,
});
const option = (name: string, description: string, schema: object = text) => ({
  name,
  in: 'query',
  description,
  schema,
});

/** The versions in which `/openapi.json` can be asked for. */
export const openApiVersions = ['3.0', '3.1'] as const;

/** The parameters of requests. */
export const parameters = {
  id: {
    name: 'id',
    in: 'path',
    required: true,
    description: 'The id of an operation of the tenant of the access token.',
    schema: jsonSchemaOf(playPromptOperation.shape.id),
    example: 'prompt-1',
  },
  clientRequestId: header(
    'client-request-id',
    'Returned in the response if it is at most 128 characters of visible ASCII.',
  ),
  odataVersion: header('OData-Version', 'The OData version of the request.', { ...text, enum: ['4.0', '4.01'] }),
  odataMaxVersion: header('OData-MaxVersion', 'The highest OData version of the response: 4.0 or above.'),
  ifMatch: header('If-Match', 'An ETag, a list of ETags, or *. 412 unless the operation has one of them.'),
  ifNoneMatchRead: header('If-None-Match', 'An ETag or a list of ETags. 304 if the operation still has one of them.'),
  ifNoneMatchUpdate: header('If-None-Match', '*: 412 if the operation exists.'),
  prefer: header('Prefer', 'return=minimal for a 204 without a body. Unknown preferences are ignored.'),
  repeatabilityRequestId: header(
    'Repeatability-Request-ID',
    'With Repeatability-First-Sent: the request is executed once, however often it is sent.',
    { ...text, format: 'uuid' },
  ),
  repeatabilityFirstSent: header(
    'Repeatability-First-Sent',
    `An IMF-fixdate within the last ${REPEATABILITY_WINDOW_MS / 60_000} minutes. Needs Repeatability-Request-ID.`,
  ),
  select: {
    ...option('$select', 'Only these properties.', {
      type: 'array',
      minItems: 1,
      items: { $ref: '#/components/schemas/propertyName' },
    }),
    style: 'form',
    explode: false,
  },
  filter: option(
    '$filter',
    `eq, ne and in of ${filterProperties.join(', ')}, with and, or, not and parentheses; at most ${MAX_COMPARISONS} ` +
      `comparisons, and ${MAX_FILTER_LENGTH} characters as it is sent, percent-encoded.`,
    { ...text, maxLength: MAX_FILTER_LENGTH },
  ),
  top: option('$top', 'The size of a page.', { type: 'integer', minimum: 1, maximum: MAX_TOP, default: DEFAULT_TOP }),
  count: option('$count', 'Whether the first page has the number of operations on all pages.', {
    type: 'boolean',
    default: false,
  }),
  skiptoken: option('$skiptoken', 'Part of an @odata.nextLink, which clients follow unchanged.'),
  format: option('$format', 'Takes the place of Accept.', { ...text, enum: ['json', 'application/json'] }),
  metadataFormat: option('$format', 'Takes the place of Accept.', {
    ...text,
    enum: ['xml', 'json', 'application/xml', 'application/json'],
  }),
  openApiVersion: option('version', 'The version of OpenAPI.', { ...text, enum: openApiVersions, default: '3.1' }),
};
export type ParameterName = keyof typeof parameters;
