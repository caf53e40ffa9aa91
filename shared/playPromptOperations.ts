import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Filter } from './filter.ts';
import { GraphError } from './graphError.ts';
import { createInTurn } from './inTurn.ts';
import type { PatchRequest } from './patchRequest.ts';
import {
  applyPatch,
  newPlayPromptOperation,
  type OperationVersion,
  type PlayPromptOperation,
} from './playPromptOperation.ts';
import { failedPrecondition, type Preconditions } from './preconditions.ts';
import {
  findFirstAnswer,
  notTracked,
  type RememberedRequests,
  type RepeatableRequest,
  remember,
} from './repeatability.ts';

/** How many of its last writes an operation remembers. */
export const REMEMBERED_WRITES = 32;

/** An operation as the store has it. */
export interface StoredOperation extends OperationVersion {
  /** The ids of the last REMEMBERED_WRITES writes, the newest first. */
  readonly writes: readonly string[];
  /** The repeatable requests that changed it lately, if any did. */
  readonly remembered?: RememberedRequests | undefined;
}

/** An operation, as far as it needs to be known to be removed. */
export interface EndedOperation {
  readonly tenant: string;
  readonly id: string;
  readonly etag: string;
}

/** Which operations of a tenant are asked for: those that fulfil `filter`, from a place that an answer named, or all. */
export interface Selection {
  readonly filter?: Filter | undefined;
  readonly from?: string | undefined;
}

/** Where the operations of all tenants are kept. Whatever it cannot do now, it refuses with GraphError 503. */
export interface PlayPromptOperations {
  /** What was last read or written of an operation, if that is still known: it may be stale, and costs nothing. */
  recall(tenant: string, id: string): StoredOperation | undefined;

  /** Reads an operation; undefined when the tenant has none of that id. */
  get(tenant: string, id: string, signal: AbortSignal): Promise<StoredOperation | undefined>;

  /**
   * Writes an operation and what it is to remember, under the id of this write, on the condition that what is stored is still `current`, undefined
   * for nothing. It is tried once: after a 503 the write may have taken effect or not, which `writes` will tell.
   *
   * @returns what is stored now; undefined when the condition did not hold and nothing was written
   */
  put(
    tenant: string,
    operation: PlayPromptOperation,
    current: StoredOperation | undefined,
    writeId: string,
    signal: AbortSignal,
    remembered?: RememberedRequests,
  ): Promise<StoredOperation | undefined>;

  /**
   * Removes an operation, on the condition that its ETag is still this one. It is tried once: after a 503 it may have
   * taken effect or not.
   *
   * @returns false when the condition did not hold and nothing was removed
   */
  remove(tenant: string, id: string, etag: string, signal: AbortSignal): Promise<boolean>;

  /**
   * Takes one step through the operations of a tenant, whose order never changes: answers at most `top` of them, perhaps
   * none, and from where to go on if there may be more.
   */
  list(
    tenant: string,
    selection: Selection & { readonly top: number },
    signal: AbortSignal,
  ): Promise<{ readonly operations: readonly OperationVersion[]; readonly next: string | undefined }>;

  /** Takes one step through the operations of a tenant, and counts them. */
  count(
    tenant: string,
    selection: Selection,
    signal: AbortSignal,
  ): Promise<{ readonly count: number; readonly next: string | undefined }>;

  /**
   * Takes one step through the operations of all tenants that ended, and were not changed since, before a time: answers
   * some of them, perhaps none, and from where to go on if there may be more.
   */
  listEnded(
    before: Date,
    from: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly ended: readonly EndedOperation[]; readonly next: string | undefined }>;

  /** A random key that is the same for every instance of the service, and made by the first that asks for it. */
  sharedKey(signal: AbortSignal): Promise<Uint8Array>;
}

/** How often a change is tried against others of the same operation before it is given up. */
export const MAX_ATTEMPTS = 20;

/**
 * Merges a patch into the stored operation, which comes into being where there is none, and stores the result unless
 * that changes nothing. Concurrent updates of different properties all survive. A repeatable request that has been done
 * gets its first answer, and one that changes nothing is stored too, since it must not change anything later.
 *
 * @throws GraphError 412 when a precondition fails, or when it cannot be told whether a repeatable request has been done;
 * 400 when it has been, and was another; 409 when others kept changing the operation; 503 when the store
 * cannot serve before `signal` is aborted: the update may then have taken effect or not
 */
export type UpdatePlayPromptOperation = (
  tenant: string,
  request: PatchRequest,
  preconditions: Preconditions,
  signal: AbortSignal,
  repeatable?: RepeatableRequest,
) => Promise<OperationVersion>;

