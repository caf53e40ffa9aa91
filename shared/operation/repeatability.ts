// Repeatable Requests 1.0 (OASIS): a request that is repeated gets its first response, and is executed only once.
import { hash } from 'node:crypto';
import * as z from 'zod';
import { ServiceError } from '../serviceError.ts';
import { type OperationVersion, playPromptOperation } from './playPromptOperation.ts';

/** How long after it was first sent, or received if that is later, a request can be repeated. */
export const REPEATABILITY_WINDOW_MS = 10 * 60_000;

/** How far the clocks of callers, and of instances, may differ from each other. */
export const REPEATABILITY_SKEW_MS = 60_000;

/**
 * How long after its receipt a request is kept. By then no repeat of it is accepted any more, even if the caller's clock,
 * and that of the instance that received it, differ by as much as is tolerated.
 */
export const KEPT_FOR_MS = REPEATABILITY_WINDOW_MS + 4 * REPEATABILITY_SKEW_MS;

/** How many requests an operation keeps, and the responses of how many of them. */
export const KEPT_REQUESTS = 1500;
export const KEPT_RESPONSES = 8;

/** The longest JSON of kept responses, in UTF-16 code units: a column of Table Storage holds 32,768. */
export const MAX_RESPONSES_LENGTH = 30_000;

/** What identifies a repeatable request: its id, the caller, and when it was first sent, in milliseconds. */
export interface Repeatability {
  readonly requestId: string;
  readonly caller: string;
  readonly firstSent: number;
}

/** A request that must not be executed twice. */
export interface RepeatableRequest {
  /** Distinguishes it from every other request, and from those of other callers: KEY_LENGTH characters. */
  readonly key: string;
  /** Distinguishes its content from other content: CONTENT_LENGTH characters. */
  readonly content: string;
  readonly firstSent: number;
}

/** 64 and 24 bits of a hash, and a time in seconds, each in base64url: an entry of 21 characters. */
const KEY_LENGTH = 11;
const CONTENT_LENGTH = 4;
const ENTRY_LENGTH = 21;

/** A repeatable request with this content. */
export function repeatableRequest(
  { requestId, caller, firstSent }: Repeatability,
  content: unknown,
): RepeatableRequest {
  return {
    key: digest([caller, requestId]).slice(0, KEY_LENGTH),
    content: digest([content, firstSent]).slice(0, CONTENT_LENGTH),
    firstSent,
  };
}

const digest = (value: unknown) => hash('sha256', JSON.stringify(value), 'base64url');

const version: z.ZodType<OperationVersion> = z.object({ operation: playPromptOperation, etag: z.string() });

/** The repeatable requests that an operation received, as they are stored with it. */
export const repeatableHistory = z.object({
  /** Entries of ENTRY_LENGTH characters, the newest first: the key, the content, and the time of receipt. */
  requests: z.string().regex(/^(?:[\w-]{21})*$/),
  /** The key of the request whose response is the stored version itself. */
  latest: z.string().optional(),
  /** Responses to earlier requests, the newest first. */
  responses: z.array(z.object({ key: z.string(), version })),
  /** When the last request that is not kept any more was received, in milliseconds; 0 if all are kept. */
  evictedUntil: z.number(),
});
export type RepeatableHistory = z.infer<typeof repeatableHistory>;

/** A stored operation with its repeatable requests, if it received any. */
interface WithHistory extends OperationVersion {
  readonly history?: RepeatableHistory | undefined;
}

/** What the history of an operation shows about a request. Only one that is `isRepeated` was certainly executed. */
export interface Repetition {
  readonly isRepeated: boolean;
  /** The first response, if it is kept. */
  readonly response?: OperationVersion | undefined;
  /** Whether the request may have been executed, although the history no longer has it. */
  readonly isInDoubt: boolean;
}

/**
 * Looks a request up in the history of an operation.
 *
 * @throws ServiceError `repetitionDiffers` when it was executed with other content
 */
export function findRepetition(current: WithHistory | undefined, request: RepeatableRequest): Repetition {
  const history = current?.history;
  if (!current || !history) return { isRepeated: false, isInDoubt: false };
  const entry = entriesOf(history).find((each) => each.startsWith(request.key));
  if (entry === undefined) {
    // It was received no earlier than it was sent, by a clock that may be fast.
    return { isRepeated: false, isInDoubt: request.firstSent - REPEATABILITY_SKEW_MS <= history.evictedUntil };
  }
  if (entry.slice(KEY_LENGTH, KEY_LENGTH + CONTENT_LENGTH) !== request.content) {
    throw new ServiceError('repetitionDiffers');
  }
  const kept = history.responses.find(({ key }) => key === request.key)?.version;
  return { isRepeated: true, response: history.latest === request.key ? versionOf(current) : kept, isInDoubt: false };
}

/**
 * The history that an operation has after its next write, which is that of `request` if that is given. The time is the
 * service's own; undefined when there is nothing to keep.
 */
export function nextHistory(
  current: WithHistory | undefined,
  request: RepeatableRequest | undefined,
  now: number,
): RepeatableHistory | undefined {
  const history = current?.history;
  const isKept = (time: number) => time > now - KEPT_FOR_MS;
  const earlier = history ? entriesOf(history).filter((entry) => isKept(receiptOf(entry))) : [];
  const all = request ? [entryOf(request, now), ...earlier] : earlier;
  const evicted = all.slice(KEPT_REQUESTS).map(receiptOf);
  const evictedUntil = Math.max(history && isKept(history.evictedUntil) ? history.evictedUntil : 0, ...evicted);
  if (all.length === 0 && evictedUntil === 0) return undefined;
  return {
    requests: all.slice(0, KEPT_REQUESTS).join(''),
    ...(request && { latest: request.key }),
    responses: nextResponses(current),
    evictedUntil,
  };
}

/** The responses that are kept from now on: the stored version becomes the newest, as far as there is room. */
function nextResponses(current: WithHistory | undefined): RepeatableHistory['responses'] {
  if (!current?.history) return [];
  const { latest, responses } = current.history;
  const all = latest === undefined ? responses : [{ key: latest, version: versionOf(current) }, ...responses];
  // The brackets are as long as one more comma.
  let length = 1;
  const room = all.slice(0, KEPT_RESPONSES).findIndex((each) => {
    length += JSON.stringify(each).length + 1;
    return length > MAX_RESPONSES_LENGTH;
  });
  return all.slice(0, room === -1 ? KEPT_RESPONSES : room);
}

const versionOf = ({ operation, etag }: OperationVersion): OperationVersion => ({ operation, etag });

function entriesOf({ requests }: RepeatableHistory): string[] {
  return Array.from({ length: requests.length / ENTRY_LENGTH }, (_, n) =>
    requests.slice(n * ENTRY_LENGTH, (n + 1) * ENTRY_LENGTH),
  );
}

function entryOf({ key, content }: RepeatableRequest, now: number): string {
  const seconds = Buffer.alloc(4);
  seconds.writeUInt32BE(Math.ceil(now / 1000));
  return key + content + seconds.toString('base64url');
}

function receiptOf(entry: string): number {
  return Buffer.from(entry.slice(KEY_LENGTH + CONTENT_LENGTH), 'base64url').readUInt32BE() * 1000;
}
