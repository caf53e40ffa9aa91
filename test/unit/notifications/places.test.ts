import { describe, expect, test } from '@jest/globals';
import { createPlaces, type LaneName, type Places, type Receiver } from '../../../shared/notifications/places.ts';

function aReceiver(tenant: string, changes: { host?: string; lane?: LaneName; concurrency?: number } = {}): Receiver {
  return { tenant, host: 'bot.example', lane: 'prompt', concurrency: 16, running: 0, waiting: new Set(), ...changes };
}

const LONG = 60_000;
const turn = () => new Promise(setImmediate);

/** Takes places for receivers until there are no more, and returns what gives them back. */
function occupy({ take }: Places, receivers: readonly Receiver[]) {
  const releases: (() => void)[] = [];
  for (const receiver of receivers) {
    for (let release = take(receiver); release; release = take(receiver)) releases.push(release);
  }
  return releases;
}

/** Fresh receivers of a tenant, each at a host of its own or at the same one. */
const many = (tenant: string, lane: LaneName, host?: string) =>
  Array.from({ length: 200 }, (_, n) => aReceiver(tenant, { lane, host: host ?? `${n}.example`, concurrency: 1 }));

describe('a tenant with any number of receivers that do not respond', () => {
  test.each<LaneName>(['prompt', 'slow', 'unproven', 'validation'])(
    'leaves places for others, at the same host too (%s)',
    (lane) => {
      const places = createPlaces();
      occupy(places, many('hostile', lane, 'bot.example'));
      occupy(places, many('hostile', lane));
      expect(places.take(aReceiver('other', { lane }))).toBeDefined();
      expect(places.take(aReceiver('third', { lane, host: 'third.example' }))).toBeDefined();
    },
  );

  test('takes no place of receivers that respond promptly, or of those that have not been heard of', () => {
    const places = createPlaces();
    for (const tenant of 'abcdef') occupy(places, many(tenant, 'slow', 'bot.example'));
    const lanes = ['prompt', 'unproven', 'validation'] as const;
    const taken = lanes.map((lane) => occupy(places, many('other', lane, 'bot.example')).length);
    expect(taken).toEqual([32, 12, 24]);
  });
});

test('a place that becomes free goes to the tenants in turn, and of each to its receivers in turn', async () => {
  const places = createPlaces();
  const all = Array.from({ length: 40 }, (_, n) => occupy(places, many(`${n}`, 'prompt', 'bot.example'))).flat();
  const started: string[] = [];
  const wait = async (name: string, receiver: Receiver) => {
    const release = await places.wait(receiver, LONG);
    started.push(name);
    await turn();
    release?.();
  };
  const [one, two, other] = [aReceiver('x'), aReceiver('x'), aReceiver('y')];
  const waiting = [wait('x one', one), wait('x one', one), wait('x one', one), wait('x two', two)];
  waiting.push(wait('y', other), wait('y', other));
  await turn();
  expect(started).toEqual([]);
  all[0]?.();
  await Promise.all(waiting);
  expect(started).toEqual(['x one', 'y', 'x two', 'y', 'x one', 'x one']);
});

describe('a request that waits', () => {
  test('gets no place after its time, and takes none from those behind it', async () => {
    const places = createPlaces();
    const receiver = aReceiver('a', { concurrency: 1 });
    const release = places.take(receiver);
    const late = places.wait(receiver, 5);
    const patient = places.wait(receiver, LONG);
    expect([await late, await places.wait(aReceiver('b'), 0)]).toEqual([undefined, undefined]);
    release?.();
    (await patient)?.();
    expect([receiver.running, receiver.waiting.size]).toEqual([0, 0]);
  });

  test('gets none when its receiver is given up, and those at others do', async () => {
    const places = createPlaces();
    const [silent, other] = [aReceiver('a', { concurrency: 1 }), aReceiver('a', { concurrency: 1 })];
    const releases = [places.take(silent), places.take(other)];
    const waiting = [places.wait(silent, LONG), places.wait(silent, LONG), places.wait(other, LONG)];
    places.refuse(silent);
    for (const release of releases) release?.();
    expect((await Promise.all(waiting)).map((release) => release !== undefined)).toEqual([false, false, true]);
  });
});
