// Change notifications: whether receivers that misbehave delay those of one that does not.
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { startEnvironment } from '../environment.ts';
import { type Goal, number } from '../goals.ts';
import { startServer } from '../load/contenders.ts';
import { type Send, sendAtRate } from '../load/drive.ts';
import { type Receiver, startReceiver, subscribe } from '../load/receiver.ts';
import { operationIds, updatesOf } from '../load/updates.ts';
import type { Plan } from '../plan.ts';
import { estimate, interleave, median, quantile } from '../statistics.ts';

/** Moderate: each update is written twice, and sent to four receivers, to one of them three times. A turn is a second. */
const PER_SECOND = 25;
/** A round is a minute, and so contains a run of the timer. */
const TURNS = 30;
const WARM_UP_TURNS = 10;

/** How many times the p99 of a receiver alone is still in time. */
const LATE = 1.5;

const DEADLINE_MS = 30_000;

const notifications = z.object({
  value: z.array(z.object({ resourceData: z.object({ resultInfo: z.object({ message: z.string() }) }) })),
});

export async function measure(plan: Plan): Promise<Goal[]> {
  await using started = new AsyncDisposableStack();
  const misbehaving = await Promise.all([
    // One never responds, one returns 500, and one never ends its response.
    startReceiver(() => {}),
    startReceiver((_request, response) => response.writeHead(500).end()),
    startReceiver((_request, response) => {
      const timer = setInterval(() => response.write('x'.repeat(1024)), 10);
      response.on('close', () => clearInterval(timer));
    }),
  ]);
  for (const { stop } of misbehaving) started.defer(stop);
  const alone = started.adopt(await startNotified([]), ({ stop }) => stop());
  const beside = started.adopt(await startNotified(misbehaving), ({ stop }) => stop());
  const takeRound = async (turns = TURNS) => {
    const taken = await interleave([alone, beside], plan.isQuick ? 3 : turns, ({ deliver }) => deliver());
    return { alone: taken.get(alone)?.flat() ?? [], beside: taken.get(beside)?.flat() ?? [] };
  };
  plan.progress('warming up');
  await takeRound(WARM_UP_TURNS);
  return await plan.rounds(9, 0, () => takeRound(), goalsOf);
}

/** A share varies less than a p99 does, and 99 % in time is the same as a p99 that is at most so many times the other. */
function goalsOf(rounds: readonly { readonly alone: number[]; readonly beside: number[] }[]): Goal[] {
  const p99 = (of: 'alone' | 'beside') => number(median(rounds.map((round) => quantile(round[of], 0.99))));
  const inTime = rounds.map(({ alone, beside }) => {
    const latest = LATE * quantile(alone, 0.99);
    return beside.filter((time) => time <= latest).length / beside.length;
  });
  return [
    {
      measure: `share of notifications beside receivers that misbehave, within ${LATE} times the p99 of a receiver alone`,
      least: 0.99,
      figure: estimate(inTime),
      of: `p99 ${p99('beside')} to ${p99('alone')} ms`,
    },
  ];
}

/** The service, and a store of its own, with one receiver that responds at once, and others. */
async function startNotified(others: readonly Receiver[]) {
  const environment = await startEnvironment();
  const arrived = new Map<string, () => void>();
  const receiver = await startReceiver(async (request, response) => {
    const { value } = notifications.parse(await json(request));
    for (const { resourceData } of value) arrived.get(resourceData.resultInfo.message)?.();
    response.writeHead(202).end();
  });
  const settings = { ...(await environment.settings('notified')), NOTIFICATION_HOSTS: '127.0.0.1' };
  const service = await startServer('service', environment, settings);
  await subscribe(service.baseUrl, environment.token, [receiver, ...others]);
  const next = updatesOf(operationIds(PER_SECOND));

  /** Sends an update, and waits until it was notified. */
  const notified: Send = async (update) => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    arrived.set(update.message, () => resolve(true));
    if (!(await service.send(update))) return false;
    return Promise.race([promise, delay(DEADLINE_MS, false, { ref: false })]);
  };

  return {
    /** Updates operations at the rate for a second, and returns how long each notification took, in milliseconds. */
    async deliver(): Promise<readonly number[]> {
      const { latencies, failed } = await sendAtRate(next, notified, PER_SECOND, PER_SECOND);
      if (failed > 0) throw new Error(`${failed} updates were not notified in ${DEADLINE_MS} ms.`);
      return latencies;
    },
    async stop() {
      await service.stop();
      await receiver.stop();
      await environment.close();
    },
  };
}
