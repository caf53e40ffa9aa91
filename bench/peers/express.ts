// Express with the middleware that such a service usually has, zod and data-tables.
import { createServer } from 'node:http';
import express, { type ErrorRequestHandler } from 'express';
import { auth, claimIncludes } from 'express-oauth2-jwt-bearer';
import helmet from 'helmet';
import { operationPatch, toEntity } from './parts/operation.ts';
import { openOperations } from './parts/operations.ts';
import { servePeer } from './parts/peer.ts';

await servePeer('Express', 'table', (settings) => {
  const { authority, tenant, audience, role } = settings;
  const update = openOperations(settings);
  const app = express();

  app.use(helmet());
  app.use(
    auth({
      issuer: `${authority}/${tenant}/v2.0`,
      jwksUri: `${authority}/${tenant}/discovery/v2.0/keys`,
      audience,
      tokenSigningAlg: 'RS256',
    }),
    claimIncludes('roles', role),
  );
  app.use(express.json({ limit: '64kb' }));
  app.patch('/v1.0/playPromptOperation/:id', async (request, response) => {
    const patch = operationPatch.safeParse(request.body);
    if (!patch.success) return response.status(400).json({ error: patch.error.issues });
    const { id } = request.params;
    const { row, etag } = await update(String(request.auth?.payload.tid), id, patch.data);
    if (etag !== undefined) response.set('ETag', etag);
    return response.json(toEntity(id, row));
  });
  const onError: ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(error.status ?? 500).json({ error: error.message });
  };
  app.use(onError);
  return createServer(app);
});
