// What a deletion decides is a table in deleteDecision.test.ts, and how an attempt fails is in update.test.ts; this is the rest.
import { expect, test } from '@jest/globals';
import { MAX_ATTEMPTS } from '../../../shared/operation/backoff.ts';
import { createDeleteOperation } from '../../../shared/operation/delete.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { memoryOperations } from '../../support/memoryOperations.ts';
import { TENANT } from '../../support/operations.ts';

/** What happens instead of the n-th removal, which it may send; another instance may update the operation before. */
type Remove = (
  n: number,
  send: () => Promise<boolean>,
  update: (patch: object) => Promise<unknown>,
) => Promise<boolean>;

/** An operation `a`, and another instance that updates it. */
async function setUp(remove: Remove) {
  const steps: string[] = [];
  const { signal } = new AbortController();
  const { rows, instance } = memoryOperations();
  const [own, elsewhere] = [instance(), instance()];
  const update = (patch: object) =>
    createUpdateOperation({ operations: elsewhere })(TENANT, { id: 'a', patch, preconditions: {} }, signal);
  await update({ status: 'Running' });
  const send = own.remove;
  own.remove = (...args) => {
    steps.push('remove');
    return remove(steps.length, () => send(...args), update);
  };
  const listener = {
    beforeWrite: async () => {},
    afterWrite: () => void steps.push('after'),
    settled: () => void steps.push('settled'),
  };
  const deleteIt = createDeleteOperation({ operations: own, listen: () => listener, sleep: async () => {} });
  return {
    steps,
    update,
    context: () => rows.get(`${TENANT}/a`)?.operation.clientContext,
    run: () => deleteIt(TENANT, { id: 'a', preconditions: {} }, signal),
  };
}

const lose = () => Promise.reject(new ServiceError('unavailable', 'lost'));
const changeFirst: Remove = async (n, send, update) => {
  if (n === 1) await update({ clientContext: 'changed' });
  return send();
};
const times = (n: number) => Array<string>(n).fill('remove');

test.each<[string, Remove, outcome: object | undefined, steps: string[]]>([
  ['that succeeds', (_n, send) => send(), undefined, ['remove', 'after']],
  ['that meets a change, and takes the operation as it then is', changeFirst, undefined, [...times(2), 'after']],
  ['that never succeeds', async () => false, { reason: 'conflict' }, [...times(MAX_ATTEMPTS), 'settled']],
  ['that took effect, but was not answered', (_n, send) => send().then(lose), undefined, ['remove', 'after']],
  ['that was lost once', (n, send) => (n === 1 ? lose() : send()), undefined, ['remove', 'remove', 'after']],
  ['that is always lost', lose, { reason: 'unavailable' }, times(MAX_ATTEMPTS)],
  ['that the store denies', () => Promise.reject(new Error('denied')), { message: 'denied' }, ['remove']],
])('a removal %s', async (_, remove, outcome, expected) => {
  const { run, steps, context } = await setUp(remove);
  if (outcome) await expect(run()).rejects.toMatchObject(outcome);
  else await run();
  expect([steps, context()]).toEqual([expected, outcome && null]);
});

test('a removal that reaches the store when the operation is another leaves that one', async () => {
  let late: () => Promise<boolean> = async () => true;
  const { run, context, update } = await setUp((n, send) => {
    if (n > 1) return send();
    late = send;
    return lose();
  });
  await run();
  await update({ clientContext: 'new' });
  expect([await late(), context()]).toEqual([false, 'new']);
});
