// SPEC section 7: a store that is slow, broken, down or gone never hangs a request and never loses an acknowledged write.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { type Child, startChild } from '../../local/childProcess.ts';
import { type Answer, call, type Entity, LATEST_ANSWER_MS, Ledger } from '../support/caller.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import { pick, randomOf } from '../support/random.ts';
import { newFolder, send, startService, type TestService } from '../support/service.ts';
import { azuriteConnection, newTableName, tableClient } from '../support/tables.ts';

const busy = '{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"The server is busy."}}}';
const changed = '{"odata.error":{"code":"UpdateConditionNotSatisfied","message":{"lang":"en-US","value":"No."}}}';
const timedOut = '{"odata.error":{"code":"OperationTimedOut","message":{"lang":"en-US","value":"Timed out."}}}';

/**
 * Every way in which the store fails, and the result of an update when that happens to each of its writes: one that
 * took effect is found when it is read back, although its answer never came.
 */
const faults: readonly [title: string, fault: Fault, onWrite: 200 | 503][] = [
  ['a reset before the store is reached', 'resetBefore', 503],
  ['a reset after the store has done it', 'resetAfter', 200],
  ['half an answer', 'halfAnswer', 200],
  ['an answer that stops in its midst', 'stalledAnswer', 200],
  ['no answer ever', 'hang', 503],
  ['an answer later than any deadline', { latency: 11_000 }, 503],
  ['a reset, and a request that nevertheless arrives later', { lateBy: 700 }, 200],
  ['500 OperationTimedOut', { status: 500, body: timedOut }, 503],
  ['503 ServerBusy', { status: 503, body: busy }, 503],
  ['503 ServerBusy with Retry-After', { status: 503, body: busy, headers: { 'Retry-After': '2' } }, 503],
  ['a Retry-After beyond any deadline', { status: 503, body: busy, headers: { 'Retry-After': '60' } }, 503],
  ['503 without a body', { status: 503 }, 503],
  ['502 of something on the way', { status: 502, body: '<html>', headers: { 'Content-Type': 'text/html' } }, 503],
  ['429', { status: 429, headers: { 'Retry-After': '1' } }, 503],
  ['408', { status: 408 }, 503],
  ['200 that is not JSON', { status: 200, body: '<html>' }, 503],
  ['200 with half of JSON', { status: 200, body: '{"odata.metadata":"http://127.0' }, 503],
];
const idOf = (title: string) => title.replaceAll(/[^A-Za-z0-9]+/g, '-').toLowerCase();
const faultById = new Map(faults.map(([title, fault]) => [idOf(title), fault]));

/** The fault of the operation that a request to the store names. */
const faultIn = (url: string) => faultById.get(/RowKey='([^']*)'/.exec(decodeURIComponent(url))?.[1] ?? '') ?? 'pass';

/** Callers with an operation each, who write one value after the other to it until they are stopped. */
function startLoad(service: TestService, count: number, most = 1000) {
  let isOn = true;
  const answers: Answer[] = [];
  const callers = Array.from({ length: count }, () => ({
    id: crypto.randomUUID(),
    ledger: new Ledger<string | null>(null),
  }));
  const running = Promise.all(
    callers.map(async ({ id, ledger }) => {
      for (let n = 0; isOn && n < most; n++) {
        const value = `write ${n}`;
        const answer = await call(service.facts, id, { clientContext: value });
        answers.push(answer);
        ledger.note(value, answer.status);
      }
    }),
  );
  return {
    answers,
    statuses: () => [...new Set(answers.map(({ status }) => status))].sort(),
    acknowledged: () => callers.reduce((sum, { ledger }) => sum + ledger.acknowledged, 0),
    /** Waits until so many more writes were acknowledged. */
    async untilAcknowledged(more: number) {
      const wanted = this.acknowledged() + more;
      while (this.acknowledged() < wanted) await Promise.race([delay(10), running.then(() => Promise.reject(ended))]);
    },
    async stop() {
      isOn = false;
      await running;
    },
    /** Reads every operation back, and returns those whose acknowledged write is gone. */
    async lost() {
      const read = async ({ id, ledger }: (typeof callers)[number]) => {
        const { stored } = await call(service.facts, id, {});
        const value = stored?.entity.clientContext;
        return value !== undefined && ledger.explains(value) ? [] : [{ id, value, possible: ledger.possible }];
      };
      return (await Promise.all(callers.map(read))).flat();
    },
  };
}
const ended = new Error('The load has ended before the wanted number of writes.');

