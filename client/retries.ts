/** How a request is sent: as `fetch` does. */
export type Fetch = (request: Request) => Promise<Response>;

/** Statuses that may be another at the next try: too many requests, or a service that cannot serve now. */
const PASSING = [429, 502, 503, 504];

/** The one of them which says that nothing was done. */
const TOO_MANY_REQUESTS = 429;

/** How long to wait at most where the service does not say, and where it does, in milliseconds. */
const LONGEST_PAUSE_MS = 8000;
const LONGEST_RETRY_AFTER_MS = 180_000;

export interface Retries {
  /** How often a request is sent again at most; 3 where nothing is said. */
  readonly maxRetries?: number;
  /** Waits so many milliseconds. */
  readonly wait?: (milliseconds: number) => Promise<void>;
}

/**
 * Sends a request again while what hinders it may pass: after as long as `Retry-After` says (seconds, or a date; RFC 9110,
 * section 10.2.3), otherwise longer each time. A POST creates something each time, so it is sent again after a 429 only.
 * All other requests of the service are safe to send again, if a PATCH is repeatable.
 */
export function withRetries(send: Fetch, { maxRetries = 3, wait = delay }: Retries = {}): Fetch {
  return async (request) => {
    for (let retry = 0; ; retry++) {
      const isLast = retry >= maxRetries;
      // What is sent is used up, so a copy goes first.
      const outcome = await settle(send(isLast ? request : request.clone()));
      const isPassing =
        'error' in outcome
          ? isSafeToRepeat(request) && !request.signal.aborted
          : outcome.response.status === TOO_MANY_REQUESTS ||
            (isSafeToRepeat(request) && PASSING.includes(outcome.response.status));
      if (isLast || !isPassing) {
        if ('error' in outcome) throw outcome.error;
        return outcome.response;
      }
      const response = 'response' in outcome ? outcome.response : undefined;
      await response?.body?.cancel();
      await wait(pause(retry, response?.headers.get('retry-after') ?? null));
      request.signal.throwIfAborted();
    }
  };
}

/** Whether a request may be sent again although the first one may have been executed. RFC 9110, section 9.2.2. */
const isSafeToRepeat = ({ method }: Request) => method !== 'POST';

async function settle(sent: Promise<Response>): Promise<{ response: Response } | { error: unknown }> {
  try {
    return { response: await sent };
  } catch (error) {
    return { error };
  }
}

function pause(retry: number, retryAfter: string | null) {
  if (retryAfter !== null) {
    const said = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
    if (!Number.isNaN(said)) return Math.min(Math.max(said, 0), LONGEST_RETRY_AFTER_MS);
  }
  const longest = Math.min(1000 * 2 ** retry, LONGEST_PAUSE_MS);
  return longest / 2 + (Math.random() * longest) / 2;
}

function delay(milliseconds: number) {
  return new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
}
