// An app without `@azure/functions`, which answers every update at once: what the embedded host costs by itself.
import { registerFunction, setProgrammingModel } from '@azure/functions-core';

const headers = {
  'OData-Version': '4.0',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'request-id': '00000000-0000-4000-8000-000000000000',
  'Content-Type': 'application/json;odata.metadata=minimal;charset=utf-8',
  ETag: `W/"datetime'2026-01-01T00%3A00%3A00.0000000Z'"`,
};
// As long as the service's.
const response = {
  statusCode: '200',
  headers,
  body: { bytes: Buffer.from(JSON.stringify({ value: 'x'.repeat(500) })) },
};

setProgrammingModel({
  getCapabilities: async () => ({}),
  getInvocationModel: (context: object) => ({
    getArguments: async () => ({ context, inputs: [] }),
    invokeFunction: async () => undefined,
    getResponse: async () => ({ returnValue: { http: response } }),
  }),
});
const http = { type: 'httpTrigger', name: 'request', direction: 'in', methods: ['PATCH'] };
const bindings = { request: { ...http, route: 'v1.0/playPromptOperation/{id}' } };
registerFunction({ name: 'update', bindings }, () => undefined);
