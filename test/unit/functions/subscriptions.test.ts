import { InvocationContext } from '@azure/functions';
import { beforeEach, expect, jest, test } from '@jest/globals';
import { createSubscriptionHandlers } from '../../../functions/subscriptions.ts';
import type { StoredSubscription, SubscriptionRepository } from '../../../shared/notifications/subscription.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { aSubscription } from '../../support/notifications.ts';
import { TENANT } from '../../support/operations.ts';

const unavailable = () => Promise.reject(new ServiceError('unavailable', 'The store is not available. Try again.'));

/** Stored by others in the meantime. */
const others: StoredSubscription[] = [];
const fillUp = async () => {
  others.push(...Array.from({ length: 101 }, () => aSubscription()));
};
beforeEach(() => {
  others.length = 0;
});

/** Handlers with a store of which some methods are replaced. */
const handlersWith = (replaced: Partial<SubscriptionRepository>) =>
  createSubscriptionHandlers({
    authenticate: async () => ({ tenant: TENANT, id: 'creator', applicationId: 'application' }),
    subscriptions: {
      list: async () => others,
      create: async () => {},
      update: async () => true,
      remove: async () => true,
      ...replaced,
    },
    receivers: {
      post: async (url) => ({
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: new URL(url).searchParams.get('validationToken') ?? '',
      }),
    },
    hosts: ['bot.example'],
    knownAfter: async () => {},
  });

/** Creates a subscription in such a store. */
function create(replaced: Partial<SubscriptionRepository> = {}) {
  const remove = jest.fn<SubscriptionRepository['remove']>(async () => true);
  const handlers = handlersWith({ remove, ...replaced });
  const body = JSON.stringify({
    changeType: 'updated',
    resource: 'playPromptOperation',
    notificationUrl: 'https://bot.example/',
    expirationDateTime: new Date(Date.now() + 3_600_000).toISOString(),
  });
  const request = new Request('https://host/v1.0/subscriptions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });
  const { method, url, headers, body: stream } = request;
  const { signal } = new AbortController();
  const answer = handlers.create(
    { requestId: 'r', method, url: new URL(url), headers, params: {}, body: stream },
    signal,
    new InvocationContext(),
  );
  return { answer, remove };
}

test.each<[string, Partial<SubscriptionRepository>]>([
  ['the write', { create: unavailable }],
  ['the write, and the removal', { create: unavailable, remove: unavailable }],
  ['the removal of one beyond the limit', { create: fillUp, remove: unavailable }],
])('when %s fails, the error mentions that the subscription may exist', async (_, failing) => {
  const { answer } = create(failing);
  const message = expect.stringContaining('may exist. List the subscriptions');
  await expect(answer).rejects.toMatchObject({ reason: 'unavailable', message, cause: expect.any(ServiceError) });
});

test('a subscription whose write may have taken effect is removed', async () => {
  const { answer, remove } = create({ create: unavailable });
  await expect(answer).rejects.toThrow();
  expect(remove).toHaveBeenCalledTimes(1);
});

test('before the write, the error is that of the store', async () => {
  const { answer, remove } = create({ list: unavailable });
  await expect(answer).rejects.toMatchObject({ message: 'The store is not available. Try again.' });
  expect(remove).not.toHaveBeenCalled();
});

test('of several that are created at once beyond the limit, none remains', async () => {
  const { answer, remove } = create({ create: fillUp });
  await expect(answer).rejects.toMatchObject({ reason: 'forbidden' });
  expect(remove).toHaveBeenCalledTimes(1);
});

test('a renewal is repeated when the subscription has changed since it was read, but not for ever', async () => {
  const expiration = new Date(Date.now() + 60_000);
  const owned = aSubscription({ tenant: TENANT, applicationId: 'application', expiration });
  const renewal = new Date(Date.now() + 3_600_000);
  for (const [conflicts, outcome] of [
    [2, { status: 200, body: { id: owned.id, expirationDateTime: renewal.toISOString() } }],
    [Number.POSITIVE_INFINITY, { reason: 'unavailable' }],
  ] as const) {
    let version = 0;
    const updated: string[] = [];
    const handlers = handlersWith({
      list: async () => [{ ...owned, etag: `${version++}` }],
      update: async ({ etag }) => updated.push(etag) > conflicts,
    });
    const { method, url, headers, body } = new Request(`https://host/v1.0/subscriptions/${owned.id}`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ expirationDateTime: renewal.toISOString() }),
    });
    const request = { requestId: 'r', method, url: new URL(url), headers, params: { id: owned.id }, body };
    const answer = handlers.update(request, new AbortController().signal, new InvocationContext());
    expect(await answer.catch((error: unknown) => error)).toMatchObject(outcome);
    expect(updated.slice(0, 3)).toEqual(['0', '1', '2']);
  }
});
