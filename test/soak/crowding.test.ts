// One tenant whose 50 receivers hang, trickle, flood, refuse and redirect, and which keeps subscribing more; two others beside
// it, on two instances.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as z from 'zod';
import { type Child, startChild } from '../../local/childProcess.ts';
import { createSubscriptionRepository } from '../../shared/store/subscriptionRepository.ts';
import { aSubscription } from '../support/notifications.ts';
import { pick, randomOf } from '../support/random.ts';
import { type RecordingReceiver, startRecordingReceiver, subscribe } from '../support/recordingReceiver.ts';
import { rounds, seed, soakFor } from '../support/rounds.ts';
import { heapSamples, patch, send, type TestService, WATCH_HEAP } from '../support/service.ts';
import { newTableSettings, tableClient } from '../support/tables.ts';
import { until } from '../support/until.ts';
import { useInstances } from '../support/useInstances.ts';

const RECEIVERS = 50;
/** How many changes the third tenant makes at each instance in a window. */
const CHANGES = soakFor === undefined ? 10 : 60;
/** The heap of an instance, in MiB, of which it takes a third when nothing happens. */
const HEAP = 192;
/** How long an entry may stay in the outbox: for its lease, until the next run of the timer, and for that run, in milliseconds. */
const LONGEST_IN_OUTBOX = 240_000;
const MOST_IN_BACKLOG = 1200;

const calm = [crypto.randomUUID(), crypto.randomUUID()];
/** Beside the two, a third one makes the same changes, with prompt receivers and with hostile ones. */
const thirds = { prompt: crypto.randomUUID(), hostile: crypto.randomUUID() };
const tenants = [...calm, ...Object.values(thirds)];

const settings = { NODE_OPTIONS: `${WATCH_HEAP.NODE_OPTIONS} --max-old-space-size=${HEAP}` };
const instances = useInstances(2, { tenants, settings });
const { as, table } = instances;
let receiver: RecordingReceiver;
let receivers: Child;
let urls: Record<'prompt' | 'hostile', string>;
const backlogs: string[] = [];

beforeAll(async () => {
  receiver = await startRecordingReceiver();
  receivers = await startChild(new URL('../support/hostileReceivers.ts', import.meta.url).href, process.env);
  const urlOf = z.number().transform((port) => `http://127.0.0.1:${port}`);
  urls = z.object({ prompt: urlOf, hostile: urlOf }).parse(receivers.ready);
  const subscriptions = createSubscriptionRepository(newTableSettings(table));
  const { signal } = new AbortController();
  for (let n = 0; n < RECEIVERS; n++) {
    for (const third of ['prompt', 'hostile'] as const) {
      const subscription = aSubscription({ tenant: thirds[third], notificationUrl: `${urls[third]}/${n}` });
      await subscriptions.create(subscription, signal);
      if (third === 'hostile') backlogs.push(`waiting_${subscription.id}`);
    }
  }
  await Promise.all(calm.map((tenant, n) => subscribe(as(tenant, n), receiver, `/${tenant}`)));
}, 60_000);

afterAll(() => Promise.all([receiver?.close(), receivers?.stop()]));

const isNotified = (id: string) => receiver.arrivedAt.has(id);

/** Makes changes of the two other tenants until it is to stop, and returns those that were acknowledged, and when. */
async function makeChanges(until: AbortSignal) {
  const acknowledged = new Map<string, number>();
  const change = async (tenant: string, n: number) => {
    const id = crypto.randomUUID();
    const sent = patch(as(tenant, n), { status: 'Running' }, { path: `/${id}` });
    const answer = await sent.catch(() => undefined);
    if (answer?.status === 200) acknowledged.set(id, performance.now());
  };
  for (let n = 0; !until.aborted; n++) await Promise.all([...calm.map((tenant) => change(tenant, n)), delay(20)]);
  return acknowledged;
}

/** Makes large changes of the third tenant, the same number at each instance, and ends when they are acknowledged. */
async function changeLarge(tenant: string, random: () => number) {
  const resultInfo = { message: '\u0001'.repeat(8192) };
  await Promise.all(
    [0, 1].map(async (n) => {
      const change = (body: object) => patch(as(tenant, n), body, { path: `/large-${n}` }).catch(() => undefined);
      await change({ resultInfo });
      for (let done = 0; done < CHANGES; ) {
        const [answer] = await Promise.all([change({ clientContext: `${random()}` }), delay(50)]);
        if (answer?.status === 200) done += 1;
      }
    }),
  );
}

