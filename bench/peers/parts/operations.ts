import { RestError, TableClient } from '@azure/data-tables';
import { merge, type OperationPatch, type Row } from './operation.ts';
import type { PeerSettings } from './peer.ts';

const MAX_ATTEMPTS = 20;

/** Opens the table the plain way: read, merge, write unless it has changed since, otherwise try again. */
export function openOperations({ connection, table }: PeerSettings) {
  const client = TableClient.fromConnectionString(connection, table, { allowInsecureConnection: true });

  return async (tenant: string, id: string, patch: OperationPatch): Promise<{ row: Row; etag: string | undefined }> => {
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

const undefinedIf = (statusCode: number) => (error: unknown) => {
  if (error instanceof RestError && error.statusCode === statusCode) return undefined;
  throw error;
};
