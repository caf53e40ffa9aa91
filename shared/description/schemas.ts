// The bodies of requests and responses as JSON Schema 2020-12. Those of requests are the schemas that parse them.
import * as z from 'zod';
import { batch } from '../odata/batchRequest.ts';
import { wireErrors } from '../odata/errorResponse.ts';
import { annotations } from '../odata/patchRequest.ts';
import { playPromptOperation, playPromptOperationPatch } from '../operation/playPromptOperation.ts';

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

/** The body of an update: closed, but for annotations, which are ignored. */
function patchSchema() {
  const { $schema, ...json } = z.toJSONSchema(playPromptOperationPatch, {
    io: 'input',
    override({ jsonSchema }) {
      if (jsonSchema.type === 'object') jsonSchema.patternProperties = { [annotations['4.0'].source]: true };
    },
  });
  return json;
}

/** Every schema that has a name. */
export const schemas = {
  playPromptOperation: toJsonSchema(entity, 'output'),
  playPromptOperationPatch: patchSchema(),
  selectedPlayPromptOperation: toJsonSchema(selectedEntity, 'output'),
  playPromptOperationCollection: toJsonSchema(collection, 'output'),
  batchRequest: toJsonSchema(batch, 'input'),
  batchResponse: toJsonSchema(batchResponse, 'output'),
  serviceDocument: toJsonSchema(serviceDocument, 'output'),
  urls: toJsonSchema(urls, 'output'),
  health: toJsonSchema(health, 'output'),
  graphError: toJsonSchema(graphError, 'output'),
};
export type SchemaName = keyof typeof schemas;

/** The JSON Schema of a value of the resource, such as that of a parameter. */
export const jsonSchemaOf = (schema: z.ZodType) => toJsonSchema(schema, 'input');
