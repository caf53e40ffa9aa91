// The client that Kiota generates in TypeScript.
import { AllowedHostsValidator, BaseBearerTokenAuthenticationProvider } from '@microsoft/kiota-abstractions';
import { DefaultRequestAdapter } from '@microsoft/kiota-bundle';
import { type Facts, type GeneratedClient, run } from './client.ts';
import type { GraphError } from './generated/kiota/models/index.ts';
import { createServiceClient } from './generated/kiota/serviceClient.ts';

function kiota({ baseUrl, token }: Facts): GeneratedClient {
  const adapter = new DefaultRequestAdapter(
    new BaseBearerTokenAuthenticationProvider({
      getAuthorizationToken: async () => token,
      getAllowedHostsValidator: () => new AllowedHostsValidator(new Set(['127.0.0.1'])),
    }),
  );
  adapter.baseUrl = baseUrl;
  const { playPromptOperation, subscriptions } = createServiceClient(adapter).v10;

  return {
    update: async (id, patch) => wanted(await playPromptOperation.byId(id).patch(patch)),
    readStatus: async (id) =>
      wanted(await playPromptOperation.byId(id).get({ queryParameters: { select: ['id', 'status'] } })),
    async page(clientContext, next) {
      const queryParameters = { filter: `clientContext eq '${clientContext}'`, top: 2 };
      const page =
        next === undefined
          ? await playPromptOperation.get({ queryParameters })
          : await playPromptOperation.withUrl(next).get();
      return { operations: wanted(page?.value), next: page?.odataNextLink ?? undefined };
    },
    delete: (id) => playPromptOperation.byId(id).delete(),
    async subscribe({ expirationDateTime, ...subscription }) {
      const created = await subscriptions.post({ ...subscription, expirationDateTime: new Date(expirationDateTime) });
      return { id: wanted(created?.id), resource: wanted(created?.resource) };
    },
    unsubscribe: (id) => subscriptions.byId(id).delete(),
    refusal(thrown) {
      const { responseStatusCode, errorEscaped } = thrown as GraphError;
      return {
        status: wanted(responseStatusCode),
        code: errorEscaped?.code ?? undefined,
        targets: errorEscaped?.details?.map(({ target }) => wanted(target)) ?? [],
      };
    },
  };
}

/** Everything of a model is optional for Kiota. */
function wanted<Value>(value: Value | null | undefined): Value {
  if (value === undefined || value === null) throw new Error('It is missing.');
  return value;
}

await run(kiota);
