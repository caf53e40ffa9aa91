import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { checkAnswer } from './openApi.ts';
import type { TestService } from './service.ts';

const entity = z.object({
  id: z.string(),
  clientContext: z.string().nullable(),
  resultInfo: z.object({ code: z.number(), subcode: z.number(), message: z.string().nullable() }).nullable(),
  status: z.string(),
  completionReason: z.string().nullable(),
});
export type Entity = z.infer<typeof entity>;

const graphError = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string().min(1),
    details: z.array(z.strictObject({ code: z.string(), message: z.string(), target: z.string() })).optional(),
    innerError: z.strictObject({ date: z.string(), 'request-id': z.guid() }),
  }),
});

/** The codes that go with a status, as far as a caller of a good service can meet them. */
const codes: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'InvalidAuthenticationToken',
  403: 'Forbidden',
  409: 'Conflict',
  412: 'PreconditionFailed',
  503: 'ServiceUnavailable',
};

export interface Answer {
  readonly status: number;
  /** What was answered with a 200. */
  readonly stored?: { readonly entity: Entity; readonly etag: string };
  /** When the request was sent and when its answer had arrived, in milliseconds of one clock. */
  readonly start: number;
  readonly end: number;
}

/**
 * Sends an update, and holds its answer against the contract.
 *
 * @throws Error when the answer is neither an entity nor an error of Graph's shape, or has the wrong headers
 */
export async function call(
  { baseUrl, token }: Pick<TestService['facts'], 'baseUrl' | 'token'>,
  id: string,
  body: object | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const start = performance.now();
  const response = await fetch(`${baseUrl}/v1.0/playPromptOperation/${id}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const { status } = response;
  const text = await response.text();
  checkAnswer({ method: 'PATCH', url: response.url, status, headers: response.headers, body: text });
  const json: unknown = JSON.parse(text);
  const answer = { status, start, end: performance.now() };
  if (status === 200) {
    const stored = { entity: entity.parse(json), etag: z.string().min(1).parse(response.headers.get('etag')) };
    return { ...answer, stored };
  }
  const { code } = graphError.parse(json).error;
  if (code !== codes[status]) throw new Error(`${status} came with the code ${code}.`);
  const retryAfter = response.headers.get('retry-after');
  if (status === 503 && !/^[1-9]\d*$/.test(retryAfter ?? '')) throw new Error(`503 with Retry-After: ${retryAfter}`);
  return answer;
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
