import { ManagedIdentityCredential, type TokenCredential } from '@azure/identity';

/** By name, so that the package leaves out the other credentials of `@azure/identity`. */
export const createCredential = (clientId: string | undefined): TokenCredential =>
  new ManagedIdentityCredential(clientId === undefined ? {} : { clientId });
