// Callers of two instances whose store fails at random, is stopped and started again, and whose issuer changes its key: what they
// see is explained by one order of their requests, and no acknowledged write is lost.
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as z from 'zod';
import { type Child, startChild } from '../../local/childProcess.ts';
import { call, type Entity, Ledger } from '../support/caller.ts';
import type { Fault } from '../support/faultProxy.ts';
import { isLinearizable, type Recorded } from '../support/history.ts';
import { TENANT } from '../support/operations.ts';
import { pick, randomOf } from '../support/random.ts';
import { rounds, seed } from '../support/rounds.ts';
import { newFolder } from '../support/service.ts';
import { useInstances } from '../support/useInstances.ts';

/** An unknown key is looked for once in 5 minutes; the first change of the key may come sooner. */
const ROTATE_EVERY_MS = 6 * 60_000;

const folder = newFolder();
let store: { readonly child: Child; readonly port: number };

async function startStore(port: number) {
  const env = { ...process.env, AZURITE_TABLE_PORT: String(port), AZURITE_LOCATION: folder.path };
  const child = await startChild('azurite.ts', env);
  return { child, port: z.object({ port: z.number() }).parse(child.ready).port };
}

beforeAll(async () => {
  store = await startStore(0);
});
const instances = useInstances(2, { tenants: [TENANT], storePort: () => store.port });
afterAll(async () => {
  await store?.child.stop();
  folder.remove();
});

/** Calls one of the instances. */
const callAny = (random: () => number, token: string, ...request: Request) =>
  call({ ...instances.as(TENANT, random() < 0.5 ? 0 : 1).facts, token }, ...request);
type Request = Parameters<typeof call> extends [unknown, ...infer Rest] ? Rest : never;

const faultOf = (random: () => number): Fault =>
  pick<Fault>(random, [
    [80, 'pass'],
    [4, 'resetBefore'],
    [8, 'resetAfter'],
    [3, 'halfAnswer'],
    [6, { status: 503 }],
    [3, { status: 500 }],
    [2, { status: 429 }],
    [2, { status: 408 }],
    [2, { status: 502, body: '<html>' }],
    [2, { status: 200, body: '{"odata.metadata":"http://127.0' }],
    [12, { latency: Math.floor(random() * 60) }],
    [4, { lateBy: Math.floor(random() * 400) }],
  ]);

type Patch = Partial<Omit<Entity, 'id' | 'resultInfo'>> & { resultInfo?: Partial<Entity['resultInfo']> | null };
type Step = Recorded<Entity, Patch>;

/** The result of a patch, by docs/api.md and not by the code that is tested. */
const mergeInto =
  (id: string) =>
  (current: Entity | undefined, patch: Patch): Entity => {
    const created = { id, clientContext: null, resultInfo: null, status: 'NotStarted', completionReason: null };
    const { resultInfo, ...rest } = patch;
    const merged = { ...created, ...current, ...rest };
    if (resultInfo === undefined) return merged;
    const before = merged.resultInfo ?? { code: 0, subcode: 0, message: null };
    return { ...merged, resultInfo: resultInfo && { ...before, ...resultInfo } };
  };

const patchOf = (random: () => number, value: number) =>
  pick<Patch>(random, [
    [3, {}],
    [3, { clientContext: `context ${value}` }],
    [1, { status: ['NotStarted', 'Running', 'Completed'][Math.floor(random() * 3)] ?? '' }],
    [2, { resultInfo: { code: value } }],
    [2, { resultInfo: { message: `message ${value}` } }],
    [1, { resultInfo: null }],
    [1, { completionReason: random() < 0.5 ? 'unknown' : null }],
  ]);

test(`what the callers saw is explained by one order of their requests, seed ${seed}`, async () => {
  const [operations, callers, steps] = [4, 6, 6];
  const token = await instances.newToken(TENANT);
  for (const round of rounds(2)) {
    const random = randomOf(seed + round);
    let values = 0;

    /** One caller's share of the history of one operation, whose choices depend on the seed alone. */
    async function takeSteps(id: string, own: () => number, history: Step[]) {
      let known: string | undefined;
      for (let n = 0; n < steps; n++) {
        const ifMatch = own() < 0.4 ? known : undefined;
        known = (await takeStep(id, patchOf(own, ++values), history, ifMatch)) ?? known;
      }
    }

    async function takeStep(id: string, patch: Patch, history: Step[], ifMatch?: string) {
      const headers = ifMatch === undefined ? undefined : { 'if-match': ifMatch };
      const { start, end, status, stored } = await callAny(random, token, id, patch, headers);
      const asked = { start, end, patch, ...(ifMatch !== undefined && { ifMatch }) };
      if (stored) history.push({ ...asked, answer: { status: 200, ...stored } });
      else if (status === 412 || status === 409 || status === 503) history.push({ ...asked, answer: { status } });
      else throw new Error(`A valid update was answered ${status}.`);
      return stored?.etag;
    }

    const histories = Array.from({ length: operations }, () => ({ id: crypto.randomUUID(), history: [] as Step[] }));
    instances.setFault(() => faultOf(random));
    await Promise.all(
      histories.flatMap(({ id, history }) =>
        Array.from({ length: callers }, () => takeSteps(id, randomOf(Math.floor(random() * 2 ** 32)), history)),
      ),
    );
    instances.setFault(undefined);
    for (const { id, history } of histories) {
      // What was acknowledged is there once all is over.
      expect(await takeStep(id, {}, history)).toBeDefined();
      expect(history).toHaveLength(callers * steps + 1);
      if (!isLinearizable(history, mergeInto(id))) throw new Error(`No order explains:\n${print(history)}`);
    }
  }
});

