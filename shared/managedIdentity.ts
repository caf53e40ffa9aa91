import type { TokenCredential } from '@azure/identity';

/** The managed identity, loaded when it is first asked for a token: it weighs as much as all the rest. */
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
