import { KEPT_WRITES, type OperationRepository, type StoredOperation } from '../../shared/operation/repository.ts';

/** What an update needs of a store. */
export type UpdatedOperations = Pick<OperationRepository, 'getCached' | 'get' | 'put'>;

/** Keeps operations in this process in place of the table, so that the rest can be measured. */
export function createMemoryOperations(): UpdatedOperations {
  const rows = new Map<string, StoredOperation>();
  let version = 0;
  return {
    getCached(tenant, id) {
      const stored = rows.get(`${tenant}/${id}`);
      return stored && { ...stored, ageMs: 0 };
    },
    get: async (tenant, id) => rows.get(`${tenant}/${id}`),
    async put(tenant, operation, current, writeId) {
      const key = `${tenant}/${operation.id}`;
      if (rows.get(key)?.etag !== current?.etag) return undefined;
      const writes = [writeId, ...(current?.writes ?? [])].slice(0, KEPT_WRITES);
      const stored = { operation, writes, etag: `W/"${version++}"` };
      rows.set(key, stored);
      return stored;
    },
  };
}
