// The bodies of requests and responses as JSON Schema 2020-12. Those of requests are the schemas that parse them.
import * as z from 'zod';
import { subscriptionSchemas } from '../notifications/subscriptionRequest.ts';
import { batch, batchedRequest } from '../odata/batchRequest.ts';
import { wireErrors } from '../odata/errorResponse.ts';
import { ANNOTATION } from '../odata/patchRequest.ts';
import { changeTypes } from '../operation/changeListener.ts';
import { playPromptOperation, playPromptOperationPatch, propertyNames } from '../operation/playPromptOperation.ts';
import type { Features } from './features.ts';
import { subscriptionProperties } from './subscriptionProperties.ts';

const resultInfo = playPromptOperation.shape.resultInfo
  .unwrap()
  .extend({ '@odata.type': z.literal('microsoft.graph.resultInfo') })
  .describe('The result of the operation.');
const properties = z.object({ ...playPromptOperation.shape, resultInfo: resultInfo.nullable() });
const context = { '@odata.context': z.string().describe('The type of the content, in terms of $metadata.') };
const contextUnlessListed = { '@odata.context': context['@odata.context'].optional() };
const controlInformation = {
  '@odata.type': z.literal('#microsoft.graph.playPromptOperation'),
  '@odata.etag': z.string().describe('The version of the operation. Opaque; it changes with every write.'),
};

/** Operations, whole or with the selected properties, as `entityBody.ts` makes them. */
const withoutTimes = properties.omit({ createdDateTime: true, lastActionDateTime: true });
const entity = z.strictObject({ ...context, ...controlInformation, ...withoutTimes.shape });
const selected = z.strictObject({ ...contextUnlessListed, ...controlInformation, ...properties.partial().shape });
const collection = z.strictObject({
  ...context,
  '@odata.count': z
    .int32()
    .min(0)
    .optional()
    .describe('The number of operations on all pages. Only on the first page.'),
  '@odata.nextLink': z.url().optional().describe('The URL of the next page, which clients follow unchanged.'),
  value: z.array(selected),
});

/** `toErrorResponse` in errorResponse.ts. */
const graphError = z.strictObject({
  error: z.strictObject({
    code: z.enum([...new Set(Object.values(wireErrors).map(({ code }) => code))]),
    message: z.string().min(1),
    details: z
      .array(
        z.strictObject({
          code: z.string(),
          message: z.string(),
          target: z.string().describe('What is wrong: a header, a query option, or a path such as resultInfo/code.'),
        }),
      )
      .min(1)
      .optional()
      .describe('Everything that is wrong with the request.'),
    innerError: z.strictObject({
      date: z
        .string()
        .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/)
        .describe('In UTC.'),
      'request-id': z.string().describe('The id of the request, which the log has too.'),
      'client-request-id': z.string().optional(),
    }),
  }),
});

/** Subscriptions, as `subscriptionBody.ts` makes them. */
const subscription = z.strictObject({
  ...contextUnlessListed,
  '@odata.type': z.literal('#microsoft.graph.subscription'),
  '@playPromptOperation.lastDelivery': z
    .strictObject({
      dateTime: z.string().meta({ format: 'date-time' }),
      outcome: z.string().describe('delivered, or why it failed.'),
    })
    .optional()
    .describe('How the last delivery went.'),
  ...subscriptionProperties.shape,
});

/** The members of every notification. `notification.ts` makes them. */
const notification = {
  subscriptionId: z.string(),
  subscriptionExpirationDateTime: z.string().meta({ format: 'date-time' }),
  clientState: z.string().nullable().describe('The clientState of the subscription; null if it is a signing secret.'),
  tenantId: z.string(),
};
// The body of a notification is that of a request, where nothing may be read-only.
const sent = (time: typeof properties.shape.createdDateTime) => time.unwrap().meta({ readOnly: false }).nullable();
const notifiedEntity = z.strictObject({
  ...controlInformation,
  ...properties.shape,
  createdDateTime: sent(properties.shape.createdDateTime),
  lastActionDateTime: sent(properties.shape.lastActionDateTime),
});
const deletedEntity = notifiedEntity.pick({ '@odata.type': true, id: true });
const changeNotification = z.strictObject({
  ...notification,
  changeType: z.enum(changeTypes),
  resource: z.string().describe('playPromptOperation/{id}.'),
  resourceData: z.union([notifiedEntity, deletedEntity]).describe('The operation; the id alone after a deletion.'),
});
const lifecycleEvent = z.enum(['missed', 'subscriptionRemoved']);
const lifecycleNotification = z.strictObject({ ...notification, lifecycleEvent });

