import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createOwnedSubscriptions } from '../../../shared/notifications/ownedSubscriptions.ts';
import type { StoredSubscription, SubscriptionRepository } from '../../../shared/notifications/subscription.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { aSubscription } from '../../support/notifications.ts';
import { TENANT } from '../../support/operations.ts';

const owner = { tenant: TENANT, applicationId: 'application', creatorId: 'creator' };
const { signal } = new AbortController();
const DOWN = 'The store is not available. Try again.';
const unavailable = () => Promise.reject(new ServiceError('unavailable', DOWN));

/** Stored by others in the meantime. */
const others: StoredSubscription[] = [];
const fillUp = async () => {
  others.push(...Array.from({ length: 101 }, () => aSubscription()));
};
beforeEach(() => {
  others.length = 0;
});

/** Subscriptions in a store of which some methods are replaced. */
function setUp(replaced: Partial<SubscriptionRepository> = {}) {
  const remove = jest.fn<SubscriptionRepository['remove']>(async () => true);
  const validated: string[] = [];
  const { create, update } = createOwnedSubscriptions({
    subscriptions: { list: async () => others, create: async () => {}, update: async () => true, remove, ...replaced },
    validateReceiver: async (_owner, url) => void validated.push(url),
    knownAfter: async () => {},
    sleep: async () => {},
  });
  return { remove, validated, update, create: () => create(owner, aSubscription(), signal) };
}

describe('a subscription that is created', () => {
  const mayExist = {
    reason: 'unavailable',
    message: expect.stringContaining('may exist. List the subscriptions'),
    cause: expect.any(ServiceError),
  };
  test.each<[string, Partial<SubscriptionRepository>, error: object, removals: number]>([
    ['may exist when the write fails, and is removed', { create: unavailable }, mayExist, 1],
    ['may exist when the removal fails too', { create: unavailable, remove: unavailable }, mayExist, 0],
    ['may exist beyond the limit when its removal fails', { create: fillUp, remove: unavailable }, mayExist, 0],
    ['does not remain beyond a limit that others reach meanwhile', { create: fillUp }, { reason: 'forbidden' }, 1],
    ['does not exist when the store fails before', { list: unavailable }, { message: DOWN }, 0],
  ])('%s', async (_, replaced, error, removals) => {
    const { create, remove } = setUp(replaced);
    await expect(create()).rejects.toMatchObject(error);
    expect(remove).toHaveBeenCalledTimes(removals);
  });
});

describe('the limit', () => {
  const of = (count: number, changes = {}) =>
    Array.from({ length: count }, () => aSubscription({ ...owner, ...changes }));
  const [a, b, ended] = [{ applicationId: 'a' }, { applicationId: 'b' }, { expiration: new Date(0) }];
  test.each([
    ['49 of the application', of(49), true],
    ['50 of the application', of(50), false],
    ['50 of another application', of(50, a), true],
    ['99 of two other applications', [...of(50, a), ...of(49, b)], true],
    ['100 of two other applications', [...of(50, a), ...of(50, b)], false],
    ['99 of the application that have ended', of(99, ended), true],
    ['100 of the application that have ended', of(100, ended), false],
    ['199 of others that have ended', [...of(100, { ...a, ...ended }), ...of(99, { ...b, ...ended })], true],
    ['200 of others that have ended', [...of(100, { ...a, ...ended }), ...of(100, { ...b, ...ended })], false],
  ])('with %s', async (_, stored, isAllowed) => {
    others.push(...stored);
    const { create, validated } = setUp();
    const reason = await create().then(
      () => undefined,
      (error) => error.reason,
    );
    // Before anything is sent to a receiver.
    expect([reason, validated.length]).toEqual(isAllowed ? [undefined, 1] : ['forbidden', 0]);
  });
});

test.each([
  ['repeated when the subscription has changed since it was read', 2, { expiration: new Date(0) }],
  ['not repeated for ever', Number.POSITIVE_INFINITY, { reason: 'unavailable' }],
])('a renewal is %s', async (_, conflicts, outcome) => {
  const owned = aSubscription(owner);
  let version = 0;
  const updated: string[] = [];
  const { update } = setUp({
    list: async () => [{ ...owned, etag: `${version++}` }],
    update: async ({ etag }) => updated.push(etag) > conflicts,
  });
  const renewed = update(owner, owned.id, { expiration: new Date(0) }, {}, signal);
  expect(await renewed.catch((error: unknown) => error)).toMatchObject(outcome);
  expect(updated.slice(0, 3)).toEqual(['0', '1', '2']);
});
