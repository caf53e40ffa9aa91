// A store that fails in every way never hangs a request and never loses an acknowledged write; callers under a store that fails
// at random are in test/soak/store.test.ts.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '../support/caller.ts';
import type { Fault } from '../support/faultProxy.ts';
import { TENANT } from '../support/operations.ts';
import { send } from '../support/service.ts';
import { useInstances } from '../support/useInstances.ts';

const busy = '{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"The server is busy."}}}';
const timedOut = '{"odata.error":{"code":"OperationTimedOut","message":{"lang":"en-US","value":"Timed out."}}}';

/**
 * Every way in which the store fails, and the result of an update when that happens to each of its writes, and of one that
 * changes nothing when it happens to each of its reads. A write that took effect is found when it is read back, although its
 * answer never came.
 */
const faults: readonly [title: string, fault: Fault, onWrite: 200 | 503, onRead?: 200 | 503][] = [
  ['a reset before the store is reached', 'resetBefore', 503],
  ['a reset after the store has done it', 'resetAfter', 200],
  ['half an answer', 'halfAnswer', 200],
  ['an answer that stops in its midst', 'stalledAnswer', 200],
  ['no answer ever', 'hang', 503],
  ['an answer later than any deadline', { latency: 11_000 }, 503],
  ['an answer that is slow', { latency: 300 }, 200, 200],
  ['a reset, and a request that nevertheless arrives later', { lateBy: 700 }, 200],
  ['500 OperationTimedOut', { status: 500, body: timedOut }, 503],
  ['503 ServerBusy with Retry-After', { status: 503, body: busy, headers: { 'Retry-After': '2' } }, 503],
  ['a Retry-After beyond any deadline', { status: 503, body: busy, headers: { 'Retry-After': '60' } }, 503],
  ['503 without a body', { status: 503 }, 503],
  ['502 of something on the way', { status: 502, body: '<html>', headers: { 'Content-Type': 'text/html' } }, 503],
  ['429', { status: 429, headers: { 'Retry-After': '1' } }, 503],
  ['408', { status: 408 }, 503],
  ['200 that is not JSON', { status: 200, body: '<html>' }, 503],
];
const OPERATION = '/v1.0/playPromptOperation';

/** What fails of an operation: the first part of its id; the rest is the number of the fault. */
type Failing = 'read' | 'write' | 'remove';
const idOf = (failing: Failing, n: number) => `${failing}-${n}`;
/** The faults that happen to all requests of a tenant. */
const tenantFaults = new Map<string, Fault>(
  (['resetBefore', 'halfAnswer', 'hang', { status: 503 }, { status: 500, body: timedOut }] as const).map((fault) => [
    crypto.randomUUID(),
    fault,
  ]),
);

/** The fault of a request to the store, by the operation or the tenant that it names. */
function faultIn(method: string, url: string): Fault {
  const decoded = decodeURIComponent(url);
  for (const [tenant, fault] of tenantFaults) if (decoded.includes(tenant)) return fault;
  const id = /RowKey='([^']*)'/.exec(decoded)?.[1] ?? '';
  const [failing, n] = id.split('-');
  const asked: Failing = method === 'GET' ? 'read' : method === 'DELETE' ? 'remove' : 'write';
  return failing === asked ? (faults[Number(n)]?.[1] ?? 'pass') : 'pass';
}

const instance = useInstances(1, { tenants: [TENANT, ...tenantFaults.keys()] });
const { as } = instance;
const update = (id: string, body: object) => call(as(TENANT).facts, id, body);
const remove = (n: number) => send(as(TENANT), 'DELETE', `${OPERATION}/${idOf('remove', n)}`);
const forEachFault = <Result>(work: (n: number) => Promise<Result>) => Promise.all(faults.map((_, n) => work(n)));
/** The results by the titles of the faults. */
const byTitle = (results: readonly unknown[]) => Object.fromEntries(faults.map(([title], n) => [title, results[n]]));
const statuses = (answers: readonly { readonly status: number }[]) => byTitle(answers.map(({ status }) => status));
const expected = (status: (onWrite: number, onRead: number) => number) =>
  byTitle(faults.map(([, , onWrite, onRead = 503]) => status(onWrite, onRead)));

