import { randomBytes } from 'node:crypto';
import { metrics } from '@opentelemetry/api';
import QuickLRU from 'quick-lru';
import * as z from 'zod';
import { type Filter, idsOf, matches } from '../operation/filter.ts';
import { isId } from '../operation/playPromptOperation.ts';
import {
  type FoundPage,
  KEPT_WRITES,
  type OperationPage,
  type OperationRepository,
  type Selection,
  type StoredOperation,
} from '../operation/repository.ts';
import type { TablesSettings } from '../settings.ts';
import { CACHE_LOOKUPS, SCOPE } from '../tracing.ts';
import { createRowReader } from './columns.ts';
import { connectTable, type Keys, LARGEST_PAGE, type Query } from './table.ts';
import {
  fromKeyEntity,
  fromTableEntity,
  fromVersionEntity,
  KEY_COLUMNS,
  keysOf,
  OPERATION_COLUMNS,
  toTableEntity,
  tryFromListedEntity,
  VERSION_COLUMNS,
} from './tableEntity.ts';

/** The cache of operations holds up to twice as many; most take about 2 KB, the largest about 100 KB. */
const CACHED_OPERATIONS = 500;

interface CacheEntry {
  /** Kept with the operation, since they contain a hash of its id. */
  readonly keys: Keys;
  /** What was last read or written; undefined while a write is under way, of which the outcome is not known. */
  stored: StoredOperation | undefined;
  /** When it was read or written. */
  at: number;
}

/** The size of a page of operations of all tenants. */
const FOUND_PAGE = 100;

/** Loaded with the first list: an update does not need it. */
const filters = () => import('./tableFilter.ts');

/** The row of the key that all instances share. It is outside of every tenant's key range. */
const SHARED_KEY: Keys = { partitionKey: 'service', rowKey: 'key' };
const SHARED_KEY_BYTES = 32;
const sharedKeyRow = z.object({ value: z.base64() });
const sharedKeyOf = (row: unknown) => Buffer.from(sharedKeyRow.parse(row).value, 'base64');

/**
 * Stores operations in Azure Table Storage, Azurite, or Azure Cosmos DB for Table. The first write creates the table if
 * it does not exist.
 */
export function createTableRepository(settings: TablesSettings): OperationRepository {
  const table = connectTable(settings);
  const cache = new QuickLRU<string, CacheEntry>({ maxSize: CACHED_OPERATIONS });
  const lookups = metrics.getMeter(SCOPE).createCounter(CACHE_LOOKUPS.name, CACHE_LOOKUPS);
  const readRows = createRowReader();

  return {
    getCached(tenant, id) {
      const { stored, at = 0 } = cache.get(`${tenant}/${id}`) ?? {};
      lookups.add(1, { cache: 'operations', hit: stored !== undefined });
      return stored && { ...stored, ageMs: performance.now() - at };
    },

    async get(tenant, id, signal) {
      const keys = keysOf(tenant, id);
      const row = await table.get(keys, signal);
      if (row === undefined) {
        cache.delete(`${tenant}/${id}`);
        return undefined;
      }
      const stored = fromTableEntity(row);
      cache.set(`${tenant}/${id}`, { keys, stored, at: performance.now() });
      return stored;
    },

    async getVersion(tenant, id, signal) {
      const row = await table.get(keysOf(tenant, id), signal, VERSION_COLUMNS);
      return row === undefined ? undefined : fromVersionEntity(row);
    },

    async put(tenant, operation, current, writeId, signal, history) {
      const key = `${tenant}/${operation.id}`;
      const entry = cache.get(key) ?? { keys: keysOf(tenant, operation.id), stored: undefined, at: 0 };
      entry.stored = undefined;
      const writes = [writeId, ...(current?.writes ?? [])].slice(0, KEPT_WRITES);
      const row = toTableEntity(entry.keys, operation, writes, history);
      const etag = await (current ? table.replace(row, current.etag, signal) : table.create(row, signal));
      if (etag === undefined) return undefined;
      entry.stored = { operation, writes, history, etag };
      entry.at = performance.now();
      cache.set(key, entry);
      return entry.stored;
    },

    async remove(tenant, id, etag, signal) {
      cache.delete(`${tenant}/${id}`);
      return table.remove(keysOf(tenant, id), etag, signal);
    },

    async list(tenant, { filter, from, top }, signal) {
      const ids = filter && idsOf(filter);
      if (filter && ids) return listByKey(tenant, ids, { filter, from, top }, signal);
      const page = await query(tenant, filter, { select: OPERATION_COLUMNS, from, top }, signal);
      const operations = readRows(page.rows, tryFromListedEntity);
      return { operations, next: page.next, damaged: page.rows.length - operations.length };
    },

    async count(tenant, { filter, from }, signal) {
      const ids = filter && idsOf(filter);
      if (filter && ids) {
        const { operations, next } = await listByKey(tenant, ids, { filter, from, top: LARGEST_PAGE }, signal);
        return { count: operations.length, next };
      }
      const page = await query(tenant, filter, { select: KEY_COLUMNS, from }, signal);
      return { count: page.rows.length, next: page.next };
    },

    listEnded: (...page) => findAll('toEndedFilter', ...page),

    listOverdue: (...page) => findAll('toOverdueFilter', ...page),

    async sharedKey(signal) {
      const row = await table.get(SHARED_KEY, signal);
      if (row !== undefined) return sharedKeyOf(row);
      const made = { ...SHARED_KEY, value: randomBytes(SHARED_KEY_BYTES).toString('base64') };
      // The instance that comes second takes the key of the first.
      return sharedKeyOf((await table.create(made, signal)) ? made : await table.get(SHARED_KEY, signal));
    },
  };

  /** Lists by point reads, since a query of several keys would read the whole range of the tenant. */
  async function listByKey(
    tenant: string,
    ids: readonly string[],
    { filter, from = '0', top }: Selection & { readonly filter: Filter; readonly top: number },
    signal: AbortSignal,
  ): Promise<OperationPage> {
    const end = Number(from) + top;
    const wanted = [...new Set(ids)].filter(isId).toSorted();
    const rows = await Promise.all(
      wanted.slice(Number(from), end).map((id) => table.get(keysOf(tenant, id), signal, OPERATION_COLUMNS)),
    );
    const found = rows.filter((row) => row !== undefined);
    const readable = readRows(found, tryFromListedEntity);
    const operations = readable.filter(({ operation }) => matches(operation, filter));
    const next = end < wanted.length ? String(end) : undefined;
    return { operations, next, damaged: found.length - readable.length };
  }

  async function findAll(
    toFilter: 'toEndedFilter' | 'toOverdueFilter',
    before: Date,
    from: string | undefined,
    signal: AbortSignal,
  ): Promise<FoundPage> {
    const filter = (await filters())[toFilter](before);
    const { rows, next } = await table.query({ filter, select: KEY_COLUMNS, from, top: FOUND_PAGE }, signal);
    return { found: rows.map(fromKeyEntity), next };
  }

  /** Without a request, where nothing can match. */
  async function query(tenant: string, filter: Filter | undefined, page: Omit<Query, 'filter'>, signal: AbortSignal) {
    const matching = (await filters()).toTableFilter(tenant, filter);
    return matching === undefined ? { rows: [], next: undefined } : table.query({ ...page, filter: matching }, signal);
  }
}
