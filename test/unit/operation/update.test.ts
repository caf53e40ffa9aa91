// What an update decides is a table in updateDecision.test.ts; this is the loop around it.
import { expect, test } from '@jest/globals';
import { CONFLICT_BACKOFF, FAILURE_BACKOFF, MAX_ATTEMPTS } from '../../../shared/operation/backoff.ts';
import type { ListenToChange } from '../../../shared/operation/changeListener.ts';
import { repeatableRequest } from '../../../shared/operation/repeatability.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { type MemoryOperations, memoryOperations } from '../../support/memoryOperations.ts';
import { TENANT } from '../../support/operations.ts';

const repeatable = repeatableRequest({ requestId: 'r', caller: 'me', firstSent: Date.now() }, 'content');

/** What happens instead of the n-th request of its kind to the store, which it may send, or end the time of the update. */
type Fault<Method extends 'get' | 'put'> = (
  n: number,
  send: () => ReturnType<MemoryOperations[Method]>,
  over: () => void,
) => ReturnType<MemoryOperations[Method]>;
type Faults = { readonly put?: Fault<'put'>; readonly get?: Fault<'get'> };

/** Two instances on one store; the steps of the first one, whose requests may fail, and its pauses. */
function setUp({ put = (_n, send) => send(), get = (_n, send) => send() }: Faults = {}) {
  const steps: string[] = [];
  const pauses: number[] = [];
  const deadline = new AbortController();
  const { instance, rows } = memoryOperations();
  const own = instance();
  const over = () => deadline.abort();
  const times = (step: string) => steps.filter((each) => each === step).length;
  const { get: sendGet, put: sendPut } = own;
  own.get = (...args) => {
    steps.push('read');
    return get(times('read'), () => sendGet(...args), over);
  };
  own.put = (...args) => {
    steps.push('write');
    return put(times('write'), () => sendPut(...args), over);
  };
  const listen: ListenToChange = () => ({
    beforeWrite: async ({ changeType }) => void steps.push(`before ${changeType}`),
    afterWrite: (_version, attempt = 'last') => void steps.push(`after ${attempt}`),
    settled: () => void steps.push('settled'),
  });
  const sleep = async (milliseconds: number) => void pauses.push(milliseconds);
  const updateBy =
    (update: ReturnType<typeof createUpdateOperation>) =>
    (patch: object, changes: object = {}) =>
      update(TENANT, { id: 'a', patch, preconditions: {}, ...changes }, deadline.signal);
  return {
    ...{ steps, pauses },
    stored: () => rows.get(`${TENANT}/a`),
    update: updateBy(createUpdateOperation({ operations: own, listen, sleep })),
    elsewhere: updateBy(createUpdateOperation({ operations: instance(), sleep })),
  };
}

const fail = (reason: Error) => () => Promise.reject(reason);
const lose = fail(new ServiceError('unavailable', 'lost'));
const conflict = async () => undefined;
const takeEffect: Fault<'put'> = (_n, send) => send().then(lose);
const deny = fail(new Error('denied'));
const denySecond: Fault<'get'> = (n, send) => (n === 1 ? send() : deny());
const loseFirst: Fault<'put'> = (n, send) => (n === 1 ? lose() : send());
const isUnavailable = { reason: 'unavailable' };
const isDenied = { message: 'denied' };
const isRunning = { operation: { status: 'Running' } };
const created = ['before created', 'write'];
const attempts = (n: number) => Array.from({ length: n }, () => ['read', ...created]).flat();

