// What an update decides is a table in updateDecision.test.ts; this is the loop around it.
import { describe, expect, test } from '@jest/globals';
import { CONFLICT_BACKOFF, FAILURE_BACKOFF, MAX_ATTEMPTS } from '../../../shared/operation/backoff.ts';
import type { ListenToChange } from '../../../shared/operation/changeListener.ts';
import { repeatableRequest } from '../../../shared/operation/repeatability.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { type MemoryOperations, memoryOperations } from '../../support/memoryOperations.ts';
import { TENANT } from '../../support/operations.ts';

const lost = () => new ServiceError('unavailable', 'lost');
const repeatable = repeatableRequest({ requestId: 'r', caller: 'me', firstSent: Date.now() }, 'content');

/** Does something in place of the n-th request of its kind to the store, which it may send. */
type Fault<Method extends 'get' | 'put'> = (
  n: number,
  send: () => ReturnType<MemoryOperations[Method]>,
  ...args: Parameters<MemoryOperations[Method]>
) => ReturnType<MemoryOperations[Method]>;

/** Two instances on one store; the steps of the first one, whose requests may fail, and its pauses. */
function setUp({ put, get }: { put?: Fault<'put'>; get?: Fault<'get'> } = {}) {
  const steps: string[] = [];
  const pauses: number[] = [];
  const deadline = new AbortController();
  const { instance, rows } = memoryOperations();
  const own = instance();
  const [sendGet, sendPut] = [own.get, own.put];
  const times = (step: string) => steps.filter((each) => each === step).length;
  own.get = (...args) => {
    steps.push('read');
    return get ? get(times('read'), () => sendGet(...args), ...args) : sendGet(...args);
  };
  own.put = (...args) => {
    steps.push('write');
    return put ? put(times('write'), () => sendPut(...args), ...args) : sendPut(...args);
  };
  const listen: ListenToChange = () => ({
    beforeWrite: async ({ changeType }) => void steps.push(`before ${changeType}`),
    afterWrite: (_version, attempt = 'last') => void steps.push(`after ${attempt}`),
    settled: () => void steps.push('settled'),
  });
  const sleep = async (milliseconds: number) => void pauses.push(milliseconds);
  const update = createUpdateOperation({ operations: own, listen, sleep });
  const elsewhere = createUpdateOperation({ operations: instance() });
  return {
    ...{ steps, pauses, deadline, own, instance },
    stored: () => rows.get(`${TENANT}/a`),
    update: (patch: object, changes: object = {}) =>
      update(TENANT, { id: 'a', patch, preconditions: {}, ...changes }, deadline.signal),
    elsewhere: (patch: object) => elsewhere(TENANT, { id: 'a', patch, preconditions: {} }, deadline.signal),
  };
}

const created = ['before created', 'write'];
const unknown = { reason: 'unavailable' };
const denied = (reason: Error): Parameters<typeof setUp>[0] => ({ put: () => Promise.reject(reason) });

test.each<[string, NonNullable<Parameters<typeof setUp>[0]>, outcome: object, steps: string[]]>([
  ['that is acknowledged', {}, { operation: { status: 'Running' } }, ['read', ...created, 'after last']],
  [
    'whose response was lost, and that took effect, is not made again',
    { put: (_n, send) => send().then(() => Promise.reject(lost())) },
    { operation: { status: 'Running' } },
    ['read', ...created, 'read', 'after unknown'],
  ],
  [
    'whose response was lost, and that did not take effect, is made again',
    { put: (n, send) => (n === 1 ? Promise.reject(lost()) : send()) },
    { operation: { status: 'Running' } },
    ['read', ...created, 'read', ...created, 'after last'],
  ],
  [
    'that never succeeds is a conflict',
    { put: async () => undefined },
    { reason: 'conflict' },
    [
      ...Array(MAX_ATTEMPTS)
        .fill(['read', ...created])
        .flat(),
      'read',
      'settled',
    ],
  ],
  ['before which nothing can be read', { get: () => Promise.reject(lost()) }, unknown, ['read']],
  [
    'after which nothing can be read',
    { put: async () => undefined, get: (n, send) => (n === 1 ? send() : Promise.reject(lost())) },
    unknown,
    ['read', ...created, 'read'],
  ],
  [
    'whose response was lost, and after which no read is allowed',
    {
      put: () => Promise.reject(lost()),
      get: (n, send) => (n === 1 ? send() : Promise.reject(new Error('forbidden'))),
    },
    { message: 'forbidden' },
    ['read', ...created, 'read'],
  ],
  ['that the store denies', denied(new Error('denied')) ?? {}, { message: 'denied' }, ['read', ...created]],
  [
    'that fails otherwise',
    denied(new ServiceError('forbidden', 'no')) ?? {},
    { reason: 'forbidden' },
    ['read', ...created],
  ],
])('a write %s', async (_, faults, outcome, expected) => {
  const { update, steps } = setUp(faults);
  expect(await update({ status: 'Running' }).catch((error: unknown) => error)).toMatchObject(outcome);
  expect(steps).toEqual(expected);
});

