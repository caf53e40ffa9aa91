// The plainest function that does the job with one store request: no limits, no OData, and it keeps all that it wrote.

import { TableClient } from '@azure/data-tables';
import { app } from '@azure/functions';
import { merge, operationPatch, type Row, toEntity } from '../../peers/parts/operation.ts';
import { readPeerSettings } from '../../peers/parts/peer.ts';
import { createTokenCheck } from '../../peers/parts/token.ts';

const settings = readPeerSettings(process.env);
const checkToken = createTokenCheck(settings);
const table = TableClient.fromConnectionString(settings.connection, settings.table, { allowInsecureConnection: true });
const written = new Map<string, { readonly row: Row; readonly etag: string }>();

app.http('update', {
  route: 'v1.0/playPromptOperation/{id}',
  methods: ['PATCH'],
  authLevel: 'anonymous',
  handler: async (request) => {
    const { id = '' } = request.params;
    const { tid } = await checkToken(request.headers.get('authorization') ?? undefined);
    const patch = operationPatch.parse(await request.json());
    const current = written.get(id);
    const row = merge(current?.row ?? {}, patch);
    const entity = { partitionKey: String(tid), rowKey: id, ...row };
    const { etag = '' } = current
      ? await table.updateEntity(entity, 'Replace', { etag: current.etag })
      : await table.createEntity(entity);
    written.set(id, { row, etag });
    return { status: 200, jsonBody: toEntity(id, row), headers: { ETag: etag } };
  },
});
