import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  findRepetition,
  KEPT_FOR_MS,
  KEPT_RESPONSES,
  MAX_REQUESTS,
  MAX_REQUESTS_OF_CALLER,
  MAX_RESPONSES_LENGTH,
  nextHistory,
  REPEATABILITY_SKEW_MS,
  REPEATABILITY_WINDOW_MS,
  type RepeatableHistory,
  type RepeatableRequest,
  repeatableHistory,
  repeatableRequest,
} from '../../../shared/operation/repeatability.ts';
import { anOperation, operations as anyOperation } from '../../support/operations.ts';

const NOW = Date.UTC(2026, 10, 23, 17, 15, 52);
const rejected = (reason: string) => expect.objectContaining({ reason });

function requestOf(n: number, firstSent = NOW, content: unknown = n, caller = 'me'): RepeatableRequest {
  return repeatableRequest({ requestId: `${n}`, caller, firstSent }, content);
}
const versionOf = (n: number) => ({ operation: anOperation({ id: 'a', clientContext: `${n}` }), etag: `W/"${n}"` });

/** An operation after these requests, one after the other, and which version each of them made. */
function afterRequests(requests: readonly RepeatableRequest[], now: (n: number) => number = () => NOW) {
  let current: (ReturnType<typeof versionOf> & { history?: RepeatableHistory | undefined }) | undefined;
  for (const [n, request] of requests.entries())
    current = { ...versionOf(n), history: nextHistory(current, request, now(n)) };
  return current;
}
const many = (count: number, caller?: string) => Array.from({ length: count }, (_, n) => requestOf(n, NOW, n, caller));
const unknown = { isRepeated: false };
const inDoubt = { isRepeated: false, refusal: rejected('repetitionUnknown') };

