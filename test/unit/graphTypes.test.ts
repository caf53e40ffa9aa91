// The types that a TypeScript caller of Microsoft Graph has. Its client, unmodified, is in test/e2e/microsoftClients.test.ts.
import { expect, test } from '@jest/globals';
import type { ChangeNotificationCollection, PlayPromptOperation, Subscription } from '@microsoft/microsoft-graph-types';
import type { components } from '../../client/schema.ts';
import type { toSubscriptionBody, toSubscriptionsBody } from '../../shared/notifications/subscriptionBody.ts';
import type { toEntityBody } from '../../shared/odata/entityBody.ts';

test('the types of microsoft-graph-types accept our responses and notifications', () => {
  // The type checker holds these: an assignment does not compile when our type is not assignable to theirs.
  const accepted = [
    (operation: ReturnType<typeof toEntityBody>): PlayPromptOperation => operation,
    (subscription: ReturnType<typeof toSubscriptionBody>): Subscription => subscription,
    ({ value }: ReturnType<typeof toSubscriptionsBody>): Subscription[] => value,
    // Notifications are sent as this schema of /openapi.json describes them, which the client checks at run time.
    (body: components['schemas']['changeNotificationCollection']): ChangeNotificationCollection => body,
  ];
  expect(accepted).toHaveLength(4);
});
