// What requests and answers hold, as JSON Schema 2020-12: what comes in by the very schemas that parse it.
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
const context = { '@odata.context': z.string().describe('What this is, in the terms of $metadata.') };
const controlInformation = {
  '@odata.type': z.literal('#microsoft.graph.playPromptOperation'),
  '@odata.etag': z.string().describe('Changes with every write; opaque.'),
};

/** Operations, whole or as far as they are selected, as `entityBody.ts` makes them. */
const entity = z.strictObject({ ...context, ...controlInformation, ...properties.shape });
const selected = z.strictObject({ ...controlInformation, ...properties.partial().shape });
const selectedEntity = z.strictObject({ ...context, ...selected.shape });
const collection = z.strictObject({
  ...context,
  '@odata.count': z.int().min(0).optional().describe('How many there are on all pages; on the first page alone.'),
  '@odata.nextLink': z.url().optional().describe('Where there may be more. It is to be followed as it is.'),
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
          target: z.string().describe('What is at fault: a header, an option, or a path such as resultInfo/code.'),
        }),
      )
      .min(1)
      .optional()
      .describe('Every fault there is.'),
    innerError: z.strictObject({
      date: z
        .string()
        .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/)
        .describe('In UTC.'),
      'request-id': z.string().describe('What the log knows the request by.'),
      'client-request-id': z.string().optional(),
    }),
  }),
});

const batchAnswer = z.strictObject({
  responses: z.array(
    z.strictObject({
      id: z.string(),
      status: z.int().min(200).max(599),
      headers: z.record(z.string(), z.string()),
      body: z.unknown().optional().describe('As if the request had come alone.'),
    }),
  ),
});

const serviceDocument = z.strictObject({
  ...context,
  value: z.array(z.strictObject({ name: z.string(), kind: z.literal('EntitySet'), url: z.string() })),
});

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
  batchResponse: toJsonSchema(batchAnswer, 'output'),
  serviceDocument: toJsonSchema(serviceDocument, 'output'),
  health: toJsonSchema(health, 'output'),
  graphError: toJsonSchema(graphError, 'output'),
};
export type SchemaName = keyof typeof schemas;

/** The JSON Schema of a value of the resource, such as that of a parameter. */
export const jsonSchemaOf = (schema: z.ZodType) => toJsonSchema(schema, 'input');