/** Reads, lists, counts and a batch of a tenant: their statuses, and after how many seconds they may be sent again. */
async function queries(tenant: string) {
  const ask = (method: string, path: string, body?: object) => send(as(tenant), method, path, { body });
  const paths = ['/one', '', "?$filter=clientContext eq 'read'", '?$count=true'];
  const requests = [{ id: '1', method: 'GET', url: '/playPromptOperation/one' }];
  const [batch, ...answers] = await Promise.all([
    ask('POST', '/v1.0/$batch', { requests }),
    ...paths.map((path) => ask('GET', OPERATION + path)),
  ]);
  const { status, headers } = batch?.json.responses[0] ?? {};
  return [
    [status, headers?.['Retry-After'] ?? null],
    ...answers.map((answer) => [answer.status, answer.headers.get('retry-after')]),
  ];
}

/** Sends everything at the same time: each request may take 10 seconds. */
async function sendAll() {
  const [read, written, removed, lists] = await Promise.all([
    // An update that changes nothing is not written, so it must read what it answers.
    forEachFault((n) => update(idOf('read', n), {})),
    forEachFault((n) => update(idOf('write', n), { clientContext: 'after' })),
    forEachFault(remove),
    Promise.all([...tenantFaults.keys()].map(queries)),
  ]);
  return { read, written, removed, lists };
}
let during: Awaited<ReturnType<typeof sendAll>>;

beforeAll(async () => {
  const before = { clientContext: 'before' };
  const ids = faults.flatMap((_, n) => (['read', 'write', 'remove'] as const).map((failing) => idOf(failing, n)));
  // One after the other: a busy machine needs its time for them.
  for (const id of ids) expect(await update(id, before)).toMatchObject({ status: 200 });
  instance.setFault(({ method, url }) => faultIn(method, url));
  during = await sendAll();
  instance.setFault(undefined);
}, 60_000);

describe('a store that fails', () => {
  test('whenever it is read is answered 503, and all is well as soon as that is over', async () => {
    expect(statuses(during.read)).toEqual(expected((_, onRead) => onRead));
    const after = await forEachFault((n) => update(idOf('read', n), { status: 'Running' }));
    expect(byTitle(after.map(({ stored }) => stored?.entity.clientContext))).toEqual(
      byTitle(faults.map(() => 'before')),
    );
  });

  test('whenever it is written is answered 503 unless the write took effect, and nothing is lost', async () => {
    expect(statuses(during.written)).toEqual(expected((onWrite) => onWrite));
    const after = await forEachFault((n) => update(idOf('write', n), { status: 'Running' }));
    for (const [n, [title, , onWrite]] of faults.entries()) {
      const possible = onWrite === 200 ? ['after'] : ['before', 'after'];
      const { clientContext } = after[n]?.stored?.entity ?? {};
      expect([title, possible.includes(clientContext ?? '')]).toEqual([title, true]);
    }
  });

  test('whenever an operation is removed is answered 503 unless the removal took effect', async () => {
    expect(statuses(during.removed)).toEqual(expected((onWrite) => (onWrite === 200 ? 204 : 503)));
    // What was answered 204 is gone; to repeat the others is safe, whether they took effect or not.
    for (const [n, { status }] of (await forEachFault(remove)).entries()) {
      expect(during.removed[n]?.status === 204 ? [404] : [204, 404]).toContain(status);
    }
    const read = (n: number) => send(as(TENANT), 'GET', `${OPERATION}/${idOf('remove', n)}`);
    expect(statuses(await forEachFault(read))).toEqual(expected(() => 404));
  });

  test('whenever operations are read, listed, counted or batched is answered 503', async () => {
    expect(during.lists).toEqual(Array(tenantFaults.size).fill(Array(5).fill([503, '1'])));
    const [tenant = ''] = tenantFaults.keys();
    await update('one', {});
    expect((await queries(tenant)).slice(2)).toEqual(Array(3).fill([200, null]));
  });
});
