import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createOwnedSubscriptions } from '../../../shared/notifications/ownedSubscriptions.ts';
import type { StoredSubscription, SubscriptionRepository } from '../../../shared/notifications/subscription.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { aSubscription } from '../../support/notifications.ts';
import { TENANT } from '../../support/operations.ts';

const owner = { tenant: TENANT, applicationId: 'application', creatorId: 'creator' };
const { signal } = new AbortController();
const unavailable = () => Promise.reject(new ServiceError('unavailable', 'The store is not available. Try again.'));

/** Stored by others in the meantime. */
const others: StoredSubscription[] = [];
const fillUp = async () => {
  others.push(...Array.from({ length: 101 }, () => aSubscription()));
};
beforeEach(() => {
  others.length = 0;
});

/** Subscriptions in a store of which some methods are replaced. */
const subscriptionsIn = (replaced: Partial<SubscriptionRepository>) =>
  createOwnedSubscriptions({
    subscriptions: {
      list: async () => others,
      create: async () => {},
      update: async () => true,
      remove: async () => true,
      ...replaced,
    },
    validateReceiver: async () => {},
    knownAfter: async () => {},
  });

/** Creates a subscription in such a store. */
function create(replaced: Partial<SubscriptionRepository> = {}) {
  const remove = jest.fn<SubscriptionRepository['remove']>(async () => true);
  const created = subscriptionsIn({ remove, ...replaced }).create(owner, aSubscription(), signal);
  return { created, remove };
}

describe('a subscription that is created', () => {
  test.each<[string, Partial<SubscriptionRepository>]>([
    ['the write', { create: unavailable }],
    ['the write, and the removal', { create: unavailable, remove: unavailable }],
    ['the removal of one beyond the limit', { create: fillUp, remove: unavailable }],
  ])('may exist when %s fails, which the error mentions', async (_, failing) => {
    const { created } = create(failing);
    const message = expect.stringContaining('may exist. List the subscriptions');
    await expect(created).rejects.toMatchObject({ reason: 'unavailable', message, cause: expect.any(ServiceError) });
  });

  test('is removed if its write may have taken effect', async () => {
    const { created, remove } = create({ create: unavailable });
    await expect(created).rejects.toThrow();
    expect(remove).toHaveBeenCalledTimes(1);
  });

  test('fails with the error of the store before it is written', async () => {
    const { created, remove } = create({ list: unavailable });
    await expect(created).rejects.toMatchObject({ message: 'The store is not available. Try again.' });
    expect(remove).not.toHaveBeenCalled();
  });

  test('beyond the limit at the same time as others does not remain, and neither do they', async () => {
    const { created, remove } = create({ create: fillUp });
    await expect(created).rejects.toMatchObject({ reason: 'forbidden' });
    expect(remove).toHaveBeenCalledTimes(1);
  });
});

describe('the limit', () => {
  const own = (count: number, changes = {}) =>
    Array.from({ length: count }, () => aSubscription({ ...owner, ...changes }));
  const ended = { expiration: new Date(0) };
  test.each([
    ['49 of the application', own(49), true],
    ['50 of the application', own(50), false],
    ['50 of another application', own(50, { applicationId: 'other' }), true],
    ['99 of two other applications', [...own(50, { applicationId: 'a' }), ...own(49, { applicationId: 'b' })], true],
    ['100 of two other applications', [...own(50, { applicationId: 'a' }), ...own(50, { applicationId: 'b' })], false],
    ['100 that have ended', own(100, ended), true],
    ['200 that have ended', own(200, ended), false],
  ])('with %s', async (_, stored, isAllowed) => {
    others.push(...stored);
    const validated: string[] = [];
    const { create: createOne } = createOwnedSubscriptions({
      subscriptions: {
        list: async () => others,
        create: async () => {},
        update: async () => true,
        remove: async () => true,
      },
      validateReceiver: async (_owner, url) => void validated.push(url),
      knownAfter: async () => {},
    });
    const created = createOne(owner, aSubscription(), signal).then(
      () => true,
      ({ reason }) => reason !== 'forbidden',
    );
    expect(await created).toBe(isAllowed);
    // Before anything is sent to a receiver.
    expect(validated).toHaveLength(isAllowed ? 1 : 0);
  });
});

test('a renewal is repeated when the subscription has changed since it was read, but not for ever', async () => {
  const owned = aSubscription(owner);
  const expiration = new Date('2101-01-01T00:00:00Z');
  for (const [conflicts, outcome] of [
    [2, { id: owned.id, expiration }],
    [Number.POSITIVE_INFINITY, { reason: 'unavailable' }],
  ] as const) {
    let version = 0;
    const updated: string[] = [];
    const { update } = subscriptionsIn({
      list: async () => [{ ...owned, etag: `${version++}` }],
      update: async ({ etag }) => updated.push(etag) > conflicts,
    });
    const renewed = update(owner, owned.id, { expiration }, {}, signal);
    expect(await renewed.catch((error: unknown) => error)).toMatchObject(outcome);
    expect(updated.slice(0, 3)).toEqual(['0', '1', '2']);
  }
});
