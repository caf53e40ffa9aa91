import { createHash } from 'node:crypto';
import { RestError, TableClient, type TableServiceClientOptions } from '@azure/data-tables';
import * as z from 'zod';
import { GraphError } from './graphError.ts';
import { createMemory } from './memory.ts';
import { type PlayPromptOperation, playPromptOperation } from './playPromptOperation.ts';
import { type PlayPromptOperations, REMEMBERED_WRITES, type StoredOperation } from './playPromptOperations.ts';
import type { TablesSettings } from './settings.ts';

/** How many operations are remembered; the largest takes about 20 KB. */
const REMEMBERED_OPERATIONS = 1000;

/** How long one call of the store may take, its retries included. */
const CALL_DEADLINE_MS = 4000;

/**
 * Keeps the operations in Azure Table Storage, Azurite, or Azure Cosmos DB for Table. The table is created when an
 * operation is to be stored and there is none.
 */
export async function openPlayPromptOperationsTable(settings: TablesSettings): Promise<PlayPromptOperations> {
  const reading = await connect(settings, {
    retryOptions: { maxRetries: 3, retryDelayInMs: 100, maxRetryDelayInMs: 2000 },
  });
  // A write that fails is judged before it is repeated, so the SDK must not repeat it by itself.
  const writing = await connect(settings, { retryOptions: { maxRetries: 0 } });

  const remembered = createMemory<StoredOperation>(REMEMBERED_OPERATIONS);

  return {
    recall: (tenant, id) => remembered.get(`${tenant}/${id}`),

    async get(tenant, id, signal) {
      const row = await call(signal, async (options) => {
        try {
          return await reading.getEntity(partitionKeyOf(tenant, id), id, options);
        } catch (error) {
          if (hasStatus(error, 404)) return undefined;
          throw error;
        }
      });
      const stored = row && fromTableEntity(row);
      remembered.set(`${tenant}/${id}`, stored);
      return stored;
    },

    async put(tenant, operation, current, writeId, signal) {
      // Whatever comes of it, what was remembered is no more.
      remembered.set(`${tenant}/${operation.id}`, undefined);
      const writes = [writeId, ...(current?.writes ?? [])].slice(0, REMEMBERED_WRITES);
      const entity = toTableEntity(tenant, operation, writes);
      const written = await call(signal, async (options) => {
        try {
          if (current) return await writing.updateEntity(entity, 'Replace', { ...options, etag: current.etag });
          return await createEntity(entity, options);
        } catch (error) {
          if (hasStatus(error, 404, 409, 412)) return undefined;
          throw error;
        }
      });
      if (!written) return undefined;
      const stored = { operation, writes, etag: z.string().parse(written.etag) };
      remembered.set(`${tenant}/${operation.id}`, stored);
      return stored;
    },
  };

  async function createEntity(entity: TableRow, options: { abortSignal: AbortSignal }) {
    try {
      return await writing.createEntity(entity, options);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
      await reading.createTable(options);
      return await writing.createEntity(entity, options);
    }
  }
}

async function connect(
  { connection, endpoint, name, managedIdentityClientId }: TablesSettings,
  options: TableServiceClientOptions,
) {
  if (connection !== undefined) {
    return TableClient.fromConnectionString(connection, name, { ...options, allowInsecureConnection: true });
  }
  if (endpoint === undefined) throw new TypeError('A table store needs a connection string or an endpoint.');
  // Loaded here, since most starts of a laptop or a test never need it and it weighs as much as all the rest.
  const { ManagedIdentityCredential } = await import('@azure/identity');
  const credential = new ManagedIdentityCredential(
    managedIdentityClientId === undefined ? {} : { clientId: managedIdentityClientId },
  );
  return new TableClient(endpoint, name, credential, options);
}

/** Runs one call of the store under its deadline, and under the request's. */
async function call<Result>(
  signal: AbortSignal,
  run: (options: { abortSignal: AbortSignal }) => Promise<Result>,
): Promise<Result> {
  try {
    return await run({ abortSignal: AbortSignal.any([signal, AbortSignal.timeout(CALL_DEADLINE_MS)]) });
  } catch (cause) {
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

/**
 * One partition takes about 2,000 entities a second, so a tenant is spread over 256 of them; a range over the prefix
 * still lists a tenant.
 */
function partitionKeyOf(tenant: string, id: string) {
  return `${tenant}_${createHash('sha256').update(id).digest('hex').slice(0, 2)}`;
}

/** An operation as a row: what is null has no property there. */
const tableRow = z.object({
  partitionKey: z.string(),
  rowKey: z.string(),
  clientContext: z.string().optional(),
  resultInfoCode: z.number().optional(),
  resultInfoSubcode: z.number().optional(),
  resultInfoMessage: z.string().optional(),
  status: z.string(),
  completionReason: z.string().optional(),
  writes: z.string(),
});
type TableRow = z.infer<typeof tableRow>;

const storedRow = tableRow.extend({ etag: z.string().min(1) });

/** The row that an operation is kept in. */
export function toTableEntity(tenant: string, operation: PlayPromptOperation, writes: readonly string[]): TableRow {
  const { id, clientContext, resultInfo, status, completionReason } = operation;
  return {
    partitionKey: partitionKeyOf(tenant, id),
    rowKey: id,
    status,
    writes: writes.join(),
    ...(clientContext !== null && { clientContext }),
    ...(resultInfo && { resultInfoCode: resultInfo.code, resultInfoSubcode: resultInfo.subcode }),
    ...(resultInfo && resultInfo.message !== null && { resultInfoMessage: resultInfo.message }),
    ...(completionReason !== null && { completionReason }),
  };
}

/**
 * The operation that is kept in a row.
 *
 * @throws ZodError when the row is damaged
 */
export function fromTableEntity(row: unknown): StoredOperation {
  const { etag, writes, ...columns } = storedRow.parse(row);
  const { resultInfoCode: code, resultInfoSubcode: subcode, resultInfoMessage: message = null } = columns;
  return {
    operation: playPromptOperation.parse({
      id: columns.rowKey,
      clientContext: columns.clientContext ?? null,
      resultInfo: code === undefined && subcode === undefined ? null : { code, subcode, message },
      status: columns.status,
      completionReason: columns.completionReason ?? null,
    }),
    etag,
    writes: writes.split(','),
  };
}
