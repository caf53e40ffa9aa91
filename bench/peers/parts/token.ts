import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import type { PeerSettings } from './peer.ts';

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
