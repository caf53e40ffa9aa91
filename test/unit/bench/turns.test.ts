import { describe, expect, test } from '@jest/globals';
import { figuresOf, type Turn } from '../../../bench/load/turns.ts';

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
