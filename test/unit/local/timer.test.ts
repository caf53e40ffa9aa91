import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { startHourly } from '../../../local/timer.ts';

beforeEach(() => {
  jest.useFakeTimers({ now: Date.UTC(2026, 0, 1, 10, 17, 30) });
});
afterEach(() => {
  jest.useRealTimers();
});

const MINUTE = 60_000;

/** The times at which a schedule runs within a while. */
function runsWithin(schedule: string, milliseconds: number) {
  const runs: string[] = [];
  const stop = startHourly(schedule, () => runs.push(new Date().toISOString().slice(11, 19)));
  jest.advanceTimersByTime(milliseconds);
  stop();
  jest.advanceTimersByTime(milliseconds);
  return runs;
}

describe('a schedule runs every hour at its minute, and no more once it is stopped', () => {
  test.each([
    ['0 0 * * * *', ['11:00:00', '12:00:00']],
    ['0 17 * * * *', ['11:17:00', '12:17:00']],
    ['0 18 * * * *', ['10:18:00', '11:18:00']],
    ['0 59 * * * *', ['10:59:00', '11:59:00']],
  ])('%s', (schedule, runs) => {
    expect(runsWithin(schedule, 120 * MINUTE)).toEqual(runs);
  });
});

test.each(['0 60 * * * *', '* * * * *', '0 0 3 * * *', '30 0 * * * *', '0 */5 * * * *', '1.00:00:00', ''])(
  'a schedule of another kind is refused: %s',
  (schedule) => {
    expect(() => startHourly(schedule, () => {})).toThrow('not supported by this host');
  },
);
