import * as z from 'zod';
import { askLoopback } from './askLoopback.ts';
import { LOOPBACK } from './loopback.ts';
import type { RunningService } from './running.ts';

const DEADLINE_MS = 5000;

const tokenResponse = z.object({ access_token: z.string() });

/** What a token has that is not as usual. */
interface TokenOptions {
  readonly tenant?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly expiresInSeconds?: string | undefined;
}

/**
 * Requests an access token for a service from its local issuer.
 *
 * @throws Error with the reason when there is none, or it refuses
 */
export async function requestToken(
  { tokenEndpoint, tenant, audience }: RunningService,
  { tenant: wanted = tenant, roles = [], expiresInSeconds }: TokenOptions = {},
): Promise<string> {
  const { hostname, port, pathname } = new URL(tokenEndpoint);
  if (hostname !== LOOPBACK) throw new Error(`Tokens come from ${tokenEndpoint}, which is not the local issuer.`);
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'local',
    client_secret: 'local',
    scope: `${audience}/.default`,
    ...(expiresInSeconds !== undefined && { expires_in: expiresInSeconds }),
  });
  for (const role of roles) form.append('role', role);

  const path = pathname.replace(tenant, wanted);
  const response = await askLoopback(Number(port), path, { form, deadlineMs: DEADLINE_MS });
  if (!response) throw new Error(`No issuer answers on port ${port}.`);
  if (response.status !== 200) throw new Error(`The issuer refused: ${response.body}`);
  return tokenResponse.parse(JSON.parse(response.body)).access_token;
}
