import type { TokenCredential } from '@azure/identity';

/**
 * The managed identity. The SDK for it is loaded with the first token: it is as large as the rest of the app.
 */
export function managedIdentity(clientId: string | undefined): TokenCredential {
  let loading: Promise<TokenCredential> | undefined;
  return {
    async getToken(...request) {
      loading ??= import('./managedIdentityCredential.ts').then(({ createCredential }) => createCredential(clientId));
      return (await loading).getToken(...request);
    },
  };
}
