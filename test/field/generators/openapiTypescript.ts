// The types that openapi-typescript generates, with openapi-fetch.
import createClient from 'openapi-fetch';
import { type Facts, type GeneratedClient, optionOf, Refused, run } from './client.ts';
import type { components, paths } from './generated/openapiTypescript.ts';

function openapiTypescript({ baseUrl, token }: Facts): GeneratedClient {
  const client = createClient<paths>({
    baseUrl,
    headers: { Authorization: `Bearer ${token}` },
    querySerializer: { array: { style: 'form', explode: false } },
  });
  const OPERATION = '/v1.0/playPromptOperation/{id}';
  return {
    update: async (id, body) => dataOf(await client.PATCH(OPERATION, { params: { path: { id } }, body })),
    readStatus: async (id) =>
      dataOf(await client.GET(OPERATION, { params: { path: { id }, query: { $select: ['id', 'status'] } } })),
    async page(clientContext, $skiptoken) {
      const query = { $filter: `clientContext eq '${clientContext}'`, $top: 2, ...($skiptoken && { $skiptoken }) };
      const page = dataOf(await client.GET('/v1.0/playPromptOperation', { params: { query } }));
      return { operations: page.value, next: optionOf(page['@odata.nextLink'], '$skiptoken') };
    },
    async delete(id) {
      check(await client.DELETE(OPERATION, { params: { path: { id } } }));
    },
    subscribe: async (body) => dataOf(await client.POST('/v1.0/subscriptions', { body })),
    async unsubscribe(id) {
      check(await client.DELETE('/v1.0/subscriptions/{id}', { params: { path: { id } } }));
    },
  };
}

type GraphError = components['schemas']['graphError'];
interface Answer<Data> {
  readonly data?: Data;
  readonly error?: GraphError;
  readonly response: Response;
}

function check({ error, response }: Answer<unknown>) {
  if (error) throw new Refused(response.status, error.error);
}

function dataOf<Data>(answer: Answer<Data>): NonNullable<Data> {
  check(answer);
  if (!answer.data) throw new Error('There is no body.');
  return answer.data;
}

// A misspelled property, and one that every response has, are found by the compiler.
type Schemas = components['schemas'];
// @ts-expect-error
void ({ stauts: 'Running' } satisfies Schemas['playPromptOperationPatch']);
// @ts-expect-error
void ({ status: 'Running' } satisfies Schemas['playPromptOperation']);

await run(openapiTypescript);
