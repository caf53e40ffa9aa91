// Many callers on few operations while the store fails at random: some order of their requests must explain what they
// saw. HISTORY_SEED repeats a run, HISTORY_ROUNDS makes it longer.
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { call, type Entity } from '../support/caller.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import { isLinearizable, type Recorded } from '../support/history.ts';
import { pick, randomOf } from '../support/random.ts';
import { startService, type TestService } from '../support/service.ts';
import { azuriteConnection, newTableName } from '../support/tables.ts';

const seed = Number(process.env.HISTORY_SEED ?? Date.now() % 2 ** 32);
const rounds = Number(process.env.HISTORY_ROUNDS ?? 3);
const [OPERATIONS, CALLERS, STEPS] = [4, 6, 6];

type Patch = Partial<Omit<Entity, 'id' | 'resultInfo'>> & { resultInfo?: Partial<Entity['resultInfo']> | null };
type Step = Recorded<Entity, Patch>;

/** The result of a patch, by SPEC section 3 and not by the code that is tested. */
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

let proxy: FaultProxy;
let service: TestService;
beforeAll(async () => {
  proxy = await startFaultProxy();
  service = await startService({ TABLES_CONNECTION: azuriteConnection(proxy.port), TABLES_NAME: newTableName() });
});
afterAll(async () => {
  await service.end('SIGINT');
  await proxy.close();
});

/** One caller's share of the history of one operation. */
async function takeSteps(id: string, random: () => number, history: Step[], unique: () => number) {
  let known: string | undefined;
  for (let n = 0; n < STEPS; n++) {
    const value = unique();
    const patch = pick<Patch>(random, [
      [3, {}],
      [3, { clientContext: `context ${value}` }],
      [
        1,
        {
          status: pick(random, [
            [1, 'NotStarted'],
            [1, 'Running'],
            [1, 'Completed'],
          ]),
        },
      ],
      [2, { resultInfo: { code: value } }],
      [2, { resultInfo: { message: `message ${value}` } }],
      [1, { resultInfo: null }],
      [
        1,
        {
          completionReason: pick(random, [
            [1, 'unknown'],
            [1, null],
          ]),
        },
      ],
    ]);
    const ifMatch = random() < 0.4 ? known : undefined;
    const { start, end, status, stored } = await call(service.facts, id, patch, ifMatch ? { 'if-match': ifMatch } : {});
    const asked = { start, end, patch, ...(ifMatch !== undefined && { ifMatch }) };
    if (stored) {
      history.push({ ...asked, answer: { status: 200, ...stored } });
      known = stored.etag;
    } else if (status === 412 || status === 409 || status === 503) {
      history.push({ ...asked, answer: { status } });
    } else throw new Error(`A valid update was answered ${status}.`);
  }
}

const faultsOf = (random: () => number): Fault =>
  pick<Fault>(random, [
    [60, 'pass'],
    [4, 'resetBefore'],
    [8, 'resetAfter'],
    [3, 'halfAnswer'],
    [6, { status: 503 }],
    [3, { status: 500 }],
    [12, { latency: Math.floor(random() * 60) }],
    [4, { lateBy: Math.floor(random() * 400) }],
  ]);

test.each(Array.from({ length: rounds }, (_, round) => round))(
  `what the callers saw is explained by one order of their requests, seed ${seed}, round %d`,
  async (round) => {
    const random = randomOf(seed + round);
    const histories = new Map(Array.from({ length: OPERATIONS }, () => [crypto.randomUUID() as string, [] as Step[]]));
    let values = 0;
    // A caller's choices depend on the seed alone, however the requests of all interleave.
    const callers = [...histories].flatMap(([id, history]) =>
      Array.from({ length: CALLERS }, () => {
        const own = randomOf(Math.floor(random() * 2 ** 32));
        return () => takeSteps(id, own, history, () => ++values);
      }),
    );
    proxy.fault = () => faultsOf(random);
    await Promise.all(callers.map((start) => start()));
    proxy.fault = undefined;
    for (const [id, history] of histories) await takeLastLook(id, history);
    for (const [id, history] of histories) {
      if (!isLinearizable(history, mergeInto(id)))
        throw new Error(`No order explains seed ${seed}:\n${print(history)}`);
      expect(history).toHaveLength(CALLERS * STEPS + 1);
    }
  },
);

/** Reads the operation once all is over: what was acknowledged must be there. */
async function takeLastLook(id: string, history: Step[]) {
  const { start, end, stored } = await call(service.facts, id, {});
  if (!stored) throw new Error('The operation could not be read when all was over.');
  history.push({ start, end, patch: {}, answer: { status: 200, ...stored } });
}

/** A history for a person to read, in the order in which its steps began. */
function print(history: readonly Step[]) {
  const first = Math.min(...history.map(({ start }) => start));
  return history
    .toSorted((a, b) => a.start - b.start)
    .map(({ start, end, ...rest }) => {
      const interval = `${(start - first).toFixed(1)} to ${(end - first).toFixed(1)} ms`;
      return `${interval}: ${inspect(rest, { depth: 5, breakLength: Number.POSITIVE_INFINITY })}`;
    })
    .join('\n');
}
