// The plainest function that does the job with one store request: no limits, no OData, and it keeps
// all that it wrote, and every token.
import { TableClient } from '@azure/data-tables';
import { app, type HttpHandler } from '@azure/functions';
import { merge, operationPatch, type Row, toEntity } from '../../peers/parts/operation.ts';
import { createTokenCheck, type PeerSettings, readPeerSettings } from '../../peers/parts/peer.ts';

app.http('update', {
  route: 'v1.0/playPromptOperation/{id}',
  methods: ['PATCH'],
  authLevel: 'anonymous',
  handler: createUpdate(readPeerSettings()),
});

function createUpdate(settings: PeerSettings): HttpHandler {
  const checkToken = createTokenCheck(settings);
  const table = TableClient.fromConnectionString(settings.TABLES_CONNECTION, settings.TABLES_NAME, {
    allowInsecureConnection: true,
  });
  /** The tenants of tokens that were verified. */
  const tenants = new Map<string, string>();
  const written = new Map<string, { readonly row: Row; readonly etag: string }>();

  return async (request) => {
    const { id = '' } = request.params;
    const authorization = request.headers.get('authorization') ?? '';
    const tenant = tenants.get(authorization) ?? String((await checkToken(authorization)).tid);
    tenants.set(authorization, tenant);
    const patch = operationPatch.parse(await request.json());
    const current = written.get(id);
    const row = merge(current?.row ?? {}, patch);
    const entity = { partitionKey: tenant, rowKey: id, ...row };
    const { etag = '' } = current
      ? await table.updateEntity(entity, 'Replace', { etag: current.etag })
      : await table.createEntity(entity);
    written.set(id, { row, etag });
    return { status: 200, jsonBody: toEntity(id, row), headers: { ETag: etag } };
  };
}