/** Subscribes what never answers, until it is to stop. */
async function subscribeMore(random: () => number, until: AbortSignal) {
  const subscribe = async (n: number) => {
    while (!until.aborted) {
      const expirationDateTime = new Date(Date.now() + 3_600_000).toISOString();
      const notificationUrl = `${urls.hostile}/never/${random()}`;
      const body = { changeType: 'updated', resource: 'playPromptOperation', notificationUrl, expirationDateTime };
      const sent = send(as(thirds.hostile, n), 'POST', '/v1.0/subscriptions', { body, signal: until });
      await sent.catch(() => {});
      await delay(50);
    }
  };
  await Promise.all([0, 1, 0, 1].map(subscribe));
}

/**
 * How long the notifications of the two took to arrive while the third made its changes, in milliseconds from the
 * acknowledgement. No run of the timer is waited for: each arrives from the instance that made the change.
 */
async function arrivalsBeside(tenant: string, random: () => number) {
  const over = new AbortController();
  const [acknowledged] = await Promise.all([
    makeChanges(over.signal),
    changeLarge(tenant, random).finally(() => over.abort()),
    tenant === thirds.hostile && subscribeMore(random, over.signal),
  ]);
  await until(() => [...acknowledged.keys()].every(isNotified));
  return [...acknowledged].map(([id, at]) => Math.max(1, (receiver.arrivedAt.get(id) ?? 0) - at));
}

async function count(filter: string) {
  let rows = 0;
  const queryOptions = { filter, select: ['RowKey'] };
  for await (const { length } of tableClient(table).listEntities({ queryOptions }).byPage()) rows += length;
  return rows;
}

const quantile = (share: number, numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.ceil(numbers.length * share) - 1] ?? 0;

test(`the changes of others are notified at once beside one that does its worst, seed ${seed}`, async () => {
  const ratios: number[] = [];
  for (const round of rounds(1)) {
    const random = randomOf(seed + round);
    const p99 = { prompt: 0, hostile: 0 };
    for (const third of ['prompt', 'hostile'] as const) {
      const times = await arrivalsBeside(thirds[third], random);
      p99[third] = quantile(0.99, times);
      console.log(
        `p99 of ${times.length} deliveries, receivers of the third tenant ${third}: ${p99[third].toFixed(0)} ms`,
      );
    }
    ratios.push(p99.hostile / p99.prompt);
    const outbox = "PartitionKey ge 'outbox_' and PartitionKey lt 'outbox`'";
    const before = new Date(Date.now() - LONGEST_IN_OUTBOX).toISOString();
    // What a run was working on when it ended, 16 entries of a tenant, waits for another lease to end.
    expect(await count(`${outbox} and createdAt lt '${before}'`)).toBeLessThanOrEqual(16 * tenants.length);
    // An entry for each change, however many receivers it is for.
    const ofHostile = await count(`${outbox} and tenant eq '${thirds.hostile}'`);
    if (soakFor === undefined) expect(ofHostile).toBeLessThanOrEqual(2 * (CHANGES + 1));
    const partition = pick(
      random,
      backlogs.map((each) => [1, each] as const),
    );
    expect(await count(`PartitionKey eq '${partition}'`)).toBeLessThan(MOST_IN_BACKLOG);
    for (const instance of instances.services) expect(Math.max(...heapOf(instance))).toBeLessThan(HEAP / 2);
  }
  if (soakFor === undefined) return;
  // A busy machine slows both windows of a round down.
  expect(quantile(0.5, ratios)).toBeLessThan(2);
  const heap = heapOf(instances.services[1]);
  const [early, late] = [heap.slice(0, heap.length / 2), heap.slice(heap.length / 2)];
  expect(quantile(0.5, late)).toBeLessThan(1.25 * quantile(0.5, early));
});

/** In MiB. */
const heapOf = (instance?: TestService) =>
  (instance ? heapSamples(instance) : []).map((kibibytes) => kibibytes / 2 ** 10);
