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
   * The change was written, by the last attempt or by an unknown one. `version` is the stored version; undefined after a
   * deletion.
   */
  afterWrite(version: OperationVersion | undefined, attempt?: 'last' | 'unknown'): void;

  /** The change was not written, and never will be. Where that is uncertain, neither this nor `afterWrite` is called. */
  settled(): void;
}

/** Makes the listener of a change of an operation; `writeId` is the id of its write, or identifies its deletion. */
export type ListenToChange = (tenant: string, id: string, writeId: string) => ChangeListener;

/** Whether one of the attempts to write a change took effect, although each of them seemed to fail. */
export type Outcome = 'written' | 'refused' | 'unknown';

/** Tells a listener the outcome of a change after which no further attempt is made. */
export function tellOutcome(
  listener: ChangeListener | undefined,
  outcome: Outcome,
  version: OperationVersion | undefined,
): void {
  if (outcome === 'written') listener?.afterWrite(version, 'unknown');
  if (outcome === 'refused') listener?.settled();
}
