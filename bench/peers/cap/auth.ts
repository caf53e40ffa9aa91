// CAP's own place for an authentication of one's choice; its built-in ones know SAP's identity services only.
import cds, { type Middleware } from '@sap/cds';
import { createTokenCheck, readPeerSettings } from '../parts/peer.ts';

export default function createAuth(): Middleware {
  const checkToken = createTokenCheck(readPeerSettings());
  return async (request, response, next) => {
    const claims = await checkToken(request.headers.authorization).catch(() => undefined);
    if (!claims) return response.writeHead(401).end();
    cds.context.user = new cds.User({ id: claims.sub, roles: claims.roles });
    return next();
  };
}
