import { randomBytes } from 'node:crypto';
import { RestError, TableClient, type TableServiceClientOptions } from '@azure/data-tables';
import { metrics } from '@opentelemetry/api';
import QuickLRU from 'quick-lru';
import * as z from 'zod';
import { withDeadline } from '../deadline.ts';
import { managedIdentity } from '../managedIdentity.ts';
import type { OperationVersion } from '../operation/playPromptOperation.ts';
import { KEPT_WRITES, type OperationRepository, type StoredOperation } from '../operation/repository.ts';
import { ServiceError } from '../serviceError.ts';
import type { TablesSettings } from '../settings.ts';
import { CACHE_LOOKUPS, SCOPE } from '../tracing.ts';
import {
  fromEndedEntity,
  fromListedEntity,
  fromTableEntity,
  fromVersionEntity,
  KEY_COLUMNS,
  keysOf,
  OPERATION_COLUMNS,
  toTableEntity,
  VERSION_COLUMNS,
} from './tableEntity.ts';
import { toEndedFilter, toTableFilter } from './tableFilter.ts';

/** The cache of operations holds up to twice as many; most take about 2 KB, the largest about 100 KB. */
const CACHED_OPERATIONS = 500;

/** How long one call of the store may take, including retries. */
const CALL_DEADLINE_MS = 4000;

/** The largest page of Table Storage, in rows. */
const LARGEST_PAGE = 1000;

/** The size of a page of operations that have ended. */
const ENDED_PAGE = 100;

type Keys = { readonly partitionKey: string; readonly rowKey: string };

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
  const reading = connect(settings, {
    retryOptions: { maxRetries: 3, retryDelayInMs: 100, maxRetryDelayInMs: 2000 },
  });
  // Before a failed write is attempted again, what is stored has to be read: so the SDK must not retry it.
  const writing = connect(settings, { retryOptions: { maxRetries: 0 } });

  const cache = new QuickLRU<string, StoredOperation>({ maxSize: CACHED_OPERATIONS });
  const meter = metrics.getMeter(SCOPE);
  const lookups = meter.createCounter(CACHE_LOOKUPS.name, CACHE_LOOKUPS);
  const damagedRows = meter.createCounter('playpromptoperation.damaged.rows', {
    description: 'Rows that a list left out because they are damaged.',
  });

  return {
    getCached(tenant, id) {
      const stored = cache.get(`${tenant}/${id}`);
      lookups.add(1, { cache: 'operations', hit: stored !== undefined });
      return stored;
    },

    async get(tenant, id, signal) {
      const row = await getEntity(keysOf(tenant, id), signal);
      if (row === undefined) {
        cache.delete(`${tenant}/${id}`);
        return undefined;
      }
      const stored = fromTableEntity(row);
      cache.set(`${tenant}/${id}`, stored);
      return stored;
    },

    async getVersion(tenant, id, signal) {
      const row = await getEntity(keysOf(tenant, id), signal, VERSION_COLUMNS);
      return row === undefined ? undefined : fromVersionEntity(row);
    },

    async put(tenant, operation, current, writeId, signal, history) {
      // Until the outcome is known, nothing is.
      cache.delete(`${tenant}/${operation.id}`);
      const writes = [writeId, ...(current?.writes ?? [])].slice(0, KEPT_WRITES);
      const entity = toTableEntity(tenant, operation, writes, history);
      const written = current
        ? await call(signal, [404, 412], (options) =>
            writing.updateEntity(entity, 'Replace', { ...options, etag: current.etag }),
          )
        : await createEntity(entity, signal);
      if (!written) return undefined;
      const stored = { operation, writes, history, etag: z.string().parse(written.etag) };
      cache.set(`${tenant}/${operation.id}`, stored);
      return stored;
    },

    async remove(tenant, id, etag, signal) {
      cache.delete(`${tenant}/${id}`);
      const { partitionKey, rowKey } = keysOf(tenant, id);
      const removed = await call(signal, [404, 412], (options) =>
        writing.deleteEntity(partitionKey, rowKey, { ...options, etag }),
      );
      return removed !== undefined;
    },

    async list(tenant, { filter, from, top }, signal) {
      const page = await query(toTableFilter(tenant, filter), OPERATION_COLUMNS, from, top, signal);
      const operations = page.rows.flatMap(readableOperation);
      const damaged = page.rows.length - operations.length;
      if (damaged > 0) damagedRows.add(damaged);
      return { operations, next: page.next, damaged };
    },

    async count(tenant, { filter, from }, signal) {
      const page = await query(toTableFilter(tenant, filter), KEY_COLUMNS, from, LARGEST_PAGE, signal);
      return { count: page.rows.length, next: page.next };
    },

    async listEnded(before, from, signal) {
      const page = await query(toEndedFilter(before), KEY_COLUMNS, from, ENDED_PAGE, signal);
      return { ended: page.rows.map(fromEndedEntity), next: page.next };
    },

    async sharedKey(signal) {
      const row = await getEntity(SHARED_KEY, signal);
      if (row !== undefined) return sharedKeyOf(row);
      const made = { ...SHARED_KEY, value: randomBytes(SHARED_KEY_BYTES).toString('base64') };
      // The instance that comes second takes the key of the first.
      return sharedKeyOf((await createEntity(made, signal)) ? made : await getEntity(SHARED_KEY, signal));
    },
  };

  function getEntity({ partitionKey, rowKey }: Keys, signal: AbortSignal, select?: string[]): Promise<unknown> {
    return call(signal, [404], (options) =>
      reading.getEntity(partitionKey, rowKey, { ...options, ...(select && { queryOptions: { select } }) }),
    );
  }

  /** Creates a row, and the table if there is none; undefined when the row exists already. */
  function createEntity(entity: Keys, signal: AbortSignal) {
    return call(signal, [409], async (options) => {
      try {
        return await writing.createEntity(entity, options);
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
        await reading.createTable(options);
        return await writing.createEntity(entity, options);
      }
    });
  }

  async function query(
    filter: string | undefined,
    select: string[],
    from: string | undefined,
    top: number,
    signal: AbortSignal,
  ) {
    if (filter === undefined) return { rows: [], next: undefined };
    const page = await call(signal, [404], async (abort) => {
      const rows = reading.listEntities({ ...abort, queryOptions: { filter, select } });
      const { value } = await rows
        .byPage({ maxPageSize: top, ...(from !== undefined && { continuationToken: from }) })
        .next();
      return value;
    });
    return { rows: page ?? [], next: page?.continuationToken };
  }
}

