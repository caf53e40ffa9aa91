// The client that @hey-api/openapi-ts generates.

import { type Facts, type GeneratedClient, optionOf, Refused, run } from './client.ts';
import { createClient } from './generated/heyApi/client/index.ts';
import * as sdk from './generated/heyApi/sdk.gen.ts';
import type { GraphError } from './generated/heyApi/types.gen.ts';

function heyApi({ baseUrl, token }: Facts): GeneratedClient {
  const options = { client: createClient({ baseUrl, auth: token }), throwOnError: true } as const;
  options.client.interceptors.error.use(
    (body, response) => new Refused(response?.status ?? 0, (body as GraphError).error),
  );
  return {
    update: async (id, body) => data(await sdk.updatePlayPromptOperationById({ ...options, path: { id }, body })),
    readStatus: async (id) =>
      data(await sdk.readPlayPromptOperationById({ ...options, path: { id }, query: { $select: ['id', 'status'] } })),
    async page(clientContext, $skiptoken) {
      const query = { $filter: `clientContext eq '${clientContext}'`, $top: 2, ...($skiptoken && { $skiptoken }) };
      const page = data(await sdk.listPlayPromptOperations({ ...options, query }));
      return { operations: page.value, next: optionOf(page['@odata.nextLink'], '$skiptoken') };
    },
    async delete(id) {
      await sdk.deletePlayPromptOperationById({ ...options, path: { id } });
    },
    subscribe: async (body) => data(await sdk.createSubscription({ ...options, body })),
    async unsubscribe(id) {
      await sdk.deleteSubscription({ ...options, path: { id } });
    },
  };
}

/** A change is answered without a body only if that is asked for. */
function data<Data>({ data }: { data: Data }): Exclude<Data, void> {
  if (!data) throw new Error('There is no body.');
  return data as Exclude<Data, void>;
}

await run(heyApi);
