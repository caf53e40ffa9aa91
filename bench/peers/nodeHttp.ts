// The plainest hand-written server that does the job, with jose, zod and data-tables.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { operationPatch, toEntity } from './parts/operation.ts';
import { openOperations } from './parts/operations.ts';
import { servePeer } from './parts/peer.ts';
import { createTokenCheck } from './parts/token.ts';

await servePeer('plain node:http', 'table', (settings) => {
  const checkToken = createTokenCheck(settings);
  const update = openOperations(settings);

  return createServer(async (request, response) => {
    const answer = (status: number, body: object, headers = {}) =>
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
    try {
      const [, id] = /^\/v1\.0\/playPromptOperation\/([^/?]+)$/.exec(request.url ?? '') ?? [];
      if (id === undefined || request.method !== 'PATCH') return answer(404, { error: 'not found' });
      const claims = await checkToken(request.headers.authorization).catch(() => undefined);
      if (!claims) return answer(401, { error: 'unauthorized' });
      const patch = operationPatch.safeParse(await json(request));
      if (!patch.success) return answer(400, { error: patch.error.issues });
      const { row, etag } = await update(String(claims.tid), id, patch.data);
      return answer(200, toEntity(id, row), { ETag: etag });
    } catch (error) {
      if (request.destroyed) return;
      console.error(error);
      return answer(500, { error: 'internal' });
    }
  });
});
