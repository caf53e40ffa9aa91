import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { patch, type TestService } from './service.ts';

const entity = z.object({
  id: z.string(),
  clientContext: z.string().nullable(),
  resultInfo: z.object({ code: z.number(), subcode: z.number(), message: z.string().nullable() }).nullable(),
  status: z.string(),
  completionReason: z.string().nullable(),
});
export type Entity = z.infer<typeof entity>;

export interface Answer {
  readonly status: number;
  /** What was answered with a 200. */
  readonly stored?: { readonly entity: Entity; readonly etag: string };
  /** When the request was sent and when its answer had arrived, in milliseconds of one clock. */
  readonly start: number;
  readonly end: number;
}

/** Sends an update, and holds its answer against /openapi.json. */
export async function call(
  facts: Pick<TestService['facts'], 'baseUrl' | 'token'>,
  id: string,
  body: object | string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const start = performance.now();
  const { status, headers: answered, json } = await patch({ facts }, body, { path: `/${id}`, headers });
  const answer = { status, start, end: performance.now() };
  if (status !== 200) return answer;
  return { ...answer, stored: { entity: entity.parse(json), etag: answered.get('etag') ?? '' } };
}

/**
 * What the only writer of a value knows of it: the last that was acknowledged, and what was tried since without a clear
 * answer, which may have taken effect or not.
 */
export class Ledger<Value> {
  acknowledged = 0;
  ambiguous = 0;
  #possible: Value[];

  constructor(initial: Value) {
    this.#possible = [initial];
  }

  /** Notes what an attempt to write was answered. */
  note(value: Value, status: number): void {
    if (status === 200) {
      this.acknowledged += 1;
      this.#possible = [value];
    } else if (status === 503 || status === 409) {
      this.ambiguous += 1;
      this.#possible.push(value);
    }
  }

  /** Whether a value that was read can be, with all that was acknowledged. */
  explains(value: Value): boolean {
    return this.#possible.some((possible) => isDeepStrictEqual(possible, value));
  }

  get possible(): readonly Value[] {
    return this.#possible;
  }
}
