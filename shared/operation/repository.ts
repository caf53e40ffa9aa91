import { randomFillSync } from 'node:crypto';
import type { Sleep } from './backoff.ts';
import type { ListenToChange } from './changeListener.ts';
import type { Filter } from './filter.ts';
import type { OperationVersion, PlayPromptOperation } from './playPromptOperation.ts';
import type { RepeatableHistory } from './repeatability.ts';

/** How many of its last write ids an operation keeps. */
export const KEPT_WRITES = 32;

/** Random bytes, of which each write id takes its own: one by one, they cost an update a fiftieth of its time. */
const pool = Buffer.alloc(256 * 9);
let used = pool.length;

/** A new id of a write: 72 random bits in 12 characters, since each row holds KEPT_WRITES ids. */
export function newWriteId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += 9;
  return pool.toString('base64url', used - 9, used);
}

/** What identifies the version of an operation in the store. */
export interface StoredVersion {
  readonly etag: string;
  /** The ids of the last KEPT_WRITES writes, the newest first. */
  readonly writes: readonly string[];
}

/**
 * Whether `current` is `base` or a later version of it; false also when more was written since than an operation keeps.
 * Where there was no operation, it is whether `current` has all of its writes.
 */
export function isSuccessor(current: StoredVersion, base: StoredVersion | undefined): boolean {
  if (!base) return current.writes.length < KEPT_WRITES;
  return current.etag === base.etag || current.writes.includes(base.writes[0] ?? '');
}

/** An operation as the store has it. */
export interface StoredOperation extends OperationVersion, StoredVersion {
  /** The repeatable requests that it received lately, if any. */
  readonly history?: RepeatableHistory | undefined;
}

/** An operation as this instance read or wrote it, so many milliseconds ago. */
export interface CachedOperation extends StoredOperation {
  readonly ageMs: number;
}

/** What a removal needs of an operation, which may be damaged, and then has no `operation`. */
export interface RemovableVersion extends StoredVersion {
  readonly operation: PlayPromptOperation | undefined;
}

/** The keys of an operation that was found, and its ETag. */
export interface FoundOperation {
  readonly tenant: string;
  readonly id: string;
  readonly etag: string;
}

/** A page of operations that were found, and the continuation token of the next one, if there may be one. */
export interface FoundPage {
  readonly found: readonly FoundOperation[];
  readonly next: string | undefined;
}

/** The operations of a tenant that match `filter`, from a continuation token on; all of them without either. */
export interface Selection {
  readonly filter?: Filter | undefined;
  readonly from?: string | undefined;
}

/** A page of operations, without `damaged` rows, and the continuation token of the next one, if there may be one. */
export interface OperationPage {
  readonly operations: readonly OperationVersion[];
  readonly next: string | undefined;
  readonly damaged: number;
}

/** Stores the operations of all tenants. Every method throws ServiceError `unavailable` when the store cannot serve. */
export interface OperationRepository {
  /** The operation as this instance last read or wrote it, if it is still cached. It may be stale, and costs no request. */
  getCached(tenant: string, id: string): CachedOperation | undefined;

  /**
   * Reads an operation; undefined when the tenant has none with that id.
   *
   * @throws Error when the row is damaged
   */
  get(tenant: string, id: string, signal: AbortSignal): Promise<StoredOperation | undefined>;

  /** Reads what a removal needs of an operation; undefined when the tenant has none with that id. */
  getVersion(tenant: string, id: string, signal: AbortSignal): Promise<RemovableVersion | undefined>;

  /**
   * Writes an operation and its repeatable requests under the id of this write, on the condition that `current` is still
   * what is stored (undefined: nothing). Makes one attempt: after `unavailable` the write may have taken effect, which
   * `writes` will show.
   *
   * @returns what is stored now; undefined when the condition did not hold and nothing was written
   */
  put(
    tenant: string,
    operation: PlayPromptOperation,
    current: StoredOperation | undefined,
    writeId: string,
    signal: AbortSignal,
    history?: RepeatableHistory,
  ): Promise<StoredOperation | undefined>;

  /**
   * Removes an operation, on the condition that its ETag has not changed. Makes one attempt: after `unavailable` the
   * removal may have taken effect.
   *
   * @returns false when the condition did not hold and nothing was removed
   */
  remove(tenant: string, id: string, etag: string, signal: AbortSignal): Promise<boolean>;

  /**
   * Lists a page of at most `top` operations of a tenant, in a stable order, and the continuation token of the next. Damaged
   * rows are left out and counted.
   */
  list(tenant: string, selection: Selection & { readonly top: number }, signal: AbortSignal): Promise<OperationPage>;

  /** Counts a page of the operations of a tenant, and returns the continuation token of the next. */
  count(
    tenant: string,
    selection: Selection,
    signal: AbortSignal,
  ): Promise<{ readonly count: number; readonly next: string | undefined }>;

  /** Lists a page of the operations of all tenants that have ended and were last changed before a time. */
  listEnded(before: Date, from: string | undefined, signal: AbortSignal): Promise<FoundPage>;

  /** Lists a page of the operations of all tenants that have not ended and were last changed before a time. */
  listOverdue(before: Date, from: string | undefined, signal: AbortSignal): Promise<FoundPage>;

  /** A random key that all instances share. The first instance that asks creates it. */
  sharedKey(signal: AbortSignal): Promise<Uint8Array>;
}

/** What a use case works with: some methods of the repository, a listener to changes, a clock, and pauses. */
export interface Collaborators<Method extends keyof OperationRepository> {
  readonly operations: Pick<OperationRepository, Method>;
  readonly listen?: ListenToChange | undefined;
  readonly now?: (() => number) | undefined;
  readonly sleep?: Sleep | undefined;
}
