import * as z from 'zod';
import { MAX_CLIENT_STATE_LENGTH, MAX_RESOURCE_LENGTH, MAX_URL_LENGTH } from '../notifications/subscriptionRequest.ts';

/** The properties of `microsoft.graph.subscription`, as they are returned. `subscriptionBody.ts` makes them. */
export const subscriptionProperties = z.object({
  id: z.string().describe('The subscription. It never changes.'),
  resource: z.string().max(MAX_RESOURCE_LENGTH).describe('Which operations are notified of.'),
  applicationId: z.string().describe('The application that created the subscription.'),
  changeType: z.string().describe('Which changes are notified of, comma-separated.'),
  clientState: z
    .string()
    .max(MAX_CLIENT_STATE_LENGTH)
    .nullable()
    .describe('Sent with every notification, or a secret that signs each. It is never returned: it is null.'),
  notificationUrl: z.string().max(MAX_URL_LENGTH).describe('Where notifications are sent.'),
  lifecycleNotificationUrl: z
    .string()
    .max(MAX_URL_LENGTH)
    .nullable()
    .describe('Where lifecycle notifications are sent.'),
  expirationDateTime: z.string().meta({ format: 'date-time' }).describe('When the subscription ends.'),
  creatorId: z.string().describe('The service principal or user that created the subscription.'),
});