test.each<[string, (deadline: AbortController) => ReturnType<MemoryOperations['put']>, steps: string[]]>([
  ['while it is written', (deadline) => Promise.reject(lost()).finally(() => deadline.abort()), ['read', ...created]],
  [
    'between two attempts',
    (deadline) => Promise.resolve(undefined).finally(() => deadline.abort()),
    ['read', ...created, 'read'],
  ],
])('an update whose deadline passes %s is unavailable', async (_, put, expected) => {
  const { update, steps, deadline } = setUp({ put: () => put(deadline) });
  await expect(update({})).rejects.toMatchObject(unknown);
  expect(steps).toEqual(expected);
});

test.each([
  ['a conflict', async () => undefined, CONFLICT_BACKOFF],
  ['a failure', () => Promise.reject(lost()), FAILURE_BACKOFF],
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

describe('what an update asks of the store, and tells its listener', () => {
  const updated = ['before updated', 'write'];

  test.each<[string, patch: object, changes: object, elsewhere: object | undefined, steps: string[]]>([
    ['of an operation that was lately seen', { status: 'Failed' }, {}, undefined, [...updated, 'after last']],
    [
      'with its ETag',
      { status: 'Failed' },
      { preconditions: { ifMatch: ['"0"'] } },
      undefined,
      [...updated, 'after last'],
    ],
    [
      'where what was seen is stale',
      { status: 'Failed' },
      {},
      { clientContext: 'other' },
      [...updated, 'read', ...updated, 'after last'],
    ],
    ['that changes nothing', { status: 'Running' }, {}, undefined, ['read', 'settled']],
    ['that changes nothing, and is repeatable', { status: 'Running' }, { repeatable }, undefined, ['write', 'settled']],
    [
      'that is repeatable, and that another caller made in the meantime',
      { status: 'Failed' },
      { repeatable },
      { status: 'Failed' },
      [...updated, 'read', 'write', 'settled'],
    ],
  ])('%s', async (_, patch, changes, otherPatch, expected) => {
    const { update, elsewhere, steps, pauses, stored } = setUp();
    await update({ status: 'Running' });
    steps.length = 0;
    if (otherPatch) await elsewhere(otherPatch);
    await update(patch, changes);
    // A stale version in the cache is no conflict with others: nothing is waited for.
    expect([steps, pauses]).toEqual([expected, []]);
    expect(stored()?.operation).toMatchObject({ ...otherPatch, ...patch });
  });
});

test('a repeatable update that is sent many times at once, to two instances, is made once', async () => {
  const { instance, rows } = memoryOperations();
  const both = [instance(), instance()].map((operations) =>
    createUpdateOperation({ operations, sleep: async () => {} }),
  );
  const request = { id: 'a', patch: { status: 'Running' }, preconditions: {}, repeatable } as const;
  const { signal } = new AbortController();
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => both[n % 2]?.(TENANT, request, signal)));
  expect(new Set(answers.map((answer) => answer?.etag)).size).toBe(1);
  expect(rows.get(`${TENANT}/a`)?.writes).toHaveLength(1);
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
