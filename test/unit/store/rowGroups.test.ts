import { expect, test } from '@jest/globals';
import { ServiceError } from '../../../shared/serviceError.ts';
import { createRowGroups } from '../../../shared/store/rowGroups.ts';
import type { RowChange } from '../../../shared/store/table.ts';

const live = new AbortController().signal;
const settled = () => new Promise(setImmediate);
const unavailable = () => new ServiceError('unavailable', 'The store is down.');

/** A table whose requests wait for `answer`, in their order, and a pause of 5 ms that `elapse` ends. */
function setUp() {
  const requests: string[] = [];
  const answers: PromiseWithResolvers<never>[] = [];
  const pauses: (() => void)[] = [];
  const request = (...changes: Pick<RowChange, 'change' | 'row'>[]) => {
    requests.push(changes.map(({ change, row }) => `${change} ${row.rowKey}`).join(', '));
    const answer = Promise.withResolvers<never>();
    answers.push(answer);
    return answer.promise;
  };
  const groups = createRowGroups(
    {
      create: (row) => request({ change: 'create', row }),
      remove: (row) => request({ change: 'delete', row }),
      transact: (changes) => request(...changes),
    },
    (() => new Promise<void>((resolve) => pauses.push(resolve))) as never,
  );
  return {
    requests,
    create: (rowKey: string, partitionKey = 'p', signal = live) => groups.create({ partitionKey, rowKey }, signal),
    remove: (rowKey: string) => groups.remove({ partitionKey: 'p', rowKey }, live),
    answer(response: object | undefined) {
      const answer = answers.shift();
      if (response instanceof Error) answer?.reject(response);
      else answer?.resolve(response as never);
      return settled();
    },
    elapse() {
      for (const end of pauses.splice(0)) end();
      return settled();
    },
  };
}

test('rows that come while one is created are one request when that is done, or after 5 ms', async () => {
  const { requests, create, remove, answer, elapse } = setUp();
  const created = [create('a'), create('b'), create('c')];
  const removed = remove('x');
  expect(requests).toEqual(['create a']);
  await answer(['A']);
  expect(requests.slice(1)).toEqual(['create b, create c, delete x']);
  created.push(create('d'), create('e'));
  expect(requests.length).toBe(2);
  await elapse();
  expect(requests.slice(2)).toEqual(['create d, create e']);
  await answer(['B', 'C', undefined]);
  await answer(['D', 'E']);
  expect(await Promise.all([...created.slice(1), removed])).toEqual(['B', 'C', 'D', 'E', undefined]);
});

test('a row waits for none that is removed, nor for one of another partition; a removal waits for others for 5 ms', async () => {
  const { requests, create, remove, answer, elapse } = setUp();
  const all: Promise<unknown>[] = [remove('x')];
  expect(requests).toEqual([]);
  await elapse();
  all.push(remove('y'), create('a'), create('b', 'q'));
  expect(requests).toEqual(['delete x', 'delete y, create a', 'create b']);
  for (const response of [[], [undefined, 'A'], ['B']]) await answer(response);
  await Promise.all(all);
});

test('a transaction that is refused fails none but the row that is refused', async () => {
  const { requests, create, remove, answer } = setUp();
  const [first, ...others] = [create('a'), create('b'), create('c'), remove('x')];
  const outcomes = Promise.allSettled(others);
  await answer(['A']);
  await answer(undefined);
  expect(requests.slice(2)).toEqual(['create b', 'create c', 'delete x']);
  await answer(unavailable());
  await answer(['C']);
  await answer([]);
  expect(await first).toEqual(['A']);
  expect(await outcomes).toMatchObject([
    { reason: { reason: 'unavailable' } },
    { value: ['C'] },
    { status: 'fulfilled' },
  ]);
});

test('a store that fails fails all of a transaction, and the next one is sent', async () => {
  const { requests, create, answer } = setUp();
  const [, ...failed] = [create('a'), create('b'), create('c')];
  const outcomes = Promise.allSettled(failed);
  await answer(undefined);
  const next = create('d');
  await answer(unavailable());
  expect(await outcomes).toMatchObject(Array(2).fill({ reason: { reason: 'unavailable' } }));
  expect(requests.slice(2)).toEqual(['create d']);
  await answer(['D']);
  expect(await next).toEqual(['D']);
});

test('whoever can wait no longer fails alone', async () => {
  const { create, answer } = setUp();
  const [first, leaving] = [create('a'), new AbortController()];
  const [left, other] = [Promise.allSettled([create('b', 'p', leaving.signal)]), create('c')];
  leaving.abort();
  expect(await left).toMatchObject([{ reason: { reason: 'unavailable' } }]);
  await answer(['A']);
  await answer(['B', 'C']);
  expect(await Promise.all([first, other])).toEqual([['A'], 'C']);
});
