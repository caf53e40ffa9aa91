/** The part of what the Functions worker provides that is used here. */
declare module '@azure/functions-core' {
  export function setProgrammingModel(model: object): void;
  export function registerFunction(metadata: object, handler: () => unknown): void;
}
