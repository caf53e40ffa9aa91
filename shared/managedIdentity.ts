import type { TokenCredential } from '@azure/identity';

/** The managed identity. `@azure/identity` is loaded with the first token: it is as large as the rest of the app. */
export function managedIdentity(clientId: string | undefined): TokenCredential {
  let loading: Promise<TokenCredential> | undefined;
  return {
    async getToken(...request) {
      loading ??= import('@azure/identity').then(
        ({ ManagedIdentityCredential }) => new ManagedIdentityCredential(clientId === undefined ? {} : { clientId }),
      );
      return (await loading).getToken(...request);
    },
  };
}
