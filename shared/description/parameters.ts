import { filterProperties, MAX_COMPARISONS, MAX_FILTER_LENGTH } from '../odata/filter.ts';
import { DEFAULT_TOP, MAX_TOP } from '../odata/queryOptions.ts';
import { playPromptOperation, propertyNames } from '../operation/playPromptOperation.ts';
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

/** What requests may say beside their bodies. */
export const parameters = {
  id: {
    name: 'id',
    in: 'path',
    required: true,
    description: 'The id of an operation of the tenant of the access token.',
    schema: jsonSchemaOf(playPromptOperation.shape.id),
  },
  clientRequestId: header('client-request-id', 'Comes back in the answer, if at most 128 characters long.'),
  odataVersion: header('OData-Version', 'The version of OData that the request is of.', { enum: ['4.0', '4.01'] }),
  odataMaxVersion: header('OData-MaxVersion', 'The highest version that the answer may be of: 4.0 or above.'),
  ifMatch: header('If-Match', 'An ETag, a list of them, or *: only if the operation is still one of those; else 412.'),
  ifNoneMatchRead: header('If-None-Match', 'An ETag, or a list of them: 304 if the operation still is one of those.'),
  ifNoneMatchUpdate: header('If-None-Match', '*: only if there is no such operation yet; else 412.'),
  prefer: header('Prefer', 'return=minimal: 204 without a body. What is not known is passed over.'),
  repeatabilityRequestId: header(
    'Repeatability-Request-ID',
    'With Repeatability-First-Sent: the request is done once, however often it is sent.',
    { ...text, format: 'uuid' },
  ),
  repeatabilityFirstSent: header(
    'Repeatability-First-Sent',
    `An IMF-fixdate of the last ${REPEATABILITY_WINDOW_MS / 60_000} minutes; with Repeatability-Request-ID.`,
  ),
  select: {
    ...option('$select', 'Only these properties.', {
      type: 'array',
      minItems: 1,
      items: { enum: [...propertyNames, '*'] },
    }),
    style: 'form',
    explode: false,
  },
  filter: option(
    '$filter',
    `eq, ne and in of ${filterProperties.join(', ')}, with and, or, not and parentheses, comparing to at most ` +
      `${MAX_COMPARISONS} values.`,
    { ...text, maxLength: MAX_FILTER_LENGTH },
  ),
  top: option('$top', 'The size of a page.', { type: 'integer', minimum: 1, maximum: MAX_TOP, default: DEFAULT_TOP }),
  count: option('$count', 'Whether the first page says how many there are in all.', {
    type: 'boolean',
    default: false,
  }),
  skiptoken: option('$skiptoken', 'Of an @odata.nextLink, which is to be followed as it is.'),
  format: option('$format', 'Overrides Accept.', {
    enum: ['xml', 'json', 'application/xml', 'application/json'],
  }),
};
export type ParameterName = keyof typeof parameters;