/** Why a change is tried again: what was remembered was stale, others changed the operation, or the store failed. */
export type RetryCause = 'stale' | 'conflict' | 'unavailable';

/**
 * Makes the update of operations in a store. Updates of one operation by this instance wait for each other; `onRetry` is
 * told of each attempt that has to be made again.
 */
export function createUpdate(
  operations: Store,
  now: () => number = Date.now,
  onRetry: (cause: RetryCause) => void = () => {},
): UpdatePlayPromptOperation {
  const inTurn = createInTurn();
  return (tenant, request, preconditions, signal, repeatable) =>
    inTurn(`${tenant}/${request.id}`, signal, () =>
      update(operations, tenant, request, preconditions, signal, repeatable, now, onRetry),
    );
}

type Store = Pick<PlayPromptOperations, 'recall' | 'get' | 'put'>;

async function update(
  operations: Store,
  tenant: string,
  { id, patch }: PatchRequest,
  preconditions: Preconditions,
  signal: AbortSignal,
  repeatable: RepeatableRequest | undefined,
  now: () => number,
  onRetry: (cause: RetryCause) => void,
): Promise<OperationVersion> {
  const writeId = crypto.randomUUID();
  const recalled = operations.recall(tenant, id);
  let unsureOf: { base: StoredOperation | undefined; cause: unknown } | undefined;

  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    // A first write goes out on what is remembered, or on nothing where it may only create: if that is not what is
    // stored, it fails. Nothing else is concluded from a guess.
    const isGuess = attempt === 0 && (recalled !== undefined || preconditions.ifNoneMatch === '*');
    const current = isGuess ? recalled : await operations.get(tenant, id, signal);
    const { answer, isForgotten } = repeatable ? findFirstAnswer(current, repeatable) : NOT_REPEATED;
    if (answer) return answer;
    if (unsureOf && current?.writes.includes(writeId)) return current;
    if (unsureOf && isHistoryLost(unsureOf.base, current)) throw unsureOf.cause;

    const failed = failedPrecondition(preconditions, current?.etag);
    const next = applyPatch(current?.operation ?? newPlayPromptOperation(id), patch);
    const isUnchanged = !repeatable && current !== undefined && isDeepStrictEqual(next, current.operation);
    if (isGuess && (isForgotten || failed || isUnchanged)) continue;
    if (isForgotten) throw notTracked();
    if (failed) throw failed;
    if (isUnchanged) return current;

    try {
      const remembered = remember(current, repeatable, now());
      const stored = await operations.put(tenant, next, current, writeId, signal, remembered);
      if (stored) return stored;
      onRetry(isGuess ? 'stale' : 'conflict');
      if (!isGuess) await pause(attempt, CONFLICT_PAUSE, signal);
    } catch (cause) {
      if (!(cause instanceof GraphError && cause.reason === 'unavailable') || signal.aborted) throw cause;
      unsureOf ??= { base: current, cause };
      onRetry('unavailable');
      await pause(attempt, FAILURE_PAUSE, signal);
    }
  }
  if (unsureOf) throw unsureOf.cause;
  throw new GraphError('conflict', 'Others kept changing the operation at the same time. Try again.');
}

const NOT_REPEATED = { answer: undefined, isForgotten: false };

/**
 * Whether so much happened since a write was tried on `base` that its id, had it taken effect, could be forgotten: more
 * writes than are remembered, or a removal. That an operation was created and removed in the meantime is not looked for:
 * what was to be created is created.
 */
function isHistoryLost(base: StoredOperation | undefined, current: StoredOperation | undefined) {
  if (base === undefined) return current?.writes.length === REMEMBERED_WRITES;
  return current === undefined || !isSuccessor(current, base);
}

/** Whether one is what the other has become; false also when more was written since than is remembered. */
export function isSuccessor(current: StoredOperation, base: StoredOperation): boolean {
  const [last = ''] = base.writes;
  return current.writes.includes(last);
}

/** How long to wait after the first attempt and at most, in milliseconds. A conflict is over sooner than a failure. */
export const CONFLICT_PAUSE = { first: 10, longest: 250 };
export const FAILURE_PAUSE = { first: 150, longest: 2000 };

/** Waits, longer with each attempt and never quite as long as another who waits; no longer than until the deadline. */
export async function pause(attempt: number, { first, longest }: typeof CONFLICT_PAUSE, signal: AbortSignal) {
  const milliseconds = Math.min(longest, first * 2 ** attempt);
  // The store refuses what comes after the deadline.
  await delay(milliseconds / 2 + (Math.random() * milliseconds) / 2, undefined, { signal }).catch(() => {});
}
