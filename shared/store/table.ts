import { RestError, TableClient, type TableServiceClientOptions, type TransactionAction } from '@azure/data-tables';
import * as z from 'zod';
import { untilAborted, withDeadline } from '../bounds.ts';
import { ServiceError } from '../serviceError.ts';
import type { TablesSettings } from '../settings.ts';
import { isTraced } from '../tracing.ts';
import { managedIdentity } from './managedIdentity.ts';

/** How long one call of the store may take, including retries. */
const CALL_DEADLINE_MS = 4000;

/** How long a query may take: Table Storage scans for up to 5 seconds before it returns what it found so far. */
const QUERY_DEADLINE_MS = 7000;

/** The largest page of Table Storage, in rows. */
export const LARGEST_PAGE = 1000;

export type Keys = { readonly partitionKey: string; readonly rowKey: string };

/** A page of rows, and the continuation token of the next one, if there may be one. */
export interface Page {
  readonly rows: readonly unknown[];
  readonly next: string | undefined;
}

/** A query for a page; `top` is its size in rows, and `from` the continuation token of the page before. */
export interface Query {
  readonly filter: string;
  readonly select?: string[];
  readonly from?: string | undefined;
  readonly top?: number;
}

/**
 * A table. Every method throws ServiceError `unavailable` when the store cannot serve before `signal` is aborted. A write
 * makes one attempt: after `unavailable` it may have taken effect.
 */
export interface Table {
  /** Reads a row, or the selected columns of it; undefined when there is none. */
  get(keys: Keys, signal: AbortSignal, select?: string[]): Promise<unknown>;

  /** Creates a row, and the table if there is none; its ETag, or undefined when the row exists already. */
  create(row: Keys, signal: AbortSignal): Promise<string | undefined>;

  /** Replaces a row; its new ETag, or undefined when it has another ETag than `etag` or does not exist. */
  replace(row: Keys, etag: string, signal: AbortSignal): Promise<string | undefined>;

  /** Sets some columns of a row; its new ETag, or undefined when it has another than `etag` (`*`: any) or does not exist. */
  merge(columns: Keys, etag: string, signal: AbortSignal): Promise<string | undefined>;

  /** Removes a row; false when it has another ETag than `etag` (`*`: any) or does not exist. */
  remove(keys: Keys, etag: string, signal: AbortSignal): Promise<boolean>;

  /**
   * Changes rows of one partition, at most 100: all of them, whatever the ETags of those that exist, or none.
   *
   * @returns the ETags of those that were not removed; undefined when the store refuses one of the changes
   */
  transact(changes: readonly RowChange[], signal: AbortSignal): Promise<readonly (string | undefined)[] | undefined>;

  /** Reads a page of rows; an empty one when there is no table. */
  query(query: Query, signal: AbortSignal): Promise<Page>;

  /** Reads the rows of all pages: one may hold few rows, or none, although more follow. */
  queryAll(filter: string, signal: AbortSignal): Promise<readonly unknown[]>;
}

export interface RowChange {
  /** `put` creates a row, or replaces the one that exists. */
  readonly change: 'create' | 'put' | 'delete';
  readonly row: Keys;
}

/** Connects to a table of Azure Table Storage, Azurite, or Azure Cosmos DB for Table. */
export function connectTable(settings: TablesSettings): Table {
  const retryOptions = { maxRetries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 2000 };
  const reading = connect(settings, { retryOptions }, UNUSED);
  // Before a failed write is attempted again, what is stored has to be read: so the SDK must not retry it. What it returns
  // is short, and need not be compressed.
  const writing = connect(settings, {}, [...UNUSED, 'defaultRetryPolicy', 'decompressResponsePolicy']);

  const update = async (row: Keys, mode: 'Replace' | 'Merge', etag: string, signal: AbortSignal) => {
    const updated = await callStore(signal, [404, 412], (options) =>
      writing.updateEntity(row, mode, { ...options, etag }),
    );
    return updated && etagOf(updated);
  };

  return {
    get: ({ partitionKey, rowKey }, signal, select) =>
      callStore(signal, [404], (options) =>
        reading.getEntity(partitionKey, rowKey, { ...options, ...(select && { queryOptions: { select } }) }),
      ),

    async create(row, signal) {
      const created = await callStore(signal, [409], async (options) => {
        try {
          return await writing.createEntity(row, options);
        } catch (error) {
          if (!hasStatus(error, 404)) throw error;
          await reading.createTable(options);
          return await writing.createEntity(row, options);
        }
      });
      return created && etagOf(created);
    },

    replace: (row, etag, signal) => update(row, 'Replace', etag, signal),

    merge: (columns, etag, signal) => update(columns, 'Merge', etag, signal),

    async remove({ partitionKey, rowKey }, etag, signal) {
      const removed = await callStore(signal, [404, 412], (options) =>
        writing.deleteEntity(partitionKey, rowKey, { ...options, etag }),
      );
      return removed !== undefined;
    },

    async transact(changes, signal) {
      const actions = changes.map(
        ({ change, row }): TransactionAction => (change === 'put' ? ['upsert', row, 'Replace'] : [change, row]),
      );
      const done = await callStore(signal, [400, 404, 409, 412, 413], (options) =>
        writing.submitTransaction(actions, options),
      );
      return done?.subResponses.map(({ etag }) => etag);
    },

    query,

    async queryAll(filter, signal) {
      const all: unknown[] = [];
      let from: string | undefined;
      do {
        const { rows, next } = await query({ filter, from }, signal);
        all.push(...rows);
        from = next;
      } while (from !== undefined);
      return all;
    },
  };

  async function query({ filter, select, from, top = LARGEST_PAGE }: Query, signal: AbortSignal): Promise<Page> {
    const read = async (options: { abortSignal: AbortSignal }) => {
      const queryOptions = { filter, ...(select && { select }) };
      const pages = reading
        .listEntities({ ...options, queryOptions })
        .byPage({ maxPageSize: top, ...(from !== undefined && { continuationToken: from }) });
      return (await pages.next()).value;
    };
    const page = await callStore(signal, [404], read, QUERY_DEADLINE_MS);
    return { rows: page ?? [], next: page?.continuationToken };
  }
}