describe('the history of an operation', () => {
  test('is empty without a repeatable request', () => {
    for (const current of [undefined, versionOf(0)]) {
      expect(nextHistory(current, undefined, NOW)).toBeUndefined();
      expect(findRepetition(current, requestOf(1))).toEqual(unknown);
    }
  });

  test('has the newest of the first responses, after any later writes, and knows that the other requests were done', () => {
    const requests = many(KEPT_RESPONSES + 5);
    const current = afterRequests(requests);
    const later = { ...versionOf(99), history: nextHistory(current, undefined, NOW) };
    for (const [n, request] of requests.entries()) {
      const requestsSince = requests.length - 1 - n;
      const responseIf = (isKept: boolean) => ({ isRepeated: true, response: isKept ? versionOf(n) : undefined });
      expect(findRepetition(current, request)).toEqual(responseIf(requestsSince <= KEPT_RESPONSES));
      expect(findRepetition(later, request)).toEqual(responseIf(requestsSince < KEPT_RESPONSES));
    }
    expect(findRepetition(later, requestOf(-1))).toEqual(unknown);
  });

  /** When a request was certainly not sent before any that is not kept: times of receipt are multiples of 4 seconds. */
  const certain = NOW + REPEATABILITY_SKEW_MS + 4000;

  test.each([
    [`${MAX_REQUESTS_OF_CALLER} requests of a caller`, 'me', MAX_REQUESTS_OF_CALLER, 0],
    [`${MAX_REQUESTS} requests in all`, 'me', 500, MAX_REQUESTS - 500],
  ])('doubts none after %s; one more, and it may have received others before', (_title, caller, mine, others) => {
    const all = [...many(mine, caller), ...many(others, 'other')];
    const current = afterRequests(all);
    for (const request of all) expect(findRepetition(current, request)).toMatchObject({ isRepeated: true });
    expect(findRepetition(current, requestOf(-1))).toEqual(unknown);
    const full = { ...versionOf(0), history: nextHistory(current, requestOf(-2), NOW) };
    expect(findRepetition(full, requestOf(0))).toMatchObject({ isRepeated: true });
    expect(findRepetition(full, requestOf(-1))).toEqual(inDoubt);
    expect(findRepetition(full, requestOf(-1, certain))).toEqual(unknown);
    expect(findRepetition(full, requestOf(-1, certain - 4000))).toEqual(inDoubt);
    const more = { ...versionOf(0), history: nextHistory(full, requestOf(-3), NOW) };
    expect(findRepetition(more, requestOf(0))).toEqual(inDoubt);
    expect(findRepetition(more, requestOf(1))).toMatchObject({ isRepeated: true });
  });

  test('of a caller that sent too many is not that of another', () => {
    const current = afterRequests([...many(3, 'other'), ...many(2 * MAX_REQUESTS)]);
    expect(findRepetition(current, requestOf(-1))).toEqual(inDoubt);
    expect(findRepetition(current, requestOf(-1, NOW, -1, 'other'))).toEqual(unknown);
    expect(findRepetition(current, requestOf(0, NOW, 0, 'other'))).toMatchObject({ isRepeated: true });
    expect(current?.history?.requests).toHaveLength((3 + MAX_REQUESTS_OF_CALLER + 1) * 21);
  });

  test('drops first what was received first, whatever the clocks of instances', () => {
    const slow = NOW - REPEATABILITY_SKEW_MS;
    const current = afterRequests(many(MAX_REQUESTS_OF_CALLER + 2), (n) => (n === 7 ? slow : NOW));
    expect(findRepetition(current, requestOf(0))).toMatchObject({ isRepeated: true });
    expect(findRepetition(current, requestOf(7))).toEqual(inDoubt);
  });

  test('never doubts a new request for the clocks of others', () => {
    const clocks = fc.integer({ min: -REPEATABILITY_SKEW_MS, max: REPEATABILITY_SKEW_MS });
    return fc.assert(
      fc.property(fc.array(clocks, { minLength: 1, maxLength: 60 }), clocks, (others, mine) => {
        const requests = others.map((clock, n) => requestOf(n, NOW + n * 100 + clock));
        const current = afterRequests(requests, (n) => NOW + n * 100);
        expect(findRepetition(current, requestOf(-1, NOW + others.length * 100 + mine))).toEqual(unknown);
      }),
    );
  });

  test('is stored as whole entries', () => {
    const isStored = (requests: string) => repeatableHistory.safeParse({ requests, responses: [] }).success;
    const entry = 'A-_z0'.padEnd(21, 'x');
    for (const entries of ['', entry, entry + entry]) expect([entries, isStored(entries)]).toEqual([entries, true]);
    for (const others of [entry.slice(1), `${entry}x`, ` ${entry}`, `${entry} `, '+'.repeat(21)])
      expect([others, isStored(others)]).toEqual([others, false]);
  });

  test('is kept for as long as any instance accepts a repeat, by any clocks', () => {
    expect(nextHistory(afterRequests([requestOf(1)]), undefined, NOW + KEPT_FOR_MS)).toBeUndefined();
    const skew = fc.integer({ min: 0, max: REPEATABILITY_SKEW_MS });
    const sent = fc.integer({ min: -REPEATABILITY_WINDOW_MS - REPEATABILITY_SKEW_MS, max: REPEATABILITY_SKEW_MS });
    return fc.assert(
      fc.property(sent, skew, fc.nat(2 * KEPT_FOR_MS), (sentAt, slower, after) => {
        // An instance accepted it at NOW, and another one drops it; the clock of a third is slower.
        const current = afterRequests([requestOf(1, NOW + sentAt)]);
        const isDropped = nextHistory(current, undefined, NOW + after) === undefined;
        const isAccepted = sentAt >= after - slower - REPEATABILITY_WINDOW_MS - REPEATABILITY_SKEW_MS;
        expect(isDropped && isAccepted).toBe(false);
        expect(isDropped).toBe(after >= 14 * 60_000);
        const next = nextHistory(current, requestOf(2), NOW + after);
        expect(next?.requests).toHaveLength(isDropped ? 21 : 42);
      }),
    );
  });

  test('has the newest responses whose JSON is at most 30,000 characters long', () => {
    /** The history after a first response whose JSON, in an array of its own, has this length. */
    const afterResponseOf = (length: number) => {
      const of = (clientContext: string) => ({ operation: anOperation({ id: 'a', clientContext }), etag: 'e' });
      const rest = JSON.stringify([{ key: requestOf(0).key, version: of('') }]).length;
      const first = { ...of('x'.repeat(length - rest)), history: nextHistory(undefined, requestOf(0), NOW) };
      return { ...versionOf(1), history: nextHistory(first, requestOf(1), NOW) };
    };
    const lengthsOf = ({ history }: ReturnType<typeof afterResponseOf>) =>
      history?.responses.map((response) => JSON.stringify([response]).length);
    expect(MAX_RESPONSES_LENGTH).toBe(30_000);
    expect(lengthsOf(afterResponseOf(MAX_RESPONSES_LENGTH))).toEqual([MAX_RESPONSES_LENGTH]);
    expect(lengthsOf(afterResponseOf(MAX_RESPONSES_LENGTH + 1))).toEqual([]);

    const spare = 500;
    const second = afterResponseOf(MAX_RESPONSES_LENGTH - spare);
    const third = { ...versionOf(2), history: nextHistory(second, requestOf(2), NOW) };
    expect(third.history?.responses.map(({ version }) => version.etag)).toEqual(['W/"1"', 'e']);
    const large = { ...versionOf(1), operation: anOperation({ clientContext: 'x'.repeat(spare) }) };
    const without = nextHistory({ ...large, history: second.history }, requestOf(2), NOW);
    expect(without?.responses.map(({ version }) => version.etag)).toEqual(['W/"1"']);
  });

  test('fits into the columns of a row, for any responses', async () => {
    const versions = fc.array(anyOperation, { minLength: 1, maxLength: 12 });
    const messages = fc.constantFrom(null, '\u0001'.repeat(8192), 'x'.repeat(8192), '\u20ac'.repeat(8192));
    await fc.assert(
      fc.property(versions, messages, (all, message) => {
        let current: Parameters<typeof findRepetition>[0];
        for (const [n, version] of all.entries()) {
          const operation = message === null ? version : { ...version, resultInfo: { code: 1, subcode: 1, message } };
          current = { operation, etag: `${n}`, history: nextHistory(current, requestOf(n), NOW) };
          expect(JSON.stringify({ ...current.history, requests: '' }).length).toBeLessThan(32_768);
          expect(findRepetition(current, requestOf(n)).response).toEqual({ operation, etag: `${n}` });
        }
        for (const n of all.keys()) expect(findRepetition(current, requestOf(n)).isRepeated).toBe(true);
      }),
      { numRuns: 30 },
    );
    const full = afterRequests([...many(MAX_REQUESTS), ...many(MAX_REQUESTS, 'other')]);
    expect(full?.history?.requests).toHaveLength((MAX_REQUESTS + 1) * 21);
    expect(full?.history?.requests.length).toBeLessThan(32_768);
  });
});

test('a request of the same id that asks for something else, or was first sent at another time, is refused', () => {
  const current = afterRequests([requestOf(1, NOW, { status: 'Running' })]);
  for (const request of [requestOf(1, NOW, { status: 'Failed' }), requestOf(1, NOW + 1000, { status: 'Running' })])
    expect(findRepetition(current, request)).toEqual({ isRepeated: false, refusal: rejected('repetitionDiffers') });
});
