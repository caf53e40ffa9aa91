// What a deletion decides is a table in deleteDecision.test.ts; this is the loop around it.
import { expect, test } from '@jest/globals';
import { MAX_ATTEMPTS } from '../../../shared/operation/backoff.ts';
import { createDeleteOperation } from '../../../shared/operation/delete.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { memoryOperations } from '../../support/memoryOperations.ts';
import { TENANT } from '../../support/operations.ts';

const lost = () => new ServiceError('unavailable', 'lost');

/** An operation `a`, of which the n-th removal may fail, and another instance that updates it. */
async function setUp(remove: (n: number, send: () => Promise<boolean>, deadline: AbortController) => Promise<boolean>) {
  const steps: string[] = [];
  const deadline = new AbortController();
  const { signal } = deadline;
  const { rows, instance } = memoryOperations();
  const [own, elsewhere] = [instance(), instance()];
  const update = (patch: object) =>
    createUpdateOperation({ operations: elsewhere })(TENANT, { id: 'a', patch, preconditions: {} }, signal);
  await update({ status: 'Running' });
  const send = own.remove;
  own.remove = (...args) => {
    steps.push('remove');
    return remove(steps.length, () => send(...args), deadline);
  };
  const listener = {
    beforeWrite: async () => {},
    afterWrite: () => void steps.push('after'),
    settled: () => void steps.push('settled'),
  };
  const deleteIt = createDeleteOperation({ operations: own, listen: () => listener, sleep: async () => {} });
  const request = { id: 'a', preconditions: {} };
  return {
    steps,
    update,
    context: () => rows.get(`${TENANT}/a`)?.operation.clientContext,
    run: () => deleteIt(TENANT, request, signal),
  };
}

type Remove = Parameters<typeof setUp>[0];

test.each<[string, Remove, outcome: object | undefined, steps: string[]]>([
  ['that succeeds', (_n, send) => send(), undefined, ['remove', 'after']],
  [
    'that never succeeds',
    async () => false,
    { reason: 'conflict' },
    [...Array(MAX_ATTEMPTS).fill('remove'), 'settled'],
  ],
  [
    'whose response was lost, and that took effect',
    (_n, send) => send().then(() => Promise.reject(lost())),
    undefined,
    ['remove', 'after'],
  ],
  [
    'whose response was lost, and that did not take effect',
    (n, send) => (n === 1 ? Promise.reject(lost()) : send()),
    undefined,
    ['remove', 'remove', 'after'],
  ],
  [
    'whose response never comes',
    () => Promise.reject(lost()),
    { reason: 'unavailable' },
    Array(MAX_ATTEMPTS).fill('remove'),
  ],
  [
    'whose deadline passes',
    (_n, send, deadline) =>
      send()
        .then(() => Promise.reject(lost()))
        .finally(() => deadline.abort()),
    { reason: 'unavailable' },
    ['remove'],
  ],
  ['that the store denies', () => Promise.reject(new Error('denied')), { message: 'denied' }, ['remove']],
  [
    'that fails otherwise',
    () => Promise.reject(new ServiceError('internal', 'denied')),
    { reason: 'internal' },
    ['remove'],
  ],
])('a removal %s', async (_, remove, outcome, expected) => {
  const { run, steps } = await setUp(remove);
  const error: unknown = await run().then(
    () => undefined,
    (reason) => reason,
  );
  if (outcome) expect(error).toMatchObject(outcome);
  else expect(error).toBeUndefined();
  expect(steps).toEqual(expected);
});

test('a removal that meets a change takes the operation as it then is', async () => {
  const { run, steps, context, update } = await setUp(async (n, send) => {
    if (n === 1) await update({ clientContext: 'changed' });
    return send();
  });
  await run();
  expect([steps, context()]).toEqual([['remove', 'remove', 'after'], undefined]);
});

test('a removal that reaches the store when the operation is another leaves that one', async () => {
  let late: () => Promise<boolean> = async () => true;
  const { run, context, update } = await setUp((n, send) => {
    if (n > 1) return send();
    late = send;
    return Promise.reject(lost());
  });
  await run();
  await update({ clientContext: 'new' });
  expect([await late(), context()]).toEqual([false, 'new']);
});
