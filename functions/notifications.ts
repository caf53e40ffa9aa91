// Change notifications: what is served, and what listens to changes. It is loaded only where NOTIFICATION_HOSTS is set.
import { setTimeout as delay } from 'node:timers/promises';
import type { Authenticate } from '../shared/auth/authentication.ts';
import { createFindSubscriptions, KNOWN_AFTER_MS } from '../shared/notifications/activeSubscriptions.ts';
import { createBacklogs } from '../shared/notifications/backlog.ts';
import type { Clock } from '../shared/notifications/clock.ts';
import { createDeliverDue } from '../shared/notifications/deliverDue.ts';
import { createDelivery } from '../shared/notifications/delivery.ts';
import { createOutbox } from '../shared/notifications/outbox.ts';
import { createOwnedSubscriptions } from '../shared/notifications/ownedSubscriptions.ts';
import { createReceivers } from '../shared/notifications/receiver.ts';
import type { ReceiverHosts } from '../shared/notifications/receiverPolicy.ts';
import { subscriptionSchemas } from '../shared/notifications/subscriptionRequest.ts';
import { createValidateReceiver } from '../shared/notifications/validateReceiver.ts';
import type { OperationRepository } from '../shared/operation/repository.ts';
import type { TablesSettings } from '../shared/settings.ts';
import { createBacklogRepository } from '../shared/store/backlogRepository.ts';
import { createOutboxRepository } from '../shared/store/outboxRepository.ts';
import { createSubscriptionRepository } from '../shared/store/subscriptionRepository.ts';
import { createDeliverNotifications } from './deliverNotifications.ts';
import { createSubscriptionRoutes } from './subscriptions.ts';

export function createNotifications({
  authenticate,
  operations,
  tables,
  tenants,
  hosts,
  now,
  sleep = delay,
}: Clock & {
  readonly authenticate: Authenticate;
  readonly operations: Pick<OperationRepository, 'get'>;
  readonly tables: TablesSettings;
  /** The tenants that are served. */
  readonly tenants: readonly string[];
  readonly hosts: ReceiverHosts;
}) {
  const clock = { now, sleep };
  const repository = createSubscriptionRepository(tables);
  const entries = createOutboxRepository(tables);
  const receivers = createReceivers({ hosts, now });
  const backlogRepository = createBacklogRepository(tables);
  const backlogs = createBacklogs({ repository: backlogRepository, entries, ...clock });
  const delivery = createDelivery({ entries, subscriptions: repository, backlogs, receivers, ...clock });
  const findSubscriptions = createFindSubscriptions({ subscriptions: repository, now });
  const subscriptions = createOwnedSubscriptions({
    subscriptions: repository,
    validateReceiver: createValidateReceiver({ receivers }),
    knownAfter: () => sleep(KNOWN_AFTER_MS),
    now,
  });

  return {
    listen: createOutbox({ entries, findSubscriptions, backlogs, delivery, now }),
    routes: createSubscriptionRoutes({ authenticate, subscriptions, schemas: subscriptionSchemas(hosts, now) }),
    deliver: createDeliverNotifications(
      createDeliverDue({
        entries,
        subscriptions: repository,
        backlogRepository,
        backlogs,
        operations,
        delivery,
        tenants,
        ...clock,
      }),
    ),
  };
}
