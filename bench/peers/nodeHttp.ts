// The plainest hand-written server that does the job, with jose, zod and data-tables.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { RestError, TableClient } from '@azure/data-tables';
import { merge, type OperationPatch, operationPatch, type Row, toEntity } from './parts/operation.ts';
import { createTokenCheck, type PeerSettings, servePeer } from './parts/peer.ts';

const MAX_ATTEMPTS = 20;

await servePeer((settings) => {
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

/** Opens the table the plain way: read, merge, write unless it has changed since, otherwise try again. */
function openOperations({ TABLES_CONNECTION, TABLES_NAME }: PeerSettings) {
  const client = TableClient.fromConnectionString(TABLES_CONNECTION, TABLES_NAME, { allowInsecureConnection: true });

  return async (tenant: string, id: string, patch: OperationPatch) => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const current = await client.getEntity<Row>(tenant, id).catch(undefinedIf(404));
      const row = merge(current ?? {}, patch);
      const entity = { partitionKey: tenant, rowKey: id, ...row };
      const written = await (current
        ? client.updateEntity(entity, 'Replace', { etag: current.etag })
        : client.createEntity(entity)
      ).catch(undefinedIf(current ? 412 : 409));
      if (written) return { row, etag: written.etag };
    }
    throw new Error('Others kept changing the operation.');
  };
}

function undefinedIf(statusCode: number) {
  return (error: unknown) => {
    if (error instanceof RestError && error.statusCode === statusCode) return undefined;
    throw error;
  };
}
