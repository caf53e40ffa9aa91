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

export type Answer = Awaited<ReturnType<typeof call>>;

/**
 * Sends an update, and holds its answer against /openapi.json. It returns what was answered with a 200, and when the request
 * was sent and its answer had arrived, in milliseconds of one clock.
 */
export async function call(
  facts: Pick<TestService['facts'], 'baseUrl' | 'token'>,
  id: string,
  body: object | string,
  headers: Record<string, string> = {},
) {
  const start = performance.now();
  const { status, headers: answered, json } = await patch({ facts }, body, { path: `/${id}`, headers });
  const end = performance.now();
  const stored = status === 200 ? { entity: entity.parse(json), etag: answered.get('etag') ?? '' } : undefined;
  return { status, start, end, stored };
}

/**
 * What the only writer of a value knows of it: the last that was acknowledged, and what was tried since without a clear
 * answer, which may have taken effect or not.
 */
export class Ledger<Value> {
  ambiguous = 0;
  #possible: Value[];

  constructor(initial: Value) {
    this.#possible = [initial];
  }

  /** Notes what an attempt to write was answered. */
  note(value: Value, status: number): void {
    if (status === 200) this.#possible = [value];
    else if (status === 503 || status === 409) {
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
