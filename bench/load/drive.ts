// The two kinds of load: at a fixed rate that does not depend on the answers (open loop), and by callers that wait for each answer.
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { Update } from './updates.ts';

/** Sends an update; whether it was acknowledged. */
export type Send = (update: Update) => Promise<boolean>;

export interface Sample {
  /** In milliseconds. */
  readonly latencies: readonly number[];
  readonly seconds: number;
  readonly failed: number;
}

/** Timers fire up to so much later than they should. */
const TIMER_MS = 1.5;

/**
 * Sends updates at a fixed rate, whether or not those before were answered. A latency counts from the time at which the
 * update was to be sent, so that a slow answer also counts for those that queue behind it.
 */
export async function sendAtRate(next: () => Update, send: Send, count: number, perSecond: number): Promise<Sample> {
  const latencies: number[] = [];
  const begin = performance.now() + TIMER_MS;
  const pending: Promise<boolean>[] = [];
  for (let n = 0; n < count; n++) {
    const due = begin + (n * 1000) / perSecond;
    const early = due - performance.now() - TIMER_MS;
    if (early > 0) await delay(early);
    while (performance.now() < due) await nextTurn();
    const answered = send(next());
    pending.push(answered);
    void answered.then(() => latencies.push(performance.now() - due));
  }
  const failed = (await Promise.all(pending)).filter((acknowledged) => !acknowledged).length;
  return { latencies, seconds: (performance.now() - begin) / 1000, failed };
}

export async function sendByCallers(next: () => Update, send: Send, callers: number, ms: number): Promise<Sample> {
  const latencies: number[] = [];
  let failed = 0;
  const begin = performance.now();
  const caller = async () => {
    for (let sent = begin; sent < begin + ms; sent = performance.now()) {
      if (!(await send(next()))) failed++;
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { latencies, seconds: (performance.now() - begin) / 1000, failed };
}
