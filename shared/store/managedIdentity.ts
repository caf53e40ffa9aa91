// The managed identity of the app. Azure App Service, "REST endpoint reference":
// https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
// The SDK for it, which knows every other place too, is as large as the rest of the app, and takes 45 ms to load.
import type { AccessToken, TokenCredential } from '@azure/core-auth';
import {
  createDefaultHttpClient,
  createEmptyPipeline,
  createHttpHeaders,
  createPipelineRequest,
  defaultRetryPolicy,
  RestError,
} from '@azure/core-rest-pipeline';
import * as z from 'zod';
import { json } from './columns.ts';

/** How long one request to the endpoint may take: everything that needs the token waits for the same request. */
const REQUEST_DEADLINE_MS = 8000;

const response = json.pipe(z.object({ access_token: z.string(), expires_on: z.coerce.number().positive() }));

/** Where the platform lets the app ask for tokens. */
type Platform = Readonly<Partial<Record<'IDENTITY_ENDPOINT' | 'IDENTITY_HEADER', string>>>;

/** The tokens of the process, by endpoint, client id and resource: each table has a client of its own. */
const tokens = new Map<string, { readonly token: Promise<AccessToken>; renewAt: number }>();

const client = createDefaultHttpClient();
const pipeline = createEmptyPipeline();
pipeline.addPolicy(defaultRetryPolicy());

/**
 * The managed identity: the user-assigned one with a client id, or else the system-assigned one. A token is kept for half of
 * its life, and the next one requested once, however many ask for it. It fails with RestError.
 */
export function managedIdentity(
  clientId: string | undefined,
  platform: Platform = process.env,
  now = Date.now,
): TokenCredential {
  return {
    async getToken(scopes, { claims } = {}) {
      const resource = [scopes]
        .flat()
        .join(' ')
        .replace(/\/\.default$/, '');
      const key = [platform.IDENTITY_ENDPOINT, clientId, resource].join(' ');
      const known = tokens.get(key);
      if (known && now() < known.renewAt && claims === undefined) return known.token;
      const next = { token: request(resource), renewAt: Number.POSITIVE_INFINITY };
      tokens.set(key, next);
      try {
        const token = await next.token;
        next.renewAt = token.refreshAfterTimestamp ?? 0;
        return token;
      } catch (error) {
        next.renewAt = 0;
        throw error;
      }
    },
  };

  async function request(resource: string): Promise<AccessToken> {
    const { IDENTITY_ENDPOINT = '', IDENTITY_HEADER = '' } = platform;
    const url = URL.parse(IDENTITY_ENDPOINT);
    if (!url) throw new RestError('There is no managed identity here.', { code: 'IDENTITY_ENDPOINT' });
    const query = { 'api-version': '2019-08-01', resource, ...(clientId !== undefined && { client_id: clientId }) };
    url.search = new URLSearchParams(query).toString();
    const { status, bodyAsText } = await pipeline.sendRequest(
      client,
      createPipelineRequest({
        url: url.href,
        headers: createHttpHeaders({ 'X-IDENTITY-HEADER': IDENTITY_HEADER }),
        timeout: REQUEST_DEADLINE_MS,
        allowInsecureConnection: true,
      }),
    );
    const { data } = response.safeParse(bodyAsText);
    if (status !== 200 || !data)
      throw new RestError('The managed identity gave no token.', { code: `STATUS_${status}` });
    const expiresOnTimestamp = data.expires_on * 1000;
    return {
      token: data.access_token,
      expiresOnTimestamp,
      refreshAfterTimestamp: now() + (expiresOnTimestamp - now()) / 2,
    };
  }
}
