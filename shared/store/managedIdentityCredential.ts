import { createDefaultHttpClient } from '@azure/core-rest-pipeline';
import { ManagedIdentityCredential, type TokenCredential } from '@azure/identity';

/** How long one request to the endpoint of the managed identity may take. */
const REQUEST_DEADLINE_MS = 8000;

/**
 * The credential, by name, so that the package leaves out the others of `@azure/identity`. A request that has no response
 * in time fails: the SDK waits without end, and everything that needs the token waits for the same request.
 */
export function createCredential(clientId: string | undefined): TokenCredential {
  const client = createDefaultHttpClient();
  return new ManagedIdentityCredential({
    ...(clientId !== undefined && { clientId }),
    httpClient: {
      sendRequest(request) {
        request.timeout = REQUEST_DEADLINE_MS;
        return client.sendRequest(request);
      },
    },
  });
}
