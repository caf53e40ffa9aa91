// The parts that the paths of the OpenAPI document share.
import type { ParameterName } from './parameters.ts';
import type { Refusal } from './responses.ts';
import type { SchemaName } from './schemas.ts';

export const schemaOf = (name: SchemaName) => ({ $ref: `#/components/schemas/${name}` });
export const parametersOf = (...names: readonly ParameterName[]) =>
  names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
export const json = (schema: object, example: unknown) => ({ 'application/json': { schema, example } });

/** The errors of every URL, of those that need a token, and of those that read a body. */
export const anywhere: readonly Refusal[] = ['invalidRequest', 'notAcceptable', 'internal'];
export const authorized: readonly Refusal[] = [...anywhere, 'tokenInvalid', 'forbidden', 'unavailable'];
export const withBody: readonly Refusal[] = [
  ...authorized,
  'preconditionFailed',
  'lengthRequired',
  'contentTooLarge',
  'unsupportedMediaType',
];

export const common = parametersOf('clientRequestId', 'odataVersion', 'odataMaxVersion');