/** A history for a person to read, in the order in which its steps began. */
const print = (history: readonly Step[]) =>
  history
    .toSorted((a, b) => a.start - b.start)
    .map((step) => inspect(step, { depth: 5, breakLength: Number.POSITIVE_INFINITY }))
    .join('\n');

/** Callers who each write to one operation after the other, and know what it must hold. */
function startLoad(random: () => number, tokens: readonly string[]) {
  let isOn = true;
  let acknowledged = 0;
  /** What was lost, or answered other than it must be. */
  const broken: string[] = [];

  async function callOne(id: string) {
    const context = new Ledger<string | null>(null);
    const code = new Ledger<number | undefined>(undefined);
    let [etag, stale]: (string | undefined)[] = [];
    for (let n = 1; isOn && n <= 200; n++) {
      const clientContext = `context ${n}`;
      const token = tokens[Math.floor(random() * tokens.length)] ?? '';
      const [expected, body, headers, bearer = token] = pick<[number, object | string, object?, string?]>(random, [
        [40, [200, { clientContext }]],
        [20, [200, { resultInfo: { code: n } }]],
        [15, [200, {}]],
        [10, [200, { clientContext }, etag === undefined ? {} : { 'if-match': etag }]],
        [5, [412, { clientContext }, { 'if-match': stale ?? 'W/"never"' }]],
        [3, [400, '{"status":']],
        [3, [400, { status: 'Exploded' }]],
        [5, [401, { clientContext }, {}, `${token.slice(0, -8)}AAAAAAAA`]],
      ]);
      const { status, stored } = await callAny(random, bearer, id, body, { ...headers });
      // A write whose result is not known may change the ETag later.
      const isAmbiguous = expected === 200 && status === 412 && context.ambiguous + code.ambiguous > 0;
      if (![expected, 503, 409].includes(status) && !isAmbiguous) broken.push(`${id}: ${status}, not ${expected}`);
      if (expected === 200 && typeof body === 'object') {
        if ('clientContext' in body) context.note(clientContext, status);
        if ('resultInfo' in body) code.note(n, status);
      }
      if (isAmbiguous) etag = undefined;
      if (!stored) continue;
      acknowledged += 1;
      if (stored.etag !== etag) [etag, stale] = [stored.etag, etag ?? stale];
      compare(stored.entity);
    }
    return async () => {
      const { stored } = await callAny(random, tokens.at(-1) ?? '', id, {});
      if (stored) compare(stored.entity);
      else broken.push(`${id} could not be read.`);
    };

    function compare(entity: Entity) {
      const values = [entity.clientContext, entity.resultInfo?.code];
      if (!context.explains(entity.clientContext) || !code.explains(entity.resultInfo?.code)) {
        broken.push(`${id} has ${values}, not one of ${context.possible} and ${code.possible}`);
      }
    }
  }

  const lastLooks: (() => Promise<void>)[] = [];
  const running = Promise.all(
    Array.from({ length: 12 }, async () => {
      while (isOn) lastLooks.push(await callOne(crypto.randomUUID()));
    }),
  );
  return {
    /** Waits until so many more requests were acknowledged. */
    async untilAcknowledged(more: number) {
      const wanted = acknowledged + more;
      while (acknowledged < wanted)
        await Promise.race([delay(10), running.then(() => Promise.reject(new Error('over')))]);
    },
    /** Stops, and looks at every operation for the last time. */
    async end() {
      isOn = false;
      await running;
      for (const look of lastLooks) await look();
      return broken;
    },
  };
}

test(`no acknowledged write is lost, and no token of an earlier key is refused, seed ${seed}`, async () => {
  const random = randomOf(seed);
  const tokens = [await instances.newToken(TENANT)];
  const load = startLoad(random, tokens);
  let rotatedAt = Number.NEGATIVE_INFINITY;
  for (const round of rounds(1)) {
    instances.setFault(() => faultOf(random));
    await load.untilAcknowledged(200);
    instances.setFault(undefined);
    if (performance.now() - rotatedAt > ROTATE_EVERY_MS) {
      rotatedAt = performance.now();
      await instances.rotateKey();
      tokens.splice(0, tokens.length - 1);
      tokens.push(await instances.newToken(TENANT));
      await load.untilAcknowledged(50);
    }
    await store.child.stop();
    const refused = await callAny(random, tokens[0] ?? '', `refused-${round}`, { status: 'Running' });
    expect(refused.status).toBe(503);
    store = await startStore(store.port);
    await load.untilAcknowledged(50);
  }
  expect(await load.end()).toEqual([]);
});
