import { createMemory } from '../../shared/memory.ts';
import {
  type PlayPromptOperations,
  REMEMBERED_WRITES,
  type StoredOperation,
} from '../../shared/playPromptOperations.ts';

/** As many as the table's own memory holds. */
const REMEMBERED_OPERATIONS = 1000;

/** What an update needs of a store. */
export type UpdatedOperations = Pick<PlayPromptOperations, 'recall' | 'get' | 'put'>;

/** Keeps operations in this process: what stands in for the table, so that the rest can be measured. */
export function createMemoryOperations(): UpdatedOperations {
  const rows = new Map<string, StoredOperation>();
  const remembered = createMemory<StoredOperation>(REMEMBERED_OPERATIONS);
  let version = 0;

  return {
    recall: (tenant, id) => remembered.get(`${tenant}/${id}`),

    async get(tenant, id) {
      const key = `${tenant}/${id}`;
      const stored = rows.get(key);
      remembered.set(key, stored);
      return stored;
    },

    async put(tenant, operation, current, writeId) {
      const key = `${tenant}/${operation.id}`;
      if (rows.get(key)?.etag !== current?.etag) return undefined;
      const writes = [writeId, ...(current?.writes ?? [])].slice(0, REMEMBERED_WRITES);
      const stored = { operation, writes, etag: `W/"${version++}"` };
      rows.set(key, stored);
      remembered.set(key, stored);
      return stored;
    },
  };
}
