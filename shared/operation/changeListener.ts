import { isUnavailable, ServiceError } from '../serviceError.ts';
import type { OperationVersion, PlayPromptOperation } from './playPromptOperation.ts';

export const changeTypes = ['created', 'updated', 'deleted'] as const;
export type ChangeType = (typeof changeTypes)[number];

/** An attempt to write a change. */
export interface Change {
  readonly changeType: ChangeType;
  /** The operation after the change, or before its deletion; undefined when it is damaged. */
  readonly operation: PlayPromptOperation | undefined;
  /** The id of the write that the change replaces; undefined when there was no operation. */
  readonly replaces: string | undefined;
}

/** Learns of one change of an operation: before each attempt to write it, and after. */
export interface ChangeListener {
  /**
   * Called before each attempt. The change is not written before it resolves.
   *
   * @throws ServiceError `unavailable` when the listener cannot do now what the change needs
   */
  beforeWrite(change: Change, signal: AbortSignal): Promise<void>;

  /**
   * The change was written, by the last attempt unless it is unknown by which one; `version` is what the store has now,
   * undefined after a deletion.
   */
  afterWrite(version: OperationVersion | undefined, attempt?: 'last' | 'unknown'): void;

  /** The change is over: unless `afterWrite` was called, it was not written, and never will be. */
  settled(): void;
}

/** Makes the listener of a change of an operation; `writeId` is the id of its write, or identifies its deletion. */
export type ListenToChange = (tenant: string, id: string, writeId: string) => ChangeListener;

/**
 * Makes a change, and tells its listener when it is over: not after an `unavailable`, or an error that is not one of the
 * service, since then it is unknown whether the change was written.
 */
export async function withListener<Result>(
  listener: ChangeListener | undefined,
  change: () => Promise<Result>,
): Promise<Result> {
  try {
    const result = await change();
    listener?.settled();
    return result;
  } catch (error) {
    if (error instanceof ServiceError && !isUnavailable(error)) listener?.settled();
    throw error;
  }
}