/** The operation in a row of a list; none when the row is damaged. */
function readableOperation(row: unknown): OperationVersion[] {
  try {
    return [fromListedEntity(row)];
  } catch {
    return [];
  }
}

function connect(
  { connection, endpoint, name, managedIdentityClientId }: TablesSettings,
  options: TableServiceClientOptions,
) {
  const all: TableServiceClientOptions = {
    ...options,
    additionalPolicies: [{ policy: asciiBodies, position: 'perCall' }],
  };
  if (connection !== undefined) {
    return TableClient.fromConnectionString(connection, name, { ...all, allowInsecureConnection: true });
  }
  if (endpoint === undefined) throw new TypeError('A table store needs a connection string or an endpoint.');
  return new TableClient(endpoint, name, managedIdentity(managedIdentityClientId), all);
}

/**
 * Escapes everything beyond ASCII in JSON bodies. Azurite decodes a request piece by piece, which damages a character that
 * is split between two (Azure/Azurite issue 2670).
 */
const asciiBodies: NonNullable<TableServiceClientOptions['additionalPolicies']>[number]['policy'] = {
  name: 'asciiBodies',
  sendRequest(request, next) {
    if (typeof request.body === 'string') request.body = request.body.replace(/[\u0080-\uffff]/g, toEscape);
    return next(request);
  },
};

const toEscape = (codeUnit: string) => `\\u${codeUnit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Runs one call of the store within its deadline and the request's; undefined when it fails with one of `statuses`. */
async function call<Result>(
  signal: AbortSignal,
  statuses: readonly number[],
  run: (options: { abortSignal: AbortSignal }) => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await withDeadline(CALL_DEADLINE_MS, (abortSignal) => run({ abortSignal }), signal);
  } catch (cause) {
    if (hasStatus(cause, ...statuses)) return undefined;
    if (!isTransient(cause)) throw cause;
    throw new ServiceError('unavailable', 'The store of operations is not available. Try again.', { cause });
  }
}

const hasStatus = (error: unknown, ...statuses: number[]) =>
  error instanceof RestError && error.statusCode !== undefined && statuses.includes(error.statusCode);

/** Whether a failure of the store, or of the network, may be over at the next attempt. */
function isTransient(error: unknown) {
  if (!(error instanceof RestError)) return error instanceof Error && error.name === 'AbortError';
  const { statusCode } = error;
  return statusCode === undefined || statusCode < 400 || statusCode === 408 || statusCode === 429 || statusCode >= 500;
}
