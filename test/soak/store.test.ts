// Callers of two instances whose store fails at random, is stopped and started again, and whose issuer changes its key: what they
// see is explained by one order of their requests, and no acknowledged write is lost.
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as z from 'zod';
import { type Child, startChild } from '../../local/childProcess.ts';
import { call, type Entity } from '../support/caller.ts';
import type { Fault } from '../support/faultProxy.ts';
import { isLinearizable, type Recorded } from '../support/history.ts';
import { TENANT } from '../support/operations.ts';
import { pick, randomOf } from '../support/random.ts';
import { rounds, seed } from '../support/rounds.ts';
import { newFolder } from '../support/service.ts';
import { until } from '../support/until.ts';
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

/** What is refused, whatever the store does, and leaves nothing behind. */
const INVALID = [
  [400, '{"status":'],
  [400, { clientContext: 'lost', status: 'Exploded' }],
  [401, { clientContext: 'forged' }],
] as const;

test(`what the callers saw is explained by one order of their requests, seed ${seed}`, async () => {
  const [operations, callers, steps] = [4, 6, 6];
  const tokens = [await instances.newToken(TENANT)];
  let rotatedAt = Number.NEGATIVE_INFINITY;
  for (const round of rounds(2)) {
    const random = randomOf(seed + round);
    let values = 0;
    let answered = 0;

    /** One caller's share of the history of one operation, whose choices depend on the seed alone. */
    async function takeSteps(id: string, own: () => number, history: Step[]) {
      let known: string | undefined;
      for (let n = 0; n < steps; n++) {
        if (own() < 0.1) await sendInvalid(id, own);
        const ifMatch = own() < 0.4 ? known : undefined;
        known = (await takeStep(id, patchOf(own, ++values), history, ifMatch)) ?? known;
        answered += 1;
      }
    }

    /** Calls one of the instances. */
    const callAny = (id: string, body: object | string, headers = {}, damage = '') => {
      const { baseUrl } = instances.as(TENANT, random() < 0.5 ? 0 : 1).facts;
      const token = tokens[Math.floor(random() * tokens.length)] ?? '';
      return call({ baseUrl, token: token.slice(0, token.length - damage.length) + damage }, id, body, headers);
    };

    async function sendInvalid(id: string, own: () => number) {
      const [expected, body] = INVALID[Math.floor(own() * INVALID.length)] ?? INVALID[0];
      const { status } = await callAny(id, body, {}, expected === 401 ? 'AAAAAAAA' : '');
      expect(status).toBe(expected);
    }

    async function takeStep(id: string, patch: Patch, history: Step[], ifMatch?: string) {
      const headers = ifMatch === undefined ? undefined : { 'if-match': ifMatch };
      const { start, end, status, stored } = await callAny(id, patch, headers);
      const asked = { start, end, patch, ...(ifMatch !== undefined && { ifMatch }) };
      if (stored) history.push({ ...asked, answer: { status: 200, ...stored } });
      else if (status === 412 || status === 409 || status === 503) history.push({ ...asked, answer: { status } });
      else throw new Error(`A valid update was answered ${status}.`);
      return stored?.etag;
    }

    async function changeKey() {
      rotatedAt = performance.now();
      await instances.rotateKey();
      tokens.splice(0, tokens.length - 1);
      tokens.push(await instances.newToken(TENANT));
    }

    async function restartStore() {
      await store.child.stop();
      expect((await callAny(`refused-${round}`, { status: 'Running' })).status).toBe(503);
      store = await startStore(store.port);
    }

    const histories = Array.from({ length: operations }, () => ({ id: crypto.randomUUID(), history: [] as Step[] }));
    instances.setFault(() => faultOf(random));
    const done = Promise.all(
      histories.flatMap(({ id, history }) =>
        Array.from({ length: callers }, () => takeSteps(id, randomOf(Math.floor(random() * 2 ** 32)), history)),
      ),
    );
    const isHalfDone = () => answered > (operations * callers * steps) / 2;
    await Promise.race([until(isHalfDone), done]);
    if (performance.now() - rotatedAt > ROTATE_EVERY_MS) await changeKey();
    await restartStore();
    await done;
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
