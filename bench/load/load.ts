// What is asked of a contender, and what is remembered of its answers.
import * as z from 'zod';
import type { OperationPatch } from '../peers/parts/operation.ts';

/** So many callers, each of whom waits for an answer before it asks again. */
export const load = z.object({
  concurrency: z.number(),
  operations: z.array(z.string()),
  /** Tells the messages of this load from those of all others. */
  tag: z.string(),
});
export type Load = z.infer<typeof load>;

/** The partition of the bare SDK's rows. */
export const BARE_PARTITION = 'bare';

/** One update: it sets the message of an operation. */
export interface Update {
  readonly id: string;
  readonly message: string;
}

export function operationIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `operation-${index}`);
}

/** The body of a PATCH, as a media worker would send it. */
export function bodyOf({ id, message }: Update) {
  return {
    '@odata.type': '#microsoft.graph.playPromptOperation',
    clientContext: `the call of ${id}`,
    resultInfo: { '@odata.type': 'microsoft.graph.resultInfo', code: 200, subcode: 0, message },
    status: 'Running',
    completionReason: 'completedSuccessfully',
  } as const satisfies OperationPatch;
}

/**
 * What one caller asks, again and again: it has its own share of the operations, or all callers have the same one where
 * there are fewer operations than callers. Twice around, so that each update changes something.
 */
export function updatesOf({ operations, concurrency, tag }: Load, caller: number): Update[] {
  const own = operations.filter((_, index) => index % concurrency === caller);
  const ids = own.length > 0 ? own : [operations[caller % operations.length] ?? ''];
  return ['first', 'second'].flatMap((time) =>
    ids.map((id) => ({ id, message: `${tag}/${caller}/${time}: the prompt is being played to all participants.` })),
  );
}

export const recording = z.object({
  /** For each answer the time at which it was there, and how long it took, in milliseconds. */
  answers: z.array(z.tuple([z.number(), z.number()])),
  /** How many answers were not 2xx, or did not come. */
  failed: z.number(),
  /** By operation, the messages of which one must be stored now: the last answered, or one whose answer is due. */
  expected: z.record(z.string(), z.array(z.string())),
});
export type Recording = z.infer<typeof recording>;

/** Records the answers to a load. */
export class Recorder {
  readonly #callers;
  readonly #answers: [number, number][] = [];
  #failed = 0;

  constructor(given: Load) {
    this.#callers = Array.from({ length: given.concurrency }, (_, caller) => ({
      updates: updatesOf(given, caller),
      answered: 0,
      possible: new Map<string, string[]>(),
    }));
  }

  answered(caller: number, ok: boolean, latencyMs: number): void {
    const state = this.#callers[caller];
    const update = state?.updates[state.answered % state.updates.length];
    if (!state || !update) throw new RangeError(`There is no caller ${caller}.`);
    state.answered++;
    const { id, message } = update;
    if (ok) state.possible.set(id, [message]);
    else state.possible.set(id, [...(state.possible.get(id) ?? []), message]);
    if (!ok) this.#failed++;
    this.#answers.push([performance.timeOrigin + performance.now(), latencyMs]);
  }

  failed(): void {
    this.#failed++;
  }

  recording(): Recording {
    const expected: Record<string, string[]> = {};
    for (const { possible } of this.#callers) {
      for (const [id, messages] of possible) expected[id] = [...(expected[id] ?? []), ...messages];
    }
    for (const { updates, answered } of this.#callers) {
      const due = updates[answered % updates.length];
      if (due) expected[due.id]?.push(due.message);
    }
    return { answers: this.#answers, failed: this.#failed, expected };
  }
}

/** A load that is running. */
export interface Drive {
  stop(): Promise<Recording>;
}
