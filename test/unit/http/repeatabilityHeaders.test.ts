import { describe, expect, test } from '@jest/globals';
import { readRepeatability, repeatabilityResult } from '../../../shared/http/repeatabilityHeaders.ts';
import {
  REPEATABILITY_SKEW_MS,
  REPEATABILITY_WINDOW_MS,
  repeatableRequest,
} from '../../../shared/operation/repeatability.ts';
import { faultsOf } from '../../support/faults.ts';

const NOW = Date.UTC(2026, 10, 23, 17, 15, 52);
const ID = '112a3a3e-f94c-4f56-b49b-5aab3d97e5b7';
const dateOf = (time: number) => new Date(time).toUTCString();
const headersOf = (id: string | undefined, firstSent: string | undefined) =>
  new Headers({
    ...(id !== undefined && { 'Repeatability-Request-ID': id }),
    ...(firstSent !== undefined && { 'Repeatability-First-Sent': firstSent }),
  });
const read = (id?: string, firstSent?: string, caller = 'me') =>
  readRepeatability(headersOf(id, firstSent), caller, NOW);

const refused = (reason: string) => expect.objectContaining({ reason });

describe('the headers', () => {
  test('distinguish a request of one caller from all others, in any casing of its id', () => {
    expect(read()).toBeUndefined();
    const one = read(ID, dateOf(NOW));
    expect(one?.firstSent).toBe(NOW);
    expect(read(ID.toUpperCase(), dateOf(NOW))).toEqual(one);
    expect(read(ID, dateOf(NOW), 'other')).not.toEqual(one);
    expect(read(ID.replace('1', '2'), dateOf(NOW))).not.toEqual(one);
    expect(JSON.stringify(one && repeatableRequest(one, {}))).not.toContain(ID);
  });

  const noId = 'InvalidHeader Repeatability-Request-ID';
  const noDate = 'InvalidHeader Repeatability-First-Sent';
  const badDates = [
    ...['', '2026-11-23T17:15:52Z', '1795454152', 'Monday, 23-Nov-26 17:15:52 GMT', 'Mon Nov 23 17:15:52 2026', 'x'],
    ...['Mon, 23 Nov 2026 17:15:52 UTC', 'Mon, 23 Nov 2026 17:15:52 +0000', 'Tue, 23 Nov 2026 17:15:52 GMT'],
    ...['Mon, 31 Feb 2026 17:15:52 GMT', 'mon, 23 nov 2026 17:15:52 gmt', undefined],
  ];

  test('are rejected with 400 when one is missing or malformed, and the message says what is right', () => {
    for (const id of [undefined, 'my-request', '']) expect(faultsOf(() => read(id, dateOf(NOW)))).toEqual([noId]);
    for (const date of badDates) expect([date, faultsOf(() => read(ID, date))]).toEqual([date, [noDate]]);
    expect(faultsOf(() => read('x', 'x'))).toEqual([noId, noDate]);
    const messages = [
      'Repeatability-Request-ID must be a UUID, and is needed with Repeatability-First-Sent.',
      'Repeatability-First-Sent must be a date such as Mon, 23 Nov 2026 17:15:52 GMT, and is needed with Repeatability-Request-ID.',
    ];
    const details = messages.map((message) => expect.objectContaining({ message }));
    expect(() => read('x', 'x')).toThrow(expect.objectContaining({ details }));
  });

  test('are rejected with 412 when the request was first sent too long ago, or will be', () => {
    const sentAt = (time: number) => () => read(ID, dateOf(time));
    // By a clock that is slow by as much as is tolerated.
    const oldest = NOW - REPEATABILITY_WINDOW_MS - REPEATABILITY_SKEW_MS;
    expect(sentAt(oldest)).not.toThrow();
    expect(sentAt(oldest - 1000)).toThrow(refused('repetitionUnknown'));
    expect(sentAt(NOW + REPEATABILITY_SKEW_MS)).not.toThrow();
    expect(sentAt(NOW + REPEATABILITY_SKEW_MS + 1000)).toThrow(refused('repetitionUnknown'));
    expect(sentAt(0)).toThrow(refused('repetitionUnknown'));
  });

  test('are rejected with 501 where no request can be repeatable, if they are well', () => {
    const message =
      'This request cannot be repeatable: send it without Repeatability-Request-ID and Repeatability-First-Sent.';
    expect(readRepeatability(new Headers(), undefined, NOW)).toBeUndefined();
    const readAnonymous = (date?: string) => () => readRepeatability(headersOf(ID, date), undefined, NOW);
    expect(readAnonymous(dateOf(NOW))).toThrow(expect.objectContaining({ reason: 'notImplemented', message }));
    expect(readAnonymous()).toThrow(refused('invalidRequest'));
  });
});

test('the result is in the response to a repeatable request, unless it may have been executed nevertheless', () => {
  const [both, onlyId] = [headersOf(ID, dateOf(NOW)), headersOf(ID, undefined)];
  const onlyDate = headersOf(undefined, dateOf(NOW));
  const resultOf = (method: string, headers: Headers, status: number) =>
    repeatabilityResult(method, headers, status)['Repeatability-Result'];
  for (const method of ['PATCH', 'DELETE', 'POST']) {
    for (const status of [200, 204]) expect(resultOf(method, both, status)).toBe('accepted');
    for (const status of [400, 409, 412, 501]) expect(resultOf(method, both, status)).toBe('rejected');
    for (const status of [500, 503]) expect(resultOf(method, both, status)).toBeUndefined();
  }
  for (const headers of [onlyId, onlyDate]) expect(resultOf('PATCH', headers, 400)).toBe('rejected');
  for (const status of [200, 400]) {
    expect(repeatabilityResult('PATCH', new Headers(), status)).toEqual({});
    for (const method of ['GET', 'HEAD']) expect(resultOf(method, both, status)).toBeUndefined();
  }
  expect(resultOf('PATCH', onlyDate, 200)).toBeUndefined();
});
