// `$metadata` as OData CSDL JSON, generated from the schemas that parse requests and rows.
import * as z from 'zod';
import { MAX_BATCH_REQUESTS } from '../odata/batchRequest.ts';
import { MAX_TOP } from '../odata/queryOptions.ts';
import { type Filter, filterProperties } from '../operation/filter.ts';
import { type PropertyName, playPromptOperation, propertyNames } from '../operation/playPromptOperation.ts';
import type { Features } from './features.ts';
import { subscriptionProperties } from './subscriptionProperties.ts';

/** A path to a property: a string in CSDL JSON, an element of its own in CSDL XML. */
export class PropertyPath {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  toJSON(): string {
    return this.path;
  }
}

/** A member of an enumeration, which CSDL XML writes with its type. */
export class EnumMember {
  readonly type: string;
  readonly name: string;

  constructor(type: string, name: string) {
    this.type = type;
    this.name = name;
  }

  toJSON(): string {
    return this.name;
  }
}

export type Csdl = string | number | boolean | PropertyPath | EnumMember | readonly Csdl[] | CsdlObject;
export interface CsdlObject {
  readonly [name: string]: Csdl;
}

export const NAMESPACE = 'microsoft.graph';
const CONTAINER = 'GraphService';
export const ENTITY_SET = 'playPromptOperation';
export const SUBSCRIPTIONS = 'subscriptions';

/** Which of Graph's types declares each property: playPromptOperation is a commsOperation, which is an entity. */
const declaredBy = {
  id: 'entity',
  clientContext: 'commsOperation',
  resultInfo: 'commsOperation',
  status: 'commsOperation',
  completionReason: 'playPromptOperation',
  createdDateTime: 'playPromptOperation',
  lastActionDateTime: 'playPromptOperation',
} as const satisfies Record<PropertyName, string>;

/** The subset of JSON Schema that the model uses. */
const jsonSchema = z.object({
  type: z.enum(['object', 'string', 'integer']),
  title: z.string().optional(),
  description: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).default({}),
  enum: z.array(z.string()).optional(),
  maxLength: z.number().optional(),
  pattern: z.string().optional(),
  format: z.string().optional(),
  readOnly: z.boolean().optional(),
});
const nullableSchema = z
  .object({ description: z.string().optional(), anyOf: z.tuple([jsonSchema, z.object({ type: z.literal('null') })]) })
  .transform(({ anyOf: [schema], description }) => ({
    ...schema,
    description: description ?? schema.description,
    isNullable: true,
  }));
const propertySchema = nullableSchema.or(jsonSchema.transform((schema) => ({ ...schema, isNullable: false })));
type PropertySchema = z.infer<typeof propertySchema>;

/** The types besides Edm.String, by the type or the format of a schema. */
const primitiveTypes: Readonly<Record<string, string>> = { integer: 'Edm.Int32', 'date-time': 'Edm.DateTimeOffset' };

/** A property; one whose schema has a title is of the type of that name. */
function toProperty({ type, title, description, isNullable, ...facets }: PropertySchema): CsdlObject {
  const { maxLength, pattern, format, readOnly } = facets;
  const typeName = title === undefined ? primitiveTypes[format ?? type] : `${NAMESPACE}.${title}`;
  return {
    ...(typeName && { $Type: typeName }),
    ...(format === 'date-time' && { $Precision: 3 }),
    ...(isNullable && { $Nullable: true }),
    ...(maxLength !== undefined && { $MaxLength: maxLength }),
    ...(description !== undefined && { '@Core.Description': description }),
    ...(readOnly && { '@Core.Computed': true }),
    ...(pattern !== undefined && format !== 'date-time' && { '@Validation.Pattern': pattern }),
  };
}

function toType({ enum: members, properties }: PropertySchema): CsdlObject {
  if (members) {
    return { $Kind: 'EnumType', ...Object.fromEntries(members.map((member, value) => [member, value])) };
  }
  const entries = Object.entries(properties).map(([name, schema]) => [name, toProperty(propertySchema.parse(schema))]);
  return { $Kind: 'ComplexType', ...Object.fromEntries(entries) };
}

const schemas = z
  .object({ properties: z.record(z.enum(propertyNames), propertySchema) })
  .parse(z.toJSONSchema(playPromptOperation)).properties;
const types = Object.fromEntries(
  Object.values(schemas).flatMap((schema) => (schema.title === undefined ? [] : [[schema.title, toType(schema)]])),
);
const propertiesOf = (type: string): CsdlObject =>
  Object.fromEntries(
    propertyNames.filter((name) => declaredBy[name] === type).map((name) => [name, toProperty(schemas[name])]),
  );

const noSegments = { FilterSegmentSupported: false, TypecastSegmentSupported: false };
const updateRestrictions: CsdlObject = {
  ...{ Updatable: true, DeltaUpdateSupported: false },
  UpdateMethod: new EnumMember('Capabilities.HttpMethod', 'PATCH'),
  ...noSegments,
};

/** The capabilities that both entity sets have, in the OASIS vocabulary Capabilities. */
const commonCapabilities: CsdlObject = {
  '@Capabilities.IndexableByKey': true,
  '@Capabilities.ReadRestrictions': { Readable: true, TypecastSegmentSupported: false },
  '@Capabilities.SkipSupported': false,
  '@Capabilities.SortRestrictions': { Sortable: false },
  '@Capabilities.ExpandRestrictions': { Expandable: false },
  '@Capabilities.SearchRestrictions': { Searchable: false },
  '@Capabilities.ComputeSupported': false,
  '@Capabilities.ChangeTracking': { Supported: false },
  '@Capabilities.DeleteRestrictions': { Deletable: true, ...noSegments },
};

