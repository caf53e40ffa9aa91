import { describe, expect, test } from '@jest/globals';
import { readRepeatability, repeatabilityResult } from '../../../shared/http/repeatabilityHeaders.ts';
import {
  REPEATABILITY_SKEW_MS,
  REPEATABILITY_WINDOW_MS,
  repeatableRequest,
} from '../../../shared/operation/repeatability.ts';

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
  test('that were not sent have no effect', () => {
    expect(read()).toBeUndefined();
    expect(() => readRepeatability(new Headers(), undefined, NOW)).not.toThrow();
  });

  test('distinguish a request of one caller from all others, in any casing of its id', () => {
    const one = read(ID, dateOf(NOW));
    expect(one?.firstSent).toBe(NOW);
    expect(read(ID.toUpperCase(), dateOf(NOW))).toEqual(one);
    expect(read(ID, dateOf(NOW), 'other')).not.toEqual(one);
    expect(read(ID.replace('1', '2'), dateOf(NOW))).not.toEqual(one);
    expect(JSON.stringify(one && repeatableRequest(one, {}))).not.toContain(ID);
  });

  test.each([
    ['one without the other', ID, undefined, ['Repeatability-First-Sent']],
    ['the other without the one', undefined, dateOf(NOW), ['Repeatability-Request-ID']],
    ['an id that is no UUID', 'my-request', dateOf(NOW), ['Repeatability-Request-ID']],
    ['an empty id', '', dateOf(NOW), ['Repeatability-Request-ID']],
    ['both malformed', 'x', 'x', ['Repeatability-Request-ID', 'Repeatability-First-Sent']],
    ...[
      ...['', '2026-11-23T17:15:52Z', '1795454152', 'Monday, 23-Nov-26 17:15:52 GMT', 'Mon Nov 23 17:15:52 2026'],
      ...['Mon, 23 Nov 2026 17:15:52 UTC', 'Mon, 23 Nov 2026 17:15:52 +0000', 'Tue, 23 Nov 2026 17:15:52 GMT'],
      ...['Mon, 31 Feb 2026 17:15:52 GMT', 'mon, 23 nov 2026 17:15:52 gmt'],
    ].map((date): [string, string, string, string[]] => [`the date ${date}`, ID, date, ['Repeatability-First-Sent']]),
  ])('are rejected with 400: %s', (_title, id, date, targets) => {
    const details = targets.map((target) => expect.objectContaining({ code: 'InvalidHeader', target }));
    expect(() => read(id, date)).toThrow(expect.objectContaining({ reason: 'invalidRequest', details }));
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
    expect(() => readRepeatability(headersOf(ID, dateOf(NOW)), undefined, NOW)).toThrow(refused('notImplemented'));
    expect(() => readRepeatability(headersOf(ID, undefined), undefined, NOW)).toThrow(refused('invalidRequest'));
  });
});

describe('the message of a refusal names what is wrong', () => {
  const date =
    'Repeatability-First-Sent must be a date such as Mon, 23 Nov 2026 17:15:52 GMT, and is needed with Repeatability-Request-ID.';
  const id = 'Repeatability-Request-ID must be a UUID, and is needed with Repeatability-First-Sent.';
  test.each<[string, () => unknown]>([
    [id, () => read(undefined, dateOf(NOW))],
    ['The request has 2 faults; details names each.', () => read('x', 'x')],
    [
      'This request cannot be repeatable: send it without Repeatability-Request-ID and Repeatability-First-Sent.',
      () => readRepeatability(headersOf(ID, dateOf(NOW)), undefined, NOW),
    ],
  ])('%s', (message, run) => {
    expect(run).toThrow(expect.objectContaining({ message }));
  });

  test('and so do its details', () => {
    expect(() => read('x', 'x')).toThrow(
      expect.objectContaining({ details: [id, date].map((message) => expect.objectContaining({ message })) }),
    );
  });
});

describe('the result of a request', () => {
  const complete = headersOf(ID, dateOf(NOW));
  const onlyId = headersOf(ID, undefined);
  const onlyDate = headersOf(undefined, dateOf(NOW));
  const accepted = { 'Repeatability-Result': 'accepted' };
  const rejected = { 'Repeatability-Result': 'rejected' };

  test.each(['PATCH', 'DELETE', 'POST'])('is in the response to a repeatable %s', (method) => {
    for (const status of [200, 204]) expect(repeatabilityResult(method, complete, status)).toEqual(accepted);
    for (const status of [400, 409, 412, 501]) {
      expect(repeatabilityResult(method, complete, status)).toEqual(rejected);
    }
  });

  test('is left out when the request may have been executed nevertheless', () => {
    for (const status of [500, 503]) expect(repeatabilityResult('PATCH', complete, status)).toEqual({});
  });

  test.each([
    ['the id', onlyId],
    ['the date', onlyDate],
  ])('is a rejection when %s is its only header', (_title, headers) => {
    expect(repeatabilityResult('PATCH', headers, 400)).toEqual(rejected);
  });

  test('is left out when the request was not repeatable', () => {
    for (const status of [200, 400]) {
      expect(repeatabilityResult('PATCH', new Headers(), status)).toEqual({});
      expect(repeatabilityResult('GET', complete, status)).toEqual({});
      expect(repeatabilityResult('HEAD', complete, status)).toEqual({});
    }
    expect(repeatabilityResult('PATCH', onlyDate, 200)).toEqual({});
  });
});
