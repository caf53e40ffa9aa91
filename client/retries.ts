/** Sends a request, as `fetch` does. */
export type Fetch = (request: Request) => Promise<Response>;

/** Transient failures: too many requests, or a service that is unavailable. */
const PASSING = [429, 502, 503, 504];

/** A fault of the service, which says what it is; or of the host, whose worker has ended, and which says nothing. */
const INTERNAL_SERVER_ERROR = 500;

/** The one that guarantees that the request had no effect. */
const TOO_MANY_REQUESTS = 429;

/** The longest pauses without and with `Retry-After`, in milliseconds. */
const LONGEST_PAUSE_MS = 8000;
const LONGEST_RETRY_AFTER_MS = 180_000;

export interface Retries {
  /** How often a request is retried; 3 by default. */
  readonly maxRetries?: number;
  /** Waits for a number of milliseconds, or rejects when the signal is aborted. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Retries a request after a transient failure, and after a 500 that is not the service's own: after `Retry-After` (seconds or a date; RFC 9110, section 10.2.3), or with
 * exponential backoff. A POST creates something each time, so it is retried only after a 429. All other requests of the
 * service are safe to retry, if a PATCH is repeatable.
 *
 * @param authorize called with the request before each attempt, since a token may expire meanwhile; what it throws is not
 * retried
 */
export function withRetries(
  send: Fetch,
  { maxRetries = 3, wait = delay }: Retries = {},
  authorize: (request: Request) => Promise<void> = async () => {},
): Fetch {
  return async (request) => {
    for (let retry = 0; ; retry++) {
      const isLast = retry >= maxRetries;
      // Sending consumes the body, so a copy is sent.
      const sent = isLast ? request : request.clone();
      await authorize(sent);
      const outcome = await settle(send(sent));
      const isPassing =
        'error' in outcome
          ? isSafeToRepeat(request) && !request.signal.aborted && !isUntrusted(outcome.error)
          : outcome.response.status === TOO_MANY_REQUESTS || (isSafeToRepeat(request) && isTransient(outcome.response));
      if (isLast || !isPassing) {
        if ('error' in outcome) throw outcome.error;
        return outcome.response;
      }
      const response = 'response' in outcome ? outcome.response : undefined;
      await response?.body?.cancel();
      request.signal.throwIfAborted();
      await wait(pause(retry, response?.headers.get('retry-after') ?? null), request.signal);
      request.signal.throwIfAborted();
    }
  };
}

/** Whether a request may be retried although the first one may have taken effect. RFC 9110, section 9.2.2. */
const isSafeToRepeat = ({ method }: Request) => method !== 'POST';

function isTransient({ status, headers }: Response): boolean {
  if (status !== INTERNAL_SERVER_ERROR) return PASSING.includes(status);
  return !headers.get('content-type')?.startsWith('application/json');
}

/** Whether the certificate of the service is not trusted, which the next attempt will not change. Browsers do not tell. */
function isUntrusted(error: unknown): boolean {
  return /CERT|UNABLE_TO_(?:GET|VERIFY)/.test(String(memberOf(memberOf(error, 'cause'), 'code')));
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

async function settle(sent: Promise<Response>): Promise<{ response: Response } | { error: unknown }> {
  try {
    return { response: await sent };
  } catch (error) {
    return { error };
  }
}

/** How long to wait before a retry, in milliseconds: as `Retry-After` asks, or longer each time, with jitter. */
export function pause(retry: number, retryAfter: string | null) {
  if (retryAfter !== null) {
    const said = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
    if (!Number.isNaN(said)) return Math.min(Math.max(said, 0), LONGEST_RETRY_AFTER_MS);
  }
  const longest = Math.min(1000 * 2 ** retry, LONGEST_PAUSE_MS);
  return longest / 2 + (Math.random() * longest) / 2;
}

/** Waits, or rejects with the reason of the signal. */
export function delay(milliseconds: number, signal: AbortSignal) {
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    function abort() {
      clearTimeout(timer);
      reject(signal.reason);
    }
    signal.addEventListener('abort', abort);
  });
}
