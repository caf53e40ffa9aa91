import { randomBytes } from 'node:crypto';
import { RestError, TableClient, type TableServiceClientOptions } from '@azure/data-tables';
import * as z from 'zod';
import { withDeadline } from './deadline.ts';
import { GraphError } from './graphError.ts';
import { managedIdentity } from './managedIdentity.ts';
import { createMemory } from './memory.ts';
import { type PlayPromptOperations, REMEMBERED_WRITES, type StoredOperation } from './playPromptOperations.ts';
import type { TablesSettings } from './settings.ts';
import {
  fromEndedEntity,
  fromListedEntity,
  fromTableEntity,
  KEY_COLUMNS,
  keysOf,
  OPERATION_COLUMNS,
  toEndedFilter,
  toTableEntity,
  toTableFilter,
} from './tableEntity.ts';

/** How many operations are remembered; most take about 2 KB, the largest about 100 KB. */
const REMEMBERED_OPERATIONS = 1000;

/** How long one call of the store may take, its retries included. */
const CALL_DEADLINE_MS = 4000;

/** The most rows that the store answers at once. */
const LARGEST_PAGE = 1000;

/** How many operations that ended are answered at once. */
const ENDED_AT_ONCE = 100;

type Keys = { readonly partitionKey: string; readonly rowKey: string };

/** The row of the key that all instances share, which is in no tenant's range. */
const SHARED_KEY: Keys = { partitionKey: 'service', rowKey: 'key' };
const SHARED_KEY_BYTES = 32;
const sharedKeyRow = z.object({ value: z.base64() });
const sharedKeyOf = (row: unknown) => Buffer.from(sharedKeyRow.parse(row).value, 'base64');

/**
 * Keeps the operations in Azure Table Storage, Azurite, or Azure Cosmos DB for Table. The table is created when an
 * operation is to be stored and there is none.
 */
export function openPlayPromptOperationsTable(settings: TablesSettings): PlayPromptOperations {
  const reading = connect(settings, {
    retryOptions: { maxRetries: 3, retryDelayInMs: 100, maxRetryDelayInMs: 2000 },
  });
  // A write that fails is judged before it is repeated, so the SDK must not repeat it by itself.
  const writing = connect(settings, { retryOptions: { maxRetries: 0 } });

  const known = createMemory<StoredOperation>(REMEMBERED_OPERATIONS);

  return {
    recall: (tenant, id) => known.get(`${tenant}/${id}`),

    async get(tenant, id, signal) {
      const row = await getEntity(keysOf(tenant, id), signal);
      const stored = row === undefined ? undefined : fromTableEntity(row);
      known.set(`${tenant}/${id}`, stored);
      return stored;
    },

    async put(tenant, operation, current, writeId, signal, remembered) {
      // Whatever comes of it, what was remembered is no more.
      known.set(`${tenant}/${operation.id}`, undefined);
      const writes = [writeId, ...(current?.writes ?? [])].slice(0, REMEMBERED_WRITES);
      const entity = toTableEntity(tenant, operation, writes, remembered);
      const written = current
        ? await call(signal, [404, 412], (options) =>
            writing.updateEntity(entity, 'Replace', { ...options, etag: current.etag }),
          )
        : await createEntity(entity, signal);
      if (!written) return undefined;
      const stored = { operation, writes, remembered, etag: z.string().parse(written.etag) };
      known.set(`${tenant}/${operation.id}`, stored);
      return stored;
    },

    async remove(tenant, id, etag, signal) {
      known.set(`${tenant}/${id}`, undefined);
      const { partitionKey, rowKey } = keysOf(tenant, id);
      const removed = await call(signal, [404, 412], (options) =>
        writing.deleteEntity(partitionKey, rowKey, { ...options, etag }),
      );
      return removed !== undefined;
    },

    async list(tenant, { filter, from, top }, signal) {
      const page = await query(toTableFilter(tenant, filter), OPERATION_COLUMNS, from, top, signal);
      return { operations: page.rows.map(fromListedEntity), next: page.next };
    },

    async count(tenant, { filter, from }, signal) {
      const page = await query(toTableFilter(tenant, filter), KEY_COLUMNS, from, LARGEST_PAGE, signal);
      return { count: page.rows.length, next: page.next };
    },

    async listEnded(before, from, signal) {
      const page = await query(toEndedFilter(before), KEY_COLUMNS, from, ENDED_AT_ONCE, signal);
      return { ended: page.rows.map(fromEndedEntity), next: page.next };
    },

    async sharedKey(signal) {
      const row = await getEntity(SHARED_KEY, signal);
      if (row !== undefined) return sharedKeyOf(row);
      const made = { ...SHARED_KEY, value: randomBytes(SHARED_KEY_BYTES).toString('base64') };
      // Who comes second takes the key of the first.
      return sharedKeyOf((await createEntity(made, signal)) ? made : await getEntity(SHARED_KEY, signal));
    },
  };

  function getEntity({ partitionKey, rowKey }: Keys, signal: AbortSignal): Promise<unknown> {
    return call(signal, [404], (options) => reading.getEntity(partitionKey, rowKey, options));
  }

  /** Creates a row, and the table where there is none; undefined when the row is there already. */
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

  async function query(filter: string, select: string[], from: string | undefined, top: number, signal: AbortSignal) {
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

function connect(
  { connection, endpoint, name, managedIdentityClientId }: TablesSettings,
  options: TableServiceClientOptions,
) {
  if (connection !== undefined) {
    return TableClient.fromConnectionString(connection, name, { ...options, allowInsecureConnection: true });
  }
  if (endpoint === undefined) throw new TypeError('A table store needs a connection string or an endpoint.');
  return new TableClient(endpoint, name, managedIdentity(managedIdentityClientId), options);
}

/** Runs one call of the store under its deadline, and under the request's; what fails with one of `statuses` is undefined. */
async function call<Result>(
  signal: AbortSignal,
  statuses: readonly number[],
  run: (options: { abortSignal: AbortSignal }) => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await withDeadline(CALL_DEADLINE_MS, (abortSignal) => run({ abortSignal }), signal);
  } catch (cause) {
    if (hasStatus(cause, ...statuses)) return undefined;
    if (!isPassing(cause)) throw cause;
    throw new GraphError('unavailable', 'The store of operations cannot serve now. Try again.', { cause });
  }
}

const hasStatus = (error: unknown, ...statuses: number[]) =>
  error instanceof RestError && error.statusCode !== undefined && statuses.includes(error.statusCode);

/** Whether a failure is one of the store or of the way to it, which may be gone at the next try. */
function isPassing(error: unknown) {
  if (!(error instanceof RestError)) return error instanceof Error && error.name === 'AbortError';
  const { statusCode } = error;
  return statusCode === undefined || statusCode < 400 || statusCode === 408 || statusCode === 429 || statusCode >= 500;
}