test.each<[string, Faults, outcome: object, steps: string[]]>([
  ['that is acknowledged', {}, isRunning, [...attempts(1), 'after last']],
  ['that took effect unanswered', { put: takeEffect }, isRunning, [...attempts(1), 'read', 'after unknown']],
  ['that was lost once', { put: loseFirst }, isRunning, [...attempts(2), 'after last']],
  ['that never succeeds', { put: conflict }, { reason: 'conflict' }, [...attempts(MAX_ATTEMPTS), 'read', 'settled']],
  ['before which nothing can be read', { get: lose }, isUnavailable, ['read']],
  ['that was lost, and then a read is denied', { put: lose, get: denySecond }, isDenied, [...attempts(1), 'read']],
  ['that the store denies', { put: deny }, isDenied, attempts(1)],
  ['that fails otherwise', { put: fail(new ServiceError('forbidden', 'no')) }, { reason: 'forbidden' }, attempts(1)],
  ['during which the deadline passes', { put: (_n, _send, over) => lose().finally(over) }, isUnavailable, attempts(1)],
])('a write %s', async (_, faults, outcome, expected) => {
  const { update, steps } = setUp(faults);
  expect(await update({ status: 'Running' }).catch((error: unknown) => error)).toMatchObject(outcome);
  expect(steps).toEqual(expected);
});

test.each([
  ['a conflict', conflict, CONFLICT_BACKOFF],
  ['a failure', lose, FAILURE_BACKOFF],
])('after %s there is a pause, which doubles up to a bound, with jitter', async (_, put, { first, longest }) => {
  const { update, pauses } = setUp({ put });
  await expect(update({})).rejects.toThrow();
  expect(pauses).toHaveLength(MAX_ATTEMPTS);
  for (const [n, pause] of pauses.entries()) {
    const most = Math.min(longest, first * 2 ** n);
    expect(pause).toBeGreaterThanOrEqual(most / 2);
    expect(pause).toBeLessThanOrEqual(most);
  }
  expect(new Set(pauses.slice(-10)).size).toBeGreaterThan(1);
  expect(MAX_ATTEMPTS).toBeGreaterThanOrEqual(10);
});

const updated = ['before updated', 'write'];
const toFailed = { status: 'Failed' };
const same = { status: 'Running' };

test.each<[string, patch: object, changes: object, elsewhere: object | undefined, steps: string[]]>([
  ['was lately seen', toFailed, {}, undefined, [...updated, 'after last']],
  ['was seen with the ETag', toFailed, { preconditions: { ifMatch: ['"0"'] } }, undefined, [...updated, 'after last']],
  ['has changed since', toFailed, {}, { clientContext: 'b' }, [...updated, 'read', ...updated, 'after last']],
  ['stays the same', same, {}, undefined, ['read', 'settled']],
  ['stays the same, by a repeatable one', same, { repeatable }, undefined, ['write', 'settled']],
  ['another caller has changed alike', toFailed, { repeatable }, toFailed, [...updated, 'read', 'write', 'settled']],
])('what an update asks of the store, of an operation that %s', async (_, patch, changes, otherPatch, expected) => {
  const { update, elsewhere, steps, pauses, stored } = setUp();
  await update({ status: 'Running' });
  steps.length = 0;
  if (otherPatch) await elsewhere(otherPatch);
  await update(patch, changes);
  // A stale version in the cache is no conflict with others: nothing is waited for.
  expect([steps, pauses]).toEqual([expected, []]);
  expect(stored()?.operation).toMatchObject({ ...otherPatch, ...patch });
});

test('a repeatable update that is sent many times at once, to two instances, is made once', async () => {
  const { update, elsewhere, stored } = setUp();
  const send = (n: number) => [update, elsewhere][n % 2]?.({ status: 'Running' }, { repeatable });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => send(n)));
  expect(new Set(answers.map((answer) => answer?.etag)).size).toBe(1);
  expect(stored()?.writes).toHaveLength(1);
});

test('updates of one operation by one instance wait for each other', async () => {
  let [running, most] = [0, 0];
  const { update, stored } = setUp({
    put: async (_n, send) => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running -= 1;
      return send();
    },
  });
  await Promise.all(Array.from({ length: 50 }, (_, n) => update({ clientContext: `${n}` })));
  expect([most, stored()?.operation.clientContext]).toEqual([1, '49']);
});
