import { KEPT_WRITES, type OperationRepository, type StoredOperation } from '../../shared/operation/repository.ts';
import { ServiceError } from '../../shared/serviceError.ts';

export type MemoryOperations = Pick<OperationRepository, 'getCached' | 'get' | 'getVersion' | 'put' | 'remove'>;

/** A store of operations in memory, whose instances have a cache each. */
export function memoryOperations(now: () => number = () => 0) {
  const rows = new Map<string, StoredOperation>();
  let version = 0;
  return {
    rows,
    /** `onRequest` is called before each read and write. */
    instance(onRequest = () => {}): MemoryOperations {
      const cache = new Map<string, { readonly stored: StoredOperation; readonly at: number }>();
      return {
        getCached(tenant, id) {
          const cached = cache.get(`${tenant}/${id}`);
          return cached && { ...cached.stored, ageMs: now() - cached.at };
        },
        async get(tenant, id, { aborted }) {
          onRequest();
          if (aborted) throw new ServiceError('unavailable', 'over');
          const stored = rows.get(`${tenant}/${id}`);
          if (stored) cache.set(`${tenant}/${id}`, { stored, at: now() });
          return stored;
        },
        getVersion: async (tenant, id) => rows.get(`${tenant}/${id}`),
        async put(tenant, operation, current, writeId, _signal, history) {
          onRequest();
          const key = `${tenant}/${operation.id}`;
          if (rows.get(key)?.etag !== current?.etag) return undefined;
          const writes = [writeId, ...(current?.writes ?? [])].slice(0, KEPT_WRITES);
          const stored = { operation, writes, history, etag: `W/"${version++}"` };
          rows.set(key, stored);
          cache.set(key, { stored, at: now() });
          return stored;
        },
        async remove(tenant, id, etag) {
          const key = `${tenant}/${id}`;
          return rows.get(key)?.etag === etag && rows.delete(key);
        },
      };
    },
  };
}
