// Change notifications: what is served, and what listens to changes. It is loaded only where NOTIFICATION_HOSTS is set.
import type { TimerHandler } from '@azure/functions';
import type { Authenticate } from '../shared/auth/authentication.ts';
import { createFindSubscriptions } from '../shared/notifications/activeSubscriptions.ts';
import { createDeliverDue } from '../shared/notifications/deliverDue.ts';
import { createDelivery } from '../shared/notifications/delivery.ts';
import { createOutbox } from '../shared/notifications/outbox.ts';
import { createReceivers } from '../shared/notifications/receiver.ts';
import type { ReceiverHosts } from '../shared/notifications/receiverPolicy.ts';
import type { ListenToChange } from '../shared/operation/changeListener.ts';
import type { OperationRepository } from '../shared/operation/repository.ts';
import type { TablesSettings } from '../shared/settings.ts';
import { createOutboxRepository } from '../shared/store/outboxRepository.ts';
import { createSubscriptionRepository } from '../shared/store/subscriptionRepository.ts';
import { createDeliverNotifications } from './deliverNotifications.ts';
import { byMethod, type Route } from './graphHandler.ts';
import { createSubscriptionHandlers } from './subscriptions.ts';

export interface Notifications {
  readonly listen: ListenToChange;
  readonly routes: readonly Route[];
  readonly deliver: TimerHandler;
}

export function createNotifications({
  authenticate,
  operations,
  tables,
  hosts,
}: {
  readonly authenticate: Authenticate;
  readonly operations: Pick<OperationRepository, 'get'>;
  readonly tables: TablesSettings;
  readonly hosts: ReceiverHosts;
}): Notifications {
  const subscriptions = createSubscriptionRepository(tables);
  const entries = createOutboxRepository(tables);
  const receivers = createReceivers(hosts);
  const delivery = createDelivery({ entries, subscriptions, receivers });
  const findSubscriptions = createFindSubscriptions(subscriptions);
  const handlers = createSubscriptionHandlers({ authenticate, subscriptions, receivers, hosts });
  const { list, create, read, update, remove } = handlers;
  const subscription = byMethod({ GET: read, PATCH: update, DELETE: remove });

  return {
    listen: createOutbox({ entries, findSubscriptions, delivery }),
    routes: [
      { name: 'subscriptions', template: 'v1.0/subscriptions', handler: byMethod({ GET: list, POST: create }) },
      { name: 'subscription', template: 'v1.0/subscriptions/{id}', handler: subscription },
      { name: 'subscriptionByKey', template: 'v1.0/subscriptions({key})', handler: subscription },
    ],
    deliver: createDeliverNotifications(createDeliverDue({ entries, subscriptions, operations, delivery })),
  };
}
