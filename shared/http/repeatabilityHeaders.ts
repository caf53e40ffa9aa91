// Repeatable Requests 1.0 (OASIS), sections 2 and 3: the headers.
import * as z from 'zod';
import { REPEATABILITY_SKEW_MS, REPEATABILITY_WINDOW_MS, type Repeatability } from '../operation/repeatability.ts';
import { Faults, ServiceError } from '../serviceError.ts';
import { readHeader } from './headers.ts';

const REQUEST_ID = 'Repeatability-Request-ID';
const FIRST_SENT = 'Repeatability-First-Sent';
const NOT_REPEATABLE = `This request cannot be repeatable: send it without ${REQUEST_ID} and ${FIRST_SENT}.`;

/**
 * Reads `Repeatability-Request-ID`, a UUID, and `Repeatability-First-Sent`; undefined when neither was sent.
 *
 * @param caller the sender: the same id from another caller is another request. Undefined where no request can be repeatable
 * @throws ServiceError `invalidRequest` when one of them is missing or malformed; `repetitionUnknown` when the request was
 * first sent too long ago, or in the future; `notImplemented` when it cannot be repeatable
 */
export function readRepeatability(
  headers: Headers,
  caller: string | undefined,
  now: number,
): Repeatability | undefined {
  const requestId = readHeader(headers, REQUEST_ID);
  const firstSent = readHeader(headers, FIRST_SENT);
  if (requestId === null && firstSent === null) return undefined;
  const id = z.guid().safeParse(requestId).data;
  const time = parseImfFixdate(firstSent ?? '');
  const faults = new Faults();
  if (id === undefined) faults.add('InvalidHeader', REQUEST_ID, `must be a UUID, and is needed with ${FIRST_SENT}`);
  if (time === undefined) {
    const example = 'such as Mon, 23 Nov 2026 17:15:52 GMT';
    faults.add('InvalidHeader', FIRST_SENT, `must be a date ${example}, and is needed with ${REQUEST_ID}`);
  }
  if (id === undefined || time === undefined) throw faults.toError();
  // The clock of the caller may be slow or fast, and takes nothing from the time in which it can repeat a request.
  const earliest = now - REPEATABILITY_WINDOW_MS - REPEATABILITY_SKEW_MS;
  if (time < earliest || time > now + REPEATABILITY_SKEW_MS) throw new ServiceError('repetitionUnknown');
  if (caller === undefined) throw new ServiceError('notImplemented', NOT_REPEATABLE);
  return { requestId: id.toLowerCase(), caller, firstSent: time };
}

/**
 * The `Repeatability-Result` header of a response with this status. There is none where the request was not repeatable, nor
 * where the service failed, since the request may have been executed. Section 4.
 */
export function repeatabilityResult(
  method: string,
  requested: Headers,
  status: number,
): { readonly 'Repeatability-Result'?: 'accepted' | 'rejected' } {
  const isError = status >= 400;
  if (!requested.has(REQUEST_ID) && !(isError && requested.has(FIRST_SENT))) return {};
  if (method === 'GET' || method === 'HEAD' || status === 500 || status === 503) return {};
  return { 'Repeatability-Result': isError ? 'rejected' : 'accepted' };
}

/** RFC 9110, section 5.6.7: the one form of HTTP-date that the standard allows. */
function parseImfFixdate(value: string): number | undefined {
  const time = Date.parse(value);
  return Number.isFinite(time) && new Date(time).toUTCString() === value ? time : undefined;
}
