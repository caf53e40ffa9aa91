// The outbox, step by step: an instance dies before and after each of its requests to the store and to receivers while it
// writes a change and delivers its notifications, and another one takes over. test/soak/instances.test.ts kills processes.
import { afterAll, expect, jest, test } from '@jest/globals';
import { createFindSubscriptions } from '../../shared/notifications/activeSubscriptions.ts';
import { createBacklogs } from '../../shared/notifications/backlog.ts';
import { createDeliverDue } from '../../shared/notifications/deliverDue.ts';
import { createDelivery } from '../../shared/notifications/delivery.ts';
import { createOutbox } from '../../shared/notifications/outbox.ts';
import { newPlayPromptOperation } from '../../shared/operation/playPromptOperation.ts';
import { createUpdateOperation } from '../../shared/operation/update.ts';
import { ServiceError } from '../../shared/serviceError.ts';
import { createBacklogRepository } from '../../shared/store/backlogRepository.ts';
import { createOutboxRepository } from '../../shared/store/outboxRepository.ts';
import { createSubscriptionRepository } from '../../shared/store/subscriptionRepository.ts';
import { createTableRepository } from '../../shared/store/tableRepository.ts';
import { aSubscription, memoryReceivers, SIGNING_SECRET } from '../support/notifications.ts';
import { expireLeases } from '../support/recordingReceiver.ts';
import { newTableSettings, tableClient } from '../support/tables.ts';
import { until } from '../support/until.ts';

const signal = new AbortController().signal;
const RECEIVERS = ['https://one.example/', 'https://other.example/'];
const [FIRST = ''] = RECEIVERS;

const settings = newTableSettings();

/** The notifications that were accepted: the URL, and the id and the ETag of the operation. */
const accepted: string[] = [];
let isFirstDown = false;
const { posted, notify } = memoryReceivers((url) => {
  if (isFirstDown && url === FIRST) return { status: 503, retryAfter: '1' };
  const last = posted.at(-1);
  if (last) accepted.push(`${keyOf(last)} ${resourceOf(last)['@odata.etag']}`);
  return 202;
});
const resourceOf = ({ value }: (typeof posted)[number]) => Object(value[0]?.resourceData);
/** The URL and the operation of an attempt. */
const keyOf = (attempt: (typeof posted)[number]) => `${attempt.url} ${resourceOf(attempt).id}`;

