import type { Server } from 'node:http';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import * as z from 'zod';
import { serveUntilStopped } from '../../../local/childProcess.ts';
import { close, listen } from '../../../local/loopback.ts';

/** The settings of every peer, under the names of the service's own settings. */
const peerSettings = z.object({
  AUTH_AUTHORITY: z.string(),
  AUTH_TENANTS: z.string(),
  AUTH_AUDIENCES: z.string(),
  AUTH_APP_ROLES: z.string(),
  TABLES_CONNECTION: z.string(),
  TABLES_NAME: z.string(),
});
export type PeerSettings = z.infer<typeof peerSettings>;
export const readPeerSettings = (): PeerSettings => peerSettings.parse(process.env);

/**
 * Runs this process as a peer: a server that takes the same token, and the same PATCH with the id in the address and
 * the same body, as the service does, and answers 2xx with the merged entity.
 */
export async function servePeer(start: (settings: PeerSettings) => Promise<Server> | Server): Promise<void> {
  await serveUntilStopped(async () => {
    const server = await start(readPeerSettings());
    if (!server.listening) await listen(server, 0, 'PORT');
    return { ready: server.address(), stop: () => close(server) };
  });
}

/** Checks an access token as jose's documentation shows it, and that it has the app role. */
export function createTokenCheck({ AUTH_AUTHORITY, AUTH_TENANTS, AUTH_AUDIENCES, AUTH_APP_ROLES }: PeerSettings) {
  const issuer = `${AUTH_AUTHORITY}/${AUTH_TENANTS}`;
  const keys = createRemoteJWKSet(new URL(`${issuer}/discovery/v2.0/keys`));
  const options = { issuer: `${issuer}/v2.0`, audience: AUTH_AUDIENCES, algorithms: ['RS256'] };

  return async (authorization: string | undefined): Promise<JWTPayload> => {
    const { payload } = await jwtVerify(authorization?.replace(/^Bearer /i, '') ?? '', keys, options);
    if (!Array.isArray(payload.roles) || !payload.roles.includes(AUTH_APP_ROLES))
      throw new Error('The app role is missing.');
    return payload;
  };
}
