import { expect, test } from '@jest/globals';
import { createCacheFreshness } from '../../../shared/operation/cacheFreshness.ts';
import { createUpdateOperation } from '../../../shared/operation/update.ts';
import { memoryOperations } from '../../support/memoryOperations.ts';
import { TENANT } from '../../support/operations.ts';
import { randomOf } from '../../support/random.ts';

const { signal } = new AbortController();
const OPERATIONS = 400;
/** Of each operation; the first one creates it, by a read and a write. */
const UPDATES = 6;

/** How many requests an update sends to the store on average, if each goes to any of so many instances. */
async function averageRequests(instances: number, concurrent: number) {
  const random = randomOf(7);
  let [requests, now] = [0, 0];
  const { instance } = memoryOperations(() => now);
  const updates = Array.from({ length: instances }, () => {
    const operations = instance(() => {
      requests += 1;
    });
    return createUpdateOperation({ operations });
  });

  const running: { id: string; left: number }[] = [];
  for (let started = 0; started < OPERATIONS || running.length > 0; ) {
    while (running.length < concurrent && started < OPERATIONS) running.push({ id: `${started++}`, left: UPDATES });
    const operation = running[Math.floor(random() * running.length)];
    const update = updates[Math.floor(random() * instances)];
    if (!operation || !update) throw new RangeError('There is nothing to pick from.');
    now += 4 + random() * 12;
    const patch = { clientContext: `${operation.left--}` };
    await update(TENANT, { id: operation.id, patch, preconditions: {} }, signal);
    if (operation.left === 0) running.splice(running.indexOf(operation), 1);
  }
  return requests / (OPERATIONS * UPDATES);
}

test.each([
  [1, 100, 7 / 6],
  [2, 1, 1.8],
  [2, 100, 1.8],
  [16, 100, 2],
])('an update at any of %i instances, with %i operations at a time, takes at most %d requests', async (...row) => {
  const [instances, concurrent, most] = row;
  expect(await averageRequests(instances, concurrent)).toBeLessThanOrEqual(most);
});

test('the freshness of cached versions is learned anew, by their age', () => {
  const freshness = createCacheFreshness();
  const learn = (ageMs: number, isFresh: boolean) => {
    for (let n = 0; n < 100; n++) freshness.learn(ageMs, isFresh);
    return [1, 1000, Number.MAX_VALUE].map(freshness.isLikely);
  };
  expect(learn(1000, false)).toEqual([true, false, true]);
  expect(learn(Number.MAX_VALUE, false)).toEqual([true, false, false]);
  expect(learn(1000, true)).toEqual([true, true, false]);
});
