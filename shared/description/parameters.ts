import { MAX_COMPARISONS, MAX_FILTER_LENGTH } from '../odata/filterOption.ts';
import { DEFAULT_TOP, MAX_TOP } from '../odata/queryOptions.ts';
import { filterProperties } from '../operation/filter.ts';
import { idOfClientContext, playPromptOperation } from '../operation/playPromptOperation.ts';
import { REPEATABILITY_WINDOW_MS } from '../operation/repeatability.ts';
import { jsonSchemaOf } from './schemas.ts';

const text = { type: 'string' };

/** Optional parameters have examples in their schemas: tools fill in an example of the parameter itself. */
const parameterIn = (place: 'header' | 'query') => (name: string, description: string, schema: object) => ({
  ...{ name, in: place, description, schema: { ...text, ...schema } },
});
const header = parameterIn('header');
const option = parameterIn('query');
const formatOf = (schema: string) => ({
  ...{ name: '$format', in: 'query', description: 'Takes the place of Accept.', schema: refersTo(schema) },
});
const refersTo = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** The operation of the examples, which the tenant of `npm start` names by its clientContext. */
export const EXAMPLE_TENANT = '11111111-1111-4111-8111-111111111111';
export const EXAMPLE_CONTEXT = 'call 7';
export const EXAMPLE_ID = idOfClientContext(EXAMPLE_TENANT, EXAMPLE_CONTEXT);
export const EXAMPLE_ETAG = `W/"datetime'2026-11-23T14%3A18%3A02.5867711Z'"`;

/** The versions in which `/openapi.json` can be asked for. */
export const openApiVersions = ['3.0', '3.1'] as const;

/** The parameters of requests, with examples that are good at a time. */
export const parametersAt = (now: Date) => ({
  id: {
    name: 'id',
    in: 'path',
    required: true,
    description: 'The id of an operation of the tenant of the access token.',
    schema: jsonSchemaOf(playPromptOperation.shape.id),
    example: EXAMPLE_ID,
  },
  clientRequestId: header(
    'client-request-id',
    'Identifies the request for you. The response repeats it if it is at most 128 characters of visible ASCII.',
    { examples: ['call-7-update-1'] },
  ),
  odataVersion: header('OData-Version', 'The OData version of the request.', { enum: ['4.0', '4.01'] }),
  odataMaxVersion: header('OData-MaxVersion', 'The highest OData version that you accept, 4.0 or above.', {
    examples: ['4.01'],
  }),
  ifMatch: header(
    'If-Match',
    'An ETag, a list of ETags, or * for any. The response is 412 unless the operation has one of them.',
    { examples: ['*'] },
  ),
  ifNoneMatchRead: header(
    'If-None-Match',
    'An ETag, or a list of ETags. The response is 304 if the operation still has one of them.',
    { examples: [EXAMPLE_ETAG] },
  ),
  ifNoneMatchUpdate: header('If-None-Match', 'With *, the response is 412 if the operation exists.', {
    examples: ['*'],
  }),
  prefer: header(
    'Prefer',
    'With return=minimal, the response is 204 and has no body. Preferences that the service does not know are ignored.',
    { examples: ['return=minimal'] },
  ),
  repeatabilityRequestId: header(
    'Repeatability-Request-ID',
    'Makes the request repeatable, together with Repeatability-First-Sent: it is executed once, however often you send it.',
    { format: 'uuid', examples: ['112a3a3e-f94c-4f56-b49b-5aab3d97e5b7'] },
  ),
  repeatabilityFirstSent: header(
    'Repeatability-First-Sent',
    `When you sent the request first: an IMF-fixdate within the last ${REPEATABILITY_WINDOW_MS / 60_000} minutes.`,
    { examples: [now.toUTCString()] },
  ),
  select: {
    name: '$select',
    in: 'query',
    description: 'Only these properties are returned.',
    schema: { type: 'array', minItems: 1, items: refersTo('propertyName'), examples: [['id', 'status']] },
    style: 'form',
    explode: false,
  },
  filter: option(
    '$filter',
    `Which operations are returned: eq, ne and in of ${filterProperties.join(', ')}, lt, le, gt and ge of times, startswith of clientContext, with and, or, not and parentheses. ` +
      `There may be at most ${MAX_COMPARISONS} comparisons, and ${MAX_FILTER_LENGTH} characters as it is sent, percent-encoded.`,
    { maxLength: MAX_FILTER_LENGTH, examples: ["status eq 'Running'"] },
  ),
  top: option('$top', 'The size of a page.', { type: 'integer', minimum: 1, maximum: MAX_TOP, default: DEFAULT_TOP }),
  count: option('$count', 'Whether the first page has the number of operations on all pages.', {
    type: 'boolean',
    default: false,
  }),
  skiptoken: option('$skiptoken', 'Part of an @odata.nextLink, and made nowhere else. Follow that link unchanged.', {}),
  format: formatOf('format'),
  metadataFormat: formatOf('metadataFormat'),
  openApiVersion: option('version', 'The version of OpenAPI.', { enum: openApiVersions, default: '3.1' }),
});
export type ParameterName = keyof ReturnType<typeof parametersAt>;