describe('a store that fails', () => {
  let proxy: FaultProxy;
  let service: TestService;
  beforeAll(async () => {
    proxy = await startFaultProxy();
    service = await startService({ TABLES_CONNECTION: azuriteConnection(proxy.port), TABLES_NAME: newTableName() });
  });
  afterEach(() => {
    proxy.fault = undefined;
  });
  afterAll(async () => {
    await service.end('SIGINT');
    await proxy.close();
  });

  /** Updates the operation of every fault at the same time, while it happens, since each may take 10 seconds. */
  async function updateAll(
    fault: NonNullable<FaultProxy['fault']>,
    patch: object,
    all = faults.map(([title]) => idOf(title)),
  ) {
    const before = await Promise.all(all.map((id) => call(service.facts, id, { clientContext: `before ${id}` })));
    proxy.fault = fault;
    const during = await Promise.all(all.map((id) => call(service.facts, id, patch)));
    proxy.fault = undefined;
    const after = await Promise.all(all.map((id) => call(service.facts, id, { status: 'Running' })));
    const statuses = (answers: readonly Answer[]) =>
      Object.fromEntries(faults.map(([title], n) => [title, answers[n]?.status]));
    const contexts = faults.map(([title], n) => [title, after[n]?.stored?.entity.clientContext]);
    const expected = (status: (onWrite: number) => number) =>
      Object.fromEntries(faults.map(([title, , onWrite]) => [title, status(onWrite)]));
    return {
      before: statuses(before),
      during: statuses(during),
      after: statuses(after),
      contexts: Object.fromEntries(contexts),
      expected,
    };
  }

  test('whenever it is read is answered 503 in time, and all is well as soon as that is over', async () => {
    // An update that changes nothing is not written, so it must read what it answers.
    const fault: FaultProxy['fault'] = ({ method, url }) => (method === 'GET' ? faultIn(url) : 'pass');
    const { before, during, after, contexts, expected } = await updateAll(fault, {});
    expect(before).toEqual(expected(() => 200));
    expect(during).toEqual(expected(() => 503));
    expect(after).toEqual(expected(() => 200));
    expect(contexts).toEqual(Object.fromEntries(faults.map(([title]) => [title, `before ${idOf(title)}`])));
  });

  test('whenever it is written is answered 503 in time, unless the write took effect; nothing is lost', async () => {
    const fault: FaultProxy['fault'] = ({ method, url }) => (method === 'GET' ? 'pass' : faultIn(url));
    const { during, after, contexts, expected } = await updateAll(fault, {
      clientContext: 'while writes fail',
    });
    expect(during).toEqual(expected((onWrite) => onWrite));
    expect(after).toEqual(expected(() => 200));
    for (const [title, , onWrite] of faults) {
      const possible = ['while writes fail', ...(onWrite === 503 ? [`before ${idOf(title)}`] : [])];
      expect(possible).toContain(contexts[title]);
    }
  });

  test('whenever it is read takes updates of what this instance wrote last', async () => {
    const fault: FaultProxy['fault'] = ({ method }) => (method === 'GET' ? { status: 503 } : 'pass');
    // Operations of its own: of the others a write that was held back may still arrive, and change what is remembered.
    const ids = faults.map(() => crypto.randomUUID());
    const { during, expected } = await updateAll(fault, { clientContext: 'while reads fail' }, ids);
    expect(during).toEqual(expected(() => 200));
  });

  test('whenever an operation is removed is answered 503 in time, unless the removal took effect', async () => {
    const all = faults.map(([title]) => idOf(title));
    const statusesOf = async (method: string) => {
      const answers = await Promise.all(all.map((id) => send(service, method, `/v1.0/playPromptOperation/${id}`)));
      return Object.fromEntries(faults.map(([title], n) => [title, answers[n]?.status]));
    };
    await Promise.all(all.map((id) => call(service.facts, id, {})));
    proxy.fault = ({ method, url }) => (method === 'DELETE' ? faultIn(url) : 'pass');
    const during = await statusesOf('DELETE');
    proxy.fault = undefined;
    expect(during).toEqual(
      Object.fromEntries(faults.map(([title, , onWrite]) => [title, onWrite === 200 ? 204 : 503])),
    );
    // What was answered 204 is gone; to repeat the others is safe, whether they took effect or not.
    for (const [title, status] of Object.entries(await statusesOf('DELETE'))) {
      expect(during[title] === 204 ? [404] : [204, 404]).toContain(status);
    }
    expect(new Set(Object.values(await statusesOf('GET')))).toEqual(new Set([404]));
  });

  test('every write because others wrote before it makes a change fail with 409, and nothing is written', async () => {
    const id = crypto.randomUUID();
    await call(service.facts, id, { clientContext: 'before' });
    proxy.fault = ({ method }) => (method === 'GET' ? 'pass' : { status: 412, body: changed });
    const [updated, removed] = await Promise.all([
      call(service.facts, id, { clientContext: 'after' }),
      send(service, 'DELETE', `/v1.0/playPromptOperation/${id}`),
    ]);
    proxy.fault = undefined;
    expect([updated.status, removed.status, removed.json]).toEqual([
      409,
      409,
      expect.objectContaining({ error: expect.objectContaining({ code: 'Conflict' }) }),
    ]);
    const { stored } = await call(service.facts, id, {});
    expect(stored?.entity.clientContext).toBe('before');
  });

  test('makes the service not ready, though it lives, until it is there again', async () => {
    const readiness = async () => (await send(service, 'GET', '/health/ready')).status;
    proxy.fault = () => ({ status: 503 });
    while ((await readiness()) !== 503) await delay(100);
    expect((await send(service, 'GET', '/health/live')).status).toBe(200);
    proxy.fault = undefined;
    while ((await readiness()) !== 200) await delay(100);
  });

  test('whenever operations are read, listed, counted or batched is answered 503 in time', async () => {
    const one = crypto.randomUUID();
    await call(service.facts, one, { clientContext: 'read' });
    const [entities, batch] = ['/v1.0/playPromptOperation', '/v1.0/$batch'];
    const requests = [{ id: '1', method: 'GET', url: `/playPromptOperation/${one}` }];
    const askAll = async () => {
      const asked = [`/${one}`, '', "?$filter=clientContext eq 'read'", '?$count=true'].map(async (path) => {
        const { status, headers } = await send(service, 'GET', `${entities}${path}`);
        return [status, headers.get('retry-after')];
      });
      const { status, json } = await send(service, 'POST', batch, { body: { requests } });
      expect(status).toBe(200);
      return [
        ...(await Promise.all(asked)),
        [json.responses[0].status, json.responses[0].headers['Retry-After'] ?? null],
      ];
    };
    const down: Fault[] = [{ status: 503 }, { status: 500, body: timedOut }, 'resetBefore', 'halfAnswer', 'hang'];
    for (const fault of down) {
      proxy.fault = () => fault;
      const start = performance.now();
      expect(await askAll()).toEqual(Array(5).fill([503, '1']));
      expect(performance.now() - start).toBeLessThan(2 * LATEST_ANSWER_MS);
    }
    proxy.fault = undefined;
    expect(await askAll()).toEqual(Array(5).fill([200, null]));
  });

  test('now and then, in every way that passes soon, loses no acknowledged write', async () => {
    const random = randomOf(7);
    const passing = faults.filter(([title]) => !/ever|deadline|midst/.test(title));
    proxy.fault = () => pick(random, [[60, 'pass'], ...passing.map(([, fault]) => [2, fault] as const)]);
    const load = startLoad(service, 12);
    await load.untilAcknowledged(200);
    await load.stop();
    proxy.fault = undefined;
    expect(await load.lost()).toEqual([]);
    expect([200, 503]).toEqual(expect.arrayContaining(load.statuses()));
  });

  test('now and then loses none of the properties that several write at the same time', async () => {
    const random = randomOf(8);
    proxy.fault = () =>
      pick<Fault>(random, [
        [16, 'pass'],
        [1, 'resetBefore'],
        [2, 'resetAfter'],
        [1, { lateBy: 100 }],
        [1, { status: 503 }],
        [1, { latency: 50 }],
      ]);
    const id = crypto.randomUUID();
    const writers: [ledger: Ledger<unknown>, patch: (n: number) => object, read: (entity: Entity) => unknown][] = [
      [new Ledger<unknown>(null), (n) => ({ clientContext: `c${n}` }), (entity) => entity.clientContext],
      [new Ledger<unknown>(0), (n) => ({ resultInfo: { code: n } }), (entity) => entity.resultInfo?.code],
      [new Ledger<unknown>(0), (n) => ({ resultInfo: { subcode: n } }), (entity) => entity.resultInfo?.subcode],
      [
        new Ledger<unknown>(null),
        (n) => ({ resultInfo: { message: `m${n}` } }),
        (entity) => entity.resultInfo?.message,
      ],
    ];
    await Promise.all(
      writers.map(async ([ledger, patch, read]) => {
        for (let n = 1; n <= 25; n++) {
          const body = patch(n);
          const { status } = await call(service.facts, id, body);
          ledger.note(read({ ...nothing, ...body }), status);
        }
      }),
    );
    proxy.fault = undefined;
    const { stored } = await call(service.facts, id, { resultInfo: {} });
    expect(stored).toBeDefined();
    for (const [ledger, , read] of writers) expect(ledger.possible).toContain(stored && read(stored.entity));
  });

  test('to be fast is served nevertheless', async () => {
    proxy.fault = () => ({ latency: 300 });
    const load = startLoad(service, 20);
    await load.untilAcknowledged(60);
    await load.stop();
    proxy.fault = undefined;
    expect(load.statuses()).toEqual([200]);
    expect(await load.lost()).toEqual([]);
  });
});

