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
 * How long a request is kept after its receipt. No repeat is accepted after that, even if the clocks of the caller and of the
 * receiving instance differ by the tolerated maximum.
 */
export const KEPT_FOR_MS = REPEATABILITY_WINDOW_MS + 4 * REPEATABILITY_SKEW_MS;

/**
 * Within that time: the requests to an operation, in all and from one caller, above which a new one may be refused, and the
 * number of kept responses.
 */
export const MAX_REQUESTS = 1500;
export const MAX_REQUESTS_OF_CALLER = 1000;
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
  /** Distinguishes the caller from others: CALLER_LENGTH characters. */
  readonly caller: string;
  /** Begins with `caller`, and distinguishes the request from every other: KEY_LENGTH characters. */
  readonly key: string;
  /** Distinguishes its content from other content: CONTENT_LENGTH characters. */
  readonly content: string;
  readonly firstSent: number;
}

/** 18, 54 and 24 bits of hashes, and a time in units of 4 seconds, in base64url: an entry of 21 characters. */
const CALLER_LENGTH = 3;
const KEY_LENGTH = 12;
const CONTENT_LENGTH = 4;
const TIME_LENGTH = 5;
const ENTRY_LENGTH = 21;

/** A repeatable request with this content. */
export function repeatableRequest(
  { requestId, caller: of, firstSent }: Repeatability,
  content: unknown,
): RepeatableRequest {
  const caller = digest(of).slice(0, CALLER_LENGTH);
  return {
    caller,
    key: caller + digest([of, requestId]).slice(0, KEY_LENGTH - CALLER_LENGTH),
    content: digest([content, firstSent]).slice(0, CONTENT_LENGTH),
    firstSent,
  };
}

const digest = (value: unknown) => hash('sha256', JSON.stringify(value), 'base64url');

const { createdDateTime, lastActionDateTime } = playPromptOperation.shape;
/** A response that was stored before operations had times has none. */
const operation = playPromptOperation.extend({
  createdDateTime: createdDateTime.default(null),
  lastActionDateTime: lastActionDateTime.default(null),
});
const version: z.ZodType<OperationVersion> = z.object({ operation, etag: z.string() });

/** The repeatable requests that an operation received, as they are stored with it. */
export const repeatableHistory = z.object({
  /** Entries of ENTRY_LENGTH characters, the last received first: the key, the content, and the time of receipt. */
  requests: z.string().regex(/^(?:[\w-]{21})*$/),
  /** The key of the request whose response is the stored version itself. */
  latest: z.string().optional(),
  /** Responses to earlier requests, the newest first. */
  responses: z.array(z.object({ key: z.string(), version })),
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
  /** Why the request must not be executed: it was with other content, or may have been and is not kept any more. */
  readonly refusal?: ServiceError;
}

/** Looks a request up in the history of an operation. */
export function findRepetition(current: WithHistory | undefined, request: RepeatableRequest | undefined): Repetition {
  const history = current?.history;
  if (!current || !history || !request) return { isRepeated: false };
  const entries = entriesOf(history);
  const entry = entries.find((each) => each.startsWith(request.key));
  if (entry === undefined) {
    const isInDoubt =
      isDropped(request, entries, MAX_REQUESTS) ||
      isDropped(request, entries.filter(isOf(request)), MAX_REQUESTS_OF_CALLER);
    return { isRepeated: false, ...(isInDoubt && { refusal: new ServiceError('repetitionUnknown') }) };
  }
  if (entry.slice(KEY_LENGTH, KEY_LENGTH + CONTENT_LENGTH) !== request.content) {
    return { isRepeated: false, refusal: new ServiceError('repetitionDiffers') };
  }
  const kept = history.responses.find(({ key }) => key === request.key)?.version;
  return { isRepeated: true, response: history.latest === request.key ? versionOf(current) : kept };
}

/** Whether a request may have been one of those that were dropped, since there were more than `most` of them. */
function isDropped({ firstSent }: RepeatableRequest, entries: readonly string[], most: number) {
  const last = entries[most];
  // It was received no earlier than it was sent, by a clock that may be fast.
  return last !== undefined && firstSent - REPEATABILITY_SKEW_MS <= receiptOf(last);
}

const isOf =
  ({ caller }: RepeatableRequest) =>
  (entry: string) =>
    entry.startsWith(caller);

/**
 * The history of an operation after its next write, with `request` if there is one; undefined if there is nothing to keep. Times
 * are those of the service. It holds one request more than the limits, in all and for each caller, and drops the oldest.
 */
export function nextHistory(
  current: WithHistory | undefined,
  request: RepeatableRequest | undefined,
  now: number,
): RepeatableHistory | undefined {
  const history = current?.history;
  const entries = history ? entriesOf(history).filter((entry) => receiptOf(entry) > now - KEPT_FOR_MS) : [];
  if (request) {
    const entry = entryOf(request, now);
    // The clock of another instance may be ahead.
    const place = entries.findIndex((each) => receiptOf(each) <= receiptOf(entry));
    entries.splice(place === -1 ? entries.length : place, 0, entry);
    const surplus = entries.filter(isOf(request))[MAX_REQUESTS_OF_CALLER + 1];
    if (surplus !== undefined) entries.splice(entries.lastIndexOf(surplus), 1);
  }
  if (entries.length === 0) return undefined;
  return {
    requests: entries.slice(0, MAX_REQUESTS + 1).join(''),
    ...(request && { latest: request.key }),
    responses: nextResponses(current),
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
  // The last two bits are 0, so that the sixth character is always A.
  seconds.writeUInt32BE(Math.ceil(now / 4000) * 4);
  return key + content + seconds.toString('base64url').slice(0, TIME_LENGTH);
}

function receiptOf(entry: string): number {
  return Buffer.from(`${entry.slice(-TIME_LENGTH)}A`, 'base64url').readUInt32BE() * 1000;
}