/** An instance of the service, which dies before or after its n-th request if that is asked for. */
function startInstance(tenant: string, dying?: 'before' | 'after', last = 0) {
  const life = new AbortController();
  let requests = 0;
  const running = new Set<Promise<unknown>>();

  function check(dies = false) {
    if (dies) life.abort();
    if (life.signal.aborted) throw new ServiceError('unavailable', 'The instance is dead.');
  }

  /** The same object, but that each call of a method is a request, of which a dead instance sends none. */
  const counting = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get(_, method: string) {
        const call = Reflect.get(target, method);
        if (method === 'getCached' || typeof call !== 'function') return call;
        return (...args: unknown[]) => {
          const request = send(async () => Reflect.apply(call, target, args));
          running.add(request);
          return request.finally(() => running.delete(request));
        };
      },
    });

  async function send(call: () => Promise<unknown>) {
    check();
    const isLast = requests === last;
    requests += 1;
    check(isLast && dying === 'before');
    const response = await call();
    check(isLast && dying === 'after');
    return response;
  }

  const operations = counting(createTableRepository(settings));
  const entries = counting(createOutboxRepository(settings));
  const subscriptions = counting(createSubscriptionRepository(settings));
  const backlogRepository = counting(createBacklogRepository(settings));
  const receivers = counting({ notify });
  const backlogs = createBacklogs({ repository: backlogRepository, entries, sleep: async () => {} });
  const delivery = createDelivery({ entries, subscriptions, backlogs, receivers });
  const findSubscriptions = createFindSubscriptions({ subscriptions });
  const listen = createOutbox({ entries, findSubscriptions, backlogs, delivery });
  const update = createUpdateOperation({ operations, listen });
  const shared = { entries, subscriptions, backlogRepository, backlogs, operations, delivery };
  const deliverDue = createDeliverDue({ ...shared, tenants: [tenant] });
  return {
    isDead: () => life.signal.aborted,
    update: (id: string, patch: object) => update(tenant, { id, patch, preconditions: {} }, life.signal),
    /** Runs the timer after the time of every lease. */
    async deliverDue() {
      await expireLeases(settings.name);
      await deliverDue(life.signal);
    },
    /** Waits until none of its requests runs. */
    async ended() {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}

/** The store as nobody's instance sees it. */
const store = {
  operations: createTableRepository(settings),
  entries: createOutboxRepository(settings),
  subscriptions: createSubscriptionRepository(settings),
};

const waiting = async () => (await store.entries.listDue(new Date('2100-01-01'), {}, undefined, signal)).entries;
const untilDelivered = (or = () => false) => until(async () => or() || (await waiting()).length === 0);

const subscribe = (tenant: string, notificationUrl: string) =>
  store.subscriptions.create(
    aSubscription({ tenant, notificationUrl, changeTypes: ['updated'], clientState: SIGNING_SECRET }),
    signal,
  );

jest.setTimeout(60_000);
afterAll(() => tableClient(settings.name).deleteTable());

test.each([
  // The entries of all but the first share a request to the store.
  ['makes 3 at once', 3, false],
  ['delivers it by the timer, since a receiver was down', 1, true],
])('acknowledged changes reach every subscription, wherever the instance that %s dies', async (_, count, isDown) => {
  const tenant = crypto.randomUUID();
  for (const url of RECEIVERS) await subscribe(tenant, url);
  const outcomes = new Set<string>();
  let last = 0;
  while ((await dies(last, 'before')) && (await dies(last, 'after'))) last += 1;
  // The list of subscriptions, the entry, the write, two requests to receivers, the removal of the entry.
  expect(last).toBeGreaterThanOrEqual(6);
  expect(outcomes).toEqual(new Set(['acknowledged', 'written', 'not written']));

  /** Whether an instance comes so far as to die at a request while it makes a change and delivers its notifications. */
  async function dies(request: number, when: 'before' | 'after'): Promise<boolean> {
    const ids = Array.from({ length: count }, () => crypto.randomUUID());
    posted.length = 0;
    for (const id of ids) await store.operations.put(tenant, newPlayPromptOperation(id), undefined, 'created', signal);
    isFirstDown = isDown;
    const instance = startInstance(tenant, when, request);
    const update = (id: string) => instance.update(id, { status: 'Completed' }).catch(() => undefined);
    const answers = await Promise.all(ids.map(update));
    await untilDelivered(instance.isDead);
    isFirstDown = false;
    await instance.deliverDue().catch(() => {});
    await instance.ended();

    const other = startInstance(tenant);
    for (let run = 0; run < 2; run++) await other.deliverDue();
    for (const [n, id] of ids.entries()) {
      const stored = await store.operations.get(tenant, id, signal);
      const isWritten = stored?.operation.status === 'Completed';
      if (answers[n]) expect(stored?.etag).toBe(answers[n].etag);
      outcomes.add(answers[n] ? 'acknowledged' : isWritten ? 'written' : 'not written');
      const reached = RECEIVERS.filter((url) => accepted.includes(`${url} ${id} ${stored?.etag}`));
      expect({ request, when, reached }).toEqual({ request, when, reached: isWritten ? RECEIVERS : [] });
    }
    // One id in every attempt, and another for each receiver and change.
    const keys = posted.map(keyOf);
    const webhookIds = posted.map(({ message }) => message.headers['webhook-id']);
    const pairs = new Set(keys.map((key, n) => `${key} ${webhookIds[n]}`));
    expect([new Set(keys).size, new Set(webhookIds).size]).toEqual([pairs.size, pairs.size]);
    // Nothing is left, neither in the outbox nor in a backlog.
    expect(await expireLeases(settings.name)).toBe(0);
    return instance.isDead();
  }
});
