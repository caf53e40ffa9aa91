// The bodies of requests and responses as JSON Schema 2020-12. Those of requests are the schemas that parse them.
import * as z from 'zod';
import { subscriptionSchemas } from '../notifications/subscriptionRequest.ts';
import { batch } from '../odata/batchRequest.ts';
import { wireErrors } from '../odata/errorResponse.ts';
import { annotations } from '../odata/patchRequest.ts';
import { changeTypes } from '../operation/changeListener.ts';
import { playPromptOperation, playPromptOperationPatch } from '../operation/playPromptOperation.ts';
import type { Features } from './features.ts';
import { subscriptionProperties } from './subscriptionProperties.ts';

const resultInfo = playPromptOperation.shape.resultInfo.unwrap();
const properties = z.object({
  ...playPromptOperation.shape,
  resultInfo: resultInfo
    .extend({ '@odata.type': z.literal('microsoft.graph.resultInfo') })
    .meta(resultInfo.meta() ?? {})
    .nullable(),
});
const context = { '@odata.context': z.string().describe('The type of the content, in terms of $metadata.') };
const controlInformation = {
  '@odata.type': z.literal('#microsoft.graph.playPromptOperation'),
  '@odata.etag': z.string().describe('The version of the operation. Opaque; it changes with every write.'),
};

/** Operations, whole or with the selected properties, as `entityBody.ts` makes them. */
const entity = z.strictObject({ ...context, ...controlInformation, ...properties.shape });
const selected = z.strictObject({ ...controlInformation, ...properties.partial().shape });
const selectedEntity = z.strictObject({ ...context, ...selected.shape });
const collection = z.strictObject({
  ...context,
  '@odata.count': z.int().min(0).optional().describe('The number of operations on all pages. Only on the first page.'),
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
  clientState: z.string().nullable().describe('The clientState of the subscription.'),
  tenantId: z.string(),
};
const changeNotification = z.strictObject({
  ...notification,
  changeType: z.enum(changeTypes),
  resource: z.string().describe('playPromptOperation/{id}.'),
  resourceData: z
    .union([
      z.strictObject({ ...controlInformation, ...properties.shape }),
      z.strictObject({ '@odata.type': controlInformation['@odata.type'], id: properties.shape.id }),
    ])
    .describe('The operation; the id alone after a deletion.'),
});
const lifecycleNotification = z.strictObject({
  ...notification,
  lifecycleEvent: z.enum(['missed', 'subscriptionRemoved']),
});

const batchResponse = z.strictObject({
  responses: z.array(
    z.strictObject({
      id: z.string(),
      status: z.int().min(200).max(599),
      headers: z.record(z.string(), z.string()),
      body: z.unknown().optional().describe('As if the request had been sent alone.'),
    }),
  ),
});

const serviceDocument = z.strictObject({
  ...context,
  value: z.array(z.strictObject({ name: z.string(), kind: z.literal('EntitySet'), url: z.string() })),
});

const urls = z.record(z.string(), z.url());

const health = z.strictObject({ status: z.enum(['live', 'ready']) });

function toJsonSchema(schema: z.ZodType, io: 'input' | 'output') {
  const { $schema, ...json } = z.toJSONSchema(schema, { io });
  return json;
}

/** The body of a request: closed, but for annotations, which are ignored. */
function bodySchema(schema: z.ZodType) {
  const { $schema, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    override({ jsonSchema }) {
      if (jsonSchema.type === 'object') jsonSchema.patternProperties = { [annotations['4.0'].source]: true };
    },
  });
  return json;
}

/** Every schema that has a name. */
const schemas = {
  playPromptOperation: toJsonSchema(entity, 'output'),
  playPromptOperationPatch: bodySchema(playPromptOperationPatch),
  selectedPlayPromptOperation: toJsonSchema(selectedEntity, 'output'),
  playPromptOperationCollection: toJsonSchema(collection, 'output'),
  batchRequest: toJsonSchema(batch, 'input'),
  batchResponse: toJsonSchema(batchResponse, 'output'),
  serviceDocument: toJsonSchema(serviceDocument, 'output'),
  urls: toJsonSchema(urls, 'output'),
  health: toJsonSchema(health, 'output'),
  graphError: toJsonSchema(graphError, 'output'),
};
const { toCreate, toUpdate } = subscriptionSchemas([]);
const notificationSchemas = {
  newSubscription: bodySchema(toCreate),
  subscriptionUpdate: bodySchema(toUpdate),
  subscription: toJsonSchema(subscription.safeExtend(context), 'output'),
  subscriptionCollection: toJsonSchema(z.strictObject({ ...context, value: z.array(subscription) }), 'output'),
  changeNotificationCollection: toJsonSchema(
    z.strictObject({ value: z.array(z.union([changeNotification, lifecycleNotification])).min(1) }),
    'output',
  ),
};
export type SchemaName = keyof typeof schemas | keyof typeof notificationSchemas;

/** Every schema of the features that are on. */
export const schemasFor = ({ notifications }: Features) => ({ ...schemas, ...(notifications && notificationSchemas) });

/** The JSON Schema of a value of the resource, such as that of a parameter. */
export const jsonSchemaOf = (schema: z.ZodType) => toJsonSchema(schema, 'input');