/** An operation that has only the values of a patch. */
const nothing: Entity = { id: '', clientContext: null, resultInfo: null, status: 'NotStarted', completionReason: null };

describe('a table that is deleted underneath', () => {
  const table = newTableName();
  let service: TestService;
  beforeAll(async () => {
    service = await startService({ TABLES_CONNECTION: azuriteConnection(), TABLES_NAME: table });
  });
  afterAll(() => service.end('SIGINT'));

  test('while it is written to is created again, and then loses nothing', async () => {
    const load = startLoad(service, 12);
    for (let n = 0; n < 3; n++) {
      await load.untilAcknowledged(30);
      await tableClient(table).deleteTable();
    }
    await load.untilAcknowledged(30);
    await load.stop();
    expect([200, 503]).toEqual(expect.arrayContaining(load.statuses()));

    const since = startLoad(service, 12);
    await since.untilAcknowledged(30);
    await since.stop();
    expect(await since.lost()).toEqual([]);
  });

  test('fails what asks for the ETag of an operation that went with it', async () => {
    const { stored } = await call(service.facts, 'gone', { status: 'Running' });
    await tableClient(table).deleteTable();
    const update = { status: 'Completed' };
    expect(await call(service.facts, 'gone', update, { 'if-match': stored?.etag ?? '' })).toMatchObject({
      status: 412,
    });
    expect(await call(service.facts, 'gone', update)).toMatchObject({ status: 200 });
  });
});