const etagHeader = z.string();
const etagOf = (response: { readonly etag?: string | undefined }) => etagHeader.parse(response.etag);

/**
 * The SDK's steps of a request that find nothing to do, and the one that would log ids: bodies are text, signals are Node's
 * own, and no store redirects.
 */
const UNUSED = ['formDataPolicy', 'multipartPolicy', 'redirectPolicy', 'wrapAbortSignalLikePolicy', 'logPolicy'];

function connect(settings: TablesSettings, options: TableServiceClientOptions, unused: readonly string[]) {
  const client = createClient(settings, {
    ...options,
    additionalPolicies: [{ policy: asciiBodies, position: 'perCall' }],
  });
  for (const name of unused) client.pipeline.removePolicy({ name });
  // It would describe each request, for nobody.
  if (!isTraced()) client.pipeline.removePolicy({ name: 'tracingPolicy' });
  return client;
}

function createClient(
  { connection, endpoint, name, managedIdentityClientId }: TablesSettings,
  options: TableServiceClientOptions,
) {
  if (connection !== undefined) {
    return TableClient.fromConnectionString(connection, name, { ...options, allowInsecureConnection: true });
  }
  if (endpoint === undefined) throw new TypeError('A table store needs a connection string or an endpoint.');
  return new TableClient(endpoint, name, managedIdentity(managedIdentityClientId), options);
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
export async function callStore<Result>(
  signal: AbortSignal,
  statuses: readonly number[],
  run: (options: { abortSignal: AbortSignal }) => Promise<Result>,
  deadlineMs = CALL_DEADLINE_MS,
): Promise<Result | undefined> {
  try {
    // The SDK does not look at the signal while it waits for a token of the managed identity.
    return await withDeadline(deadlineMs, (abortSignal) => untilAborted(abortSignal, run({ abortSignal })), signal);
  } catch (cause) {
    if (hasStatus(cause, ...statuses) && !isBeingDeleted(cause)) return undefined;
    if (!signal.aborted && !isTransient(cause)) throw cause;
    throw new ServiceError('unavailable', 'The store of operations is not available. Try again.', { cause });
  }
}

const hasStatus = (error: unknown, ...statuses: number[]) =>
  error instanceof RestError && error.statusCode !== undefined && statuses.includes(error.statusCode);

/** The names of errors that mean a deadline that has passed. */
const TRANSIENT = ['AbortError', 'TimeoutError'];

/** Whether a failure of the store, of the network or of the managed identity may be over at the next attempt. */
function isTransient(error: unknown) {
  if (!(error instanceof RestError)) return error instanceof Error && TRANSIENT.includes(error.name);
  // Without a status, there was no response.
  const { statusCode = 0 } = error;
  return statusCode < 400 || [408, 429].includes(statusCode) || statusCode >= 500 || isBeingDeleted(error);
}

const beingDeleted = z.object({
  response: z.object({ parsedBody: z.object({ odataError: z.object({ code: z.literal('TableBeingDeleted') }) }) }),
});

/**
 * Whether the table was deleted less than about a minute ago: until Table Storage has done that, it answers 409, as for a row
 * that exists. Table service REST API, "Delete Table".
 */
const isBeingDeleted = (error: unknown) => beingDeleted.safeParse(error).success;