const batchedResponse = z.strictObject({
  id: z.string(),
  status: z.int32().min(200).max(599),
  headers: z.record(z.string(), z.string()),
  body: z.unknown().optional().describe('As if the request had been sent alone.'),
});

const entitySet = z.strictObject({ name: z.string(), kind: z.literal('EntitySet'), url: z.string() });

const enumerations = {
  propertyName: z.enum([...propertyNames, '*']),
  format: z.enum(['json', 'application/json']),
  metadataFormat: z.enum(['xml', 'json', 'application/xml', 'application/json']),
  operationStatus: playPromptOperation.shape.status,
  playPromptCompletionReason: playPromptOperation.shape.completionReason.unwrap(),
};
const updates = {
  playPromptOperationPatch,
  resultInfoPatch: playPromptOperationPatch.shape.resultInfo.unwrap().unwrap(),
};
const responses = {
  playPromptOperation: entity,
  selectedPlayPromptOperation: selected,
  playPromptOperationCollection: collection,
  resultInfo,
  batchResponse: z.strictObject({ responses: z.array(batchedResponse) }),
  batchedResponse,
  serviceDocument: z.strictObject({ ...context, value: z.array(entitySet) }),
  entitySet,
  urls: z.record(z.string(), z.url()),
  health: z.strictObject({ status: z.enum(['live', 'ready']) }),
  graphError,
};
const { toCreate, toUpdate } = subscriptionSchemas([]);
const subscriptionRequests = { newSubscription: toCreate, subscriptionUpdate: toUpdate };
const subscriptionResponses = {
  subscription,
  subscriptionCollection: z.strictObject({ ...context, value: z.array(subscription) }),
  changeNotificationCollection: z.strictObject({
    value: z.array(z.union([changeNotification, lifecycleNotification])).min(1),
  }),
  changeNotification,
  lifecycleNotification,
  notifiedPlayPromptOperation: notifiedEntity,
  deletedPlayPromptOperation: deletedEntity,
};

/** The schemas with a name, which generators give to a type. */
const schemas = {
  ...toJsonSchemas({ ...updates, ...enumerations }, 'input', forbidUnknownNames),
  ...toJsonSchemas({ batchRequest: batch, batchedRequest }, 'input'),
  ...toJsonSchemas({ ...responses, ...enumerations }, 'output'),
};
const notificationSchemas = {
  ...toJsonSchemas(subscriptionRequests, 'input', forbidUnknownNames),
  ...toJsonSchemas({ ...responses, ...enumerations, ...subscriptionResponses }, 'output'),
};
export type SchemaName = keyof typeof schemas | keyof typeof notificationSchemas;

/** Every schema of the features that are on. */
export const schemasFor = ({ notifications }: Features) => ({ ...schemas, ...(notifications && notificationSchemas) });

type Json = z.core.JSONSchema.BaseSchema;

function toJsonSchemas<Name extends string>(
  named: Readonly<Record<Name, z.ZodType>>,
  io: 'input' | 'output',
  adapt: (schema: Json) => void = () => {},
): Record<Name, Json> {
  const names = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries<z.ZodType>(named)) names.add(schema, { id });
  const { schemas } = z.toJSONSchema(names, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    override({ jsonSchema }) {
      simplify(jsonSchema);
      adapt(jsonSchema);
    },
  });
  for (const schema of Object.values(schemas)) {
    delete schema.$schema;
    delete schema.$id;
  }
  return schemas;
}

/** Writes a schema as generators of clients expect it. */
function simplify(schema: Json): void {
  const [first, second] = schema.anyOf ?? [];
  if (first && second?.type === 'null') {
    delete schema.anyOf;
    // Otherwise some generators make a type of its own for "this or null".
    if (first.$ref !== undefined) schema.oneOf = [first, second];
    else
      Object.assign(
        schema,
        { ...first, ...schema, type: [first.type, 'null'] },
        first.enum && { enum: [...first.enum, null] },
      );
  }
  // The format says it, and a pattern would be applied to the text of the date that a client makes.
  if (schema.format === 'date-time') delete schema.pattern;
  // Two types would be named alike.
  delete schema.title;
}

/**
 * A body may have any annotation besides its properties. `patternProperties` would say so too, but some generators fail on
 * it, and others make an index signature of it, so that every misspelled name passes.
 */
function forbidUnknownNames(schema: Json): void {
  if (schema.additionalProperties !== false) return;
  delete schema.additionalProperties;
  schema.propertyNames = {
    pattern: `^(?:${Object.keys(schema.properties ?? {}).join('|')})$|${ANNOTATION}`,
  };
}

/** The JSON Schema of a value of the resource, such as that of a parameter. */
export const jsonSchemaOf = (schema: z.ZodType) => toJsonSchemas({ schema }, 'input').schema;
