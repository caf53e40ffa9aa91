// Loaded into Azurite's process: multiplies a stored row within its database. Over HTTP, a million inserts take it longer
// than all else of the bench, since each moves half of its indexes.
import { createRequire } from 'node:module';
import * as z from 'zod';
import { keysOf } from '../../shared/store/tableEntity.ts';
import { TENANT } from '../environment.ts';

/** The part of LokiJS, Azurite's database, that is used here. */
interface Collection {
  adaptiveBinaryIndices: boolean;
  findOne(query: object): { readonly $loki: number; readonly meta: object; readonly properties: object } | null;
  insert(rows: object[]): void;
  ensureAllIndexes(force: boolean): void;
}
interface MetadataStore {
  readonly db: { getCollection(name: string): Collection | null };
  init(): Promise<void>;
}

const STORE = 'azurite/dist/src/table/persistence/LokiTableMetadataStore.js';
const { prototype }: { prototype: MetadataStore } = createRequire(import.meta.url)(STORE).default;
let store: MetadataStore | undefined;
const { init } = prototype;
prototype.init = function (this: MetadataStore) {
  store = this;
  return init.call(this);
};

const order = z.object({ table: z.string(), template: z.string(), from: z.number(), to: z.number() });
/** To copy the row of an operation, as operations of other numbers. */
export type Fill = z.infer<typeof order>;

/** The id of the operation of a number. */
export const storedId = (index: number) => `stored-${index}`;

process.on('message', (message) => {
  const given = order.safeParse(message).data;
  if (!given) return;
  const rows = store?.db.getCollection(`devstoreaccount1$${given.table.toLowerCase()}`);
  const template = rows?.findOne({ RowKey: given.template });
  if (!rows || !template) throw new Error('There is nothing to copy.');
  const { $loki: _id, meta: _meta, ...copied } = template;
  rows.adaptiveBinaryIndices = false;
  rows.insert(
    Array.from({ length: given.to - given.from }, (_, index) => {
      const { partitionKey: PartitionKey, rowKey: RowKey } = keysOf(TENANT, storedId(given.from + index));
      return { ...copied, PartitionKey, RowKey, properties: { ...copied.properties, PartitionKey, RowKey } };
    }),
  );
  rows.ensureAllIndexes(true);
  rows.adaptiveBinaryIndices = true;
  process.send?.({ filled: given.to });
});
