import type { Server } from 'node:http';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { serveUntilStopped } from '../../../local/childProcess.ts';
import { close, listen } from '../../../local/loopback.ts';

/** The settings of every peer, under the names of the service's own settings. */
export function readPeerSettings() {
  const setting = (name: string) => {
    const value = process.env[name];
    if (!value) throw new Error(`${name} is not set.`);
    return value;
  };
  return {
    authority: setting('AUTH_AUTHORITY'),
    tenant: setting('AUTH_TENANTS'),
    audience: setting('AUTH_AUDIENCES'),
    role: setting('AUTH_APP_ROLES'),
    connection: setting('TABLES_CONNECTION'),
    table: setting('TABLES_NAME'),
  };
}
export type PeerSettings = ReturnType<typeof readPeerSettings>;

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
export function createTokenCheck({ authority, tenant, audience, role }: PeerSettings) {
  const keys = createRemoteJWKSet(new URL(`${authority}/${tenant}/discovery/v2.0/keys`));
  const options = { issuer: `${authority}/${tenant}/v2.0`, audience, algorithms: ['RS256'] };

  return async (authorization: string | undefined): Promise<JWTPayload> => {
    const { payload } = await jwtVerify(authorization?.replace(/^Bearer /i, '') ?? '', keys, options);
    if (!Array.isArray(payload.roles) || !payload.roles.includes(role)) throw new Error('The app role is missing.');
    return payload;
  };
}
