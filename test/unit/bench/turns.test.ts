import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import type { Contender } from '../../../bench/load/contenders.ts';
import { figuresOf, inPacedRounds, PACED_REQUESTS, running, type Turn } from '../../../bench/load/turns.ts';
import { plans } from '../../../bench/plan.ts';
import type { Child } from '../../../local/childProcess.ts';

const turn = (changes: Partial<Turn>): Turn => ({
  latencies: [1],
  seconds: 1,
  failed: 0,
  cpuMs: 1,
  storeCpuMs: 1,
  rssMiB: 1,
  ...changes,
});

describe('the figures of a round', () => {
  const turns = [
    turn({ latencies: [1, 2, 3], seconds: 2, failed: 1, cpuMs: 6, storeCpuMs: 3, rssMiB: 90 }),
    turn({ latencies: [4, 100], seconds: 1, cpuMs: 4, storeCpuMs: 2, rssMiB: 80 }),
  ];

  test('are of all responses of its turns, however many each turn has', () => {
    expect(figuresOf({ key: 'service', usesTable: true }, 3, 16, turns)).toEqual({
      contender: 'service',
      round: 3,
      callers: 16,
      perSecond: 4 / 3,
      p50: 3,
      p99: 100,
      cpu: 2,
      storeCpu: 1,
      rssMiB: 90,
      failed: 1,
    });
  });

  test('leave out the CPU of a store that the contender does not use', () => {
    expect(figuresOf({ key: 'host', usesTable: false }, 0, 0, turns).storeCpu).toBeUndefined();
  });
});

test('rounds at a fixed rate start everything anew, measure each as often, and leave nothing running', async () => {
  const plan = { ...plans.quick, leastRounds: 3, pacedTurns: 2, warmUpMs: 10 };
  const calls: string[] = [];
  let starts = 0;
  /** A process that answers how much it has used, and counts when it is stopped. */
  const child = (name: string): Child => {
    const process = new EventEmitter() as EventEmitter & Child['process'];
    process.send = () => {
      setImmediate(() => process.emit('message', { usage: { cpuMs: 1, rssMiB: 1 } }));
      return true;
    };
    return { ready: {}, process, ended: new Promise(() => {}), stop: async () => void calls.push(`stop ${name}`) };
  };
  const sample = { latencies: [1, 2], seconds: 1, failed: 0 };
  const start = async () => {
    starts += 1;
    const contender = (key: string): Contender => ({
      ...{ key, title: key, isServer: true, usesTable: true, process: child(`${key}${starts}`) },
      seed: async () => void calls.push(`seed ${key}`),
      closed: async () => sample,
      paced: async (_operations, count) => {
        calls.push(`${key}: ${count} requests`);
        return sample;
      },
      countLost: async () => 0,
    });
    const environment = { azurite: child('azurite'), close: async () => void calls.push('close') };
    return running(environment as Parameters<typeof running>[0], [contender('a'), contender('b')]);
  };
  const { figures } = await inPacedRounds(
    start,
    plan,
    0,
    () => [],
    () => {},
  );
  expect(starts).toBe(3);
  expect(figures.map(({ contender, round }) => [contender, round])).toEqual(
    ['a', 'b'].flatMap((key) => [0, 1, 2].map((round) => [key, round])),
  );
  for (const key of ['a', 'b']) {
    expect(calls.filter((call) => call === `${key}: ${PACED_REQUESTS} requests`)).toHaveLength(3 * plan.pacedTurns);
    for (const n of [1, 2, 3]) expect(calls).toContain(`stop ${key}${n}`);
  }
  expect(calls.filter((call) => call === 'close')).toHaveLength(3);
});