describe('a store that is stopped and started again', () => {
  const folder = newFolder();
  const startStore = async (port: number) => {
    const env = { ...process.env, AZURITE_TABLE_PORT: String(port), AZURITE_LOCATION: folder.path };
    const child = await startChild('azurite.ts', env);
    return { child, port: z.object({ port: z.number() }).parse(child.ready).port };
  };
  let store: { readonly child: Child; readonly port: number };
  let service: TestService;
  beforeAll(async () => {
    store = await startStore(0);
    service = await startService({ TABLES_CONNECTION: azuriteConnection(store.port) });
  });
  afterAll(async () => {
    await service.end('SIGINT');
    await store.child.stop();
    folder.remove();
  });

  test('under load refuses with 503 while it is gone, and has every acknowledged write when it is back', async () => {
    const load = startLoad(service, 12);
    for (let n = 0; n < 2; n++) {
      await load.untilAcknowledged(60);
      await store.child.stop();
      const refused = await call(service.facts, `refused-${n}`, { status: 'Running' });
      expect(refused).toMatchObject({ status: 503 });
      store = await startStore(store.port);
    }
    await load.untilAcknowledged(60);
    await load.stop();
    expect([200, 503]).toEqual(expect.arrayContaining(load.statuses()));
    expect(await load.lost()).toEqual([]);
  });
});
