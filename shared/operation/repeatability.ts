// Repeatable Requests 1.0 (OASIS): a request that is sent again gets the first answer again, and is not done twice.
import { hash } from 'node:crypto';
import * as z from 'zod';
import { ServiceError } from '../serviceError.ts';
import { type OperationVersion, playPromptOperation } from './playPromptOperation.ts';

/** How long after it was first sent a request may be sent again. */
export const REPEATABILITY_WINDOW_MS = 10 * 60_000;

/** How far the clocks of callers and instances may be apart. */
export const REPEATABILITY_SKEW_MS = 60_000;

/** How many requests an operation remembers at most, and to how many of them the first answer. */
export const REMEMBERED_REQUESTS = 100;
export const REMEMBERED_ANSWERS = 8;

/** The longest JSON of what is remembered, in UTF-16 code units: a column of Table Storage holds 32,768. */
export const MAX_REMEMBERED_LENGTH = 30_000;

/** A request that is not to be done twice. */
export interface RepeatableRequest {
  /** Tells it from any other request, and from those of any other caller. */
  readonly key: string;
  /** Tells what it asks for from whatever else it could. */
  readonly content: string;
  /** When it was first sent, in milliseconds. */
  readonly firstSent: number;
}

/** What identifies a repeatable request: its id, the caller, and when it was first sent, in milliseconds. */
export interface Repeatability {
  readonly requestId: string;
  readonly caller: string;
  readonly firstSent: number;
}

/** A repeatable request with this content. */
export function repeatableRequest(
  { requestId, caller, firstSent }: Repeatability,
  content: unknown,
): RepeatableRequest {
  return { key: digest([caller, requestId]), firstSent, content: digest(content) };
}

/** 128 bits of a hash: a collision would only harm the caller who made it. */
const digest = (value: unknown) =>
  hash('sha256', JSON.stringify(value), 'buffer').subarray(0, 16).toString('base64url');

const operationVersion: z.ZodType<OperationVersion> = z.object({ operation: playPromptOperation, etag: z.string() });

/** The repeatable requests that an operation remembers, as they are kept with it. */
export const rememberedRequests = z.object({
  /** The newest first. */
  requests: z.array(
    z.object({
      key: z.string(),
      content: z.string(),
      firstSent: z.number(),
      /** The first answer; without one it is the operation as it is stored. */
      answer: operationVersion.optional(),
    }),
  ),
  /** Requests that were first sent until then may be forgotten; 0 if none is. */
  forgottenUntil: z.number(),
});
export type RememberedRequests = z.infer<typeof rememberedRequests>;

/** An operation that may remember requests. */
interface Remembering extends OperationVersion {
  readonly remembered?: RememberedRequests | undefined;
}

/**
 * Finds the first answer to a request that has been done, and says whether it could have been done and forgotten.
 *
 * @throws ServiceError `invalidRequest` when the request was done with other content
 */
export function findFirstAnswer(
  current: Remembering | undefined,
  { key, content, firstSent }: RepeatableRequest,
): { readonly answer: OperationVersion | undefined; readonly isForgotten: boolean } {
  const remembered = current?.remembered;
  const request = remembered?.requests.find((each) => each.key === key);
  if (!request) return { answer: undefined, isForgotten: firstSent <= (remembered?.forgottenUntil ?? 0) };
  if (request.content !== content || request.firstSent !== firstSent) {
    throw new ServiceError('invalidRequest', 'Repeatability-Request-ID has been used for another request.');
  }
  return { answer: request.answer ?? current, isForgotten: false };
}

/** The 412 of a request which may have been done, long ago or among very many. */
export function notTracked(): ServiceError {
  const message =
    'Repeatability-First-Sent is outside of the window: whether this request has been done is not known any more.';
  return new ServiceError('preconditionFailed', message);
}

/**
 * What an operation is to remember with its next write, and that of `request` if it is one of a repeatable request. An
 * answer that was the stored operation until now is kept from here on. Undefined when there is nothing to remember.
 */
export function remember(
  current: Remembering | undefined,
  request: RepeatableRequest | undefined,
  now: number,
): RememberedRequests | undefined {
  if (!current?.remembered) return request && { requests: [request], forgottenUntil: 0 };
  const { requests, forgottenUntil } = current.remembered;
  const isKept = (time: number) => time > now - REPEATABILITY_WINDOW_MS - REPEATABILITY_SKEW_MS;
  const answered = requests
    .filter(({ firstSent }) => isKept(firstSent))
    .map((each) => ({ ...each, answer: each.answer ?? versionOf(current) }));
  const all = request ? [request, ...answered] : answered;
  const forgotten = all.slice(REMEMBERED_REQUESTS).map(({ firstSent }) => firstSent);
  const latest = Math.max(isKept(forgottenUntil) ? forgottenUntil : 0, ...forgotten);
  if (all.length === 0 && latest === 0) return undefined;
  return withAnswersThatFit({ requests: all.slice(0, REMEMBERED_REQUESTS), forgottenUntil: latest });
}

const versionOf = ({ operation, etag }: OperationVersion): OperationVersion => ({ operation, etag });

/** Keeps the answers to the latest requests, fewer where there is no room for so many. */
function withAnswersThatFit({ requests, forgottenUntil }: RememberedRequests): RememberedRequests {
  const keeping = (answers: number) => ({
    requests: requests.map(({ answer, ...rest }, n) => (answer && n <= answers ? { ...rest, answer } : rest)),
    forgottenUntil,
  });
  for (let answers = REMEMBERED_ANSWERS; answers >= 0; answers--) {
    const remembered = keeping(answers);
    if (JSON.stringify(remembered).length <= MAX_REMEMBERED_LENGTH) return remembered;
  }
  return keeping(-1);
}
