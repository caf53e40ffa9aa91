import QuickLRU from 'quick-lru';
import { KEPT_WRITES, type OperationRepository, type StoredOperation } from '../../shared/operation/repository.ts';

/** As many as the cache of the table repository. */
const CACHED_OPERATIONS = 500;

/** What an update needs of a store. */
export type UpdatedOperations = Pick<OperationRepository, 'getCached' | 'get' | 'put'>;

/** Keeps operations in this process in place of the table, so that the rest can be measured. */
export function createMemoryOperations(): UpdatedOperations {
  const rows = new Map<string, StoredOperation>();
  const cache = new QuickLRU<string, StoredOperation>({ maxSize: CACHED_OPERATIONS });
  let version = 0;

  return {
    getCached(tenant, id) {
      const cached = cache.get(`${tenant}/${id}`);
      return cached && { ...cached, ageMs: 0 };
    },

    async get(tenant, id) {
      const key = `${tenant}/${id}`;
      const stored = rows.get(key);
      if (stored) cache.set(key, stored);
      return stored;
    },

    async put(tenant, operation, current, writeId) {
      const key = `${tenant}/${operation.id}`;
      if (rows.get(key)?.etag !== current?.etag) return undefined;
      const writes = [writeId, ...(current?.writes ?? [])].slice(0, KEPT_WRITES);
      const stored = { operation, writes, etag: `W/"${version++}"` };
      rows.set(key, stored);
      cache.set(key, stored);
      return stored;
    },
  };
}