/** The capabilities of the operations, in the OASIS vocabularies Capabilities and Repeatability. */
const capabilities: CsdlObject = {
  ...commonCapabilities,
  '@Core.Description': 'The operations of the tenant of the access token.',
  '@Core.LongDescription':
    `Pages have at most ${MAX_TOP} operations and are linked by @odata.nextLink, whose $skiptoken is opaque. There is ` +
    '$count=true, but no segment $count. A PATCH of the set updates or inserts the operation that its body names by ' +
    'its id, or else by its clientContext.',
  '@Capabilities.FilterFunctions': [
    ...(['eq', 'ne', 'in', 'lt', 'le', 'gt', 'ge', 'startswith', 'and', 'or', 'not'] as const),
  ] satisfies readonly Filter['operator'][],
  '@Capabilities.FilterRestrictions': {
    Filterable: true,
    NonFilterableProperties: propertyNames
      .filter((name) => !filterProperties.some((property) => property === name))
      .map((name) => new PropertyPath(name)),
  },
  '@Capabilities.SelectSupport': { Supported: true },
  '@Capabilities.TopSupported': true,
  '@Capabilities.CountRestrictions': { Countable: true },
  '@Capabilities.InsertRestrictions': { Insertable: false },
  '@Capabilities.UpdateRestrictions': {
    ...updateRestrictions,
    Upsertable: true,
    QueryOptions: { SelectSupported: false, ExpandSupported: false },
  },
  '@Repeatability.Supported': true,
};

/** The capabilities of the subscriptions, which are read, listed, created, updated and deleted by plain requests. */
const subscriptionCapabilities: CsdlObject = {
  ...commonCapabilities,
  '@Core.Description': 'The subscriptions of the application of the access token.',
  '@Capabilities.FilterRestrictions': { Filterable: false },
  '@Capabilities.SelectSupport': { Supported: false },
  '@Capabilities.TopSupported': false,
  '@Capabilities.CountRestrictions': { Countable: false },
  '@Capabilities.InsertRestrictions': { Insertable: true },
  '@Capabilities.UpdateRestrictions': { ...updateRestrictions, Upsertable: false },
  '@Repeatability.Supported': false,
};

const container = ({ notifications }: Features): CsdlObject => ({
  $Kind: 'EntityContainer',
  [ENTITY_SET]: { $Collection: true, $Type: `${NAMESPACE}.playPromptOperation`, ...capabilities },
  ...(notifications && {
    [SUBSCRIPTIONS]: { $Collection: true, $Type: `${NAMESPACE}.subscription`, ...subscriptionCapabilities },
  }),
  '@Core.ODataVersions': '4.0',
  '@Capabilities.SupportedFormats': ['application/json;odata.metadata=minimal'],
  '@Capabilities.SupportedMetadataFormats': ['application/xml', 'application/json'],
  '@Capabilities.AsynchronousRequestsSupported': false,
  '@Capabilities.CrossJoinSupported': false,
  '@Capabilities.KeyAsSegmentSupported': true,
  '@Capabilities.QuerySegmentSupported': false,
  '@Capabilities.BatchSupport': {
    '@Core.Description': `At most ${MAX_BATCH_REQUESTS} requests.`,
    Supported: true,
    ContinueOnErrorSupported: false,
    ReferencesInRequestBodiesSupported: false,
    ReferencesAcrossChangeSetsSupported: false,
    EtagReferencesSupported: false,
    RequestDependencyConditionsSupported: false,
    SupportedFormats: ['application/json'],
  },
});

const vocabulary = (name: string) => ({
  [`https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.${name}.V1.json`]: {
    $Include: [{ $Namespace: `Org.OData.${name}.V1`, $Alias: name }],
  },
});

const subscription = z
  .object({ properties: z.record(z.string(), propertySchema) })
  .transform(({ properties: { id: _, ...own } }) =>
    Object.fromEntries(Object.entries(own).map(([name, schema]) => [name, toProperty(schema)])),
  )
  .parse(z.toJSONSchema(subscriptionProperties));

const derivedFrom = (base: string) => ({ $Kind: 'EntityType', $BaseType: `${NAMESPACE}.${base}` });

/** The model of the service in OData CSDL JSON 4.0: Microsoft Graph's types, as far as they are served here. */
export const csdl = (features: Features) =>
  ({
    $Version: '4.0',
    $EntityContainer: `${NAMESPACE}.${CONTAINER}`,
    $Reference: {
      ...vocabulary('Capabilities'),
      ...vocabulary('Core'),
      ...vocabulary('Repeatability'),
      ...vocabulary('Validation'),
    },
    [NAMESPACE]: {
      entity: { $Kind: 'EntityType', $Abstract: true, $Key: ['id'], ...propertiesOf('entity') },
      commsOperation: { ...derivedFrom('entity'), ...propertiesOf('commsOperation') },
      playPromptOperation: { ...derivedFrom('commsOperation'), ...propertiesOf('playPromptOperation') },
      ...(features.notifications && { subscription: { ...derivedFrom('entity'), ...subscription } }),
      ...types,
      [CONTAINER]: container(features),
    },
  }) satisfies CsdlObject;
