// The bodies of requests for subscriptions. Microsoft Graph, "Create subscription" and "Update subscription".
import * as z from 'zod';
import { type ODataVersion, propertiesOf } from '../odata/patchRequest.ts';
import { addIssues } from '../odata/validation.ts';
import { changeTypes } from '../operation/changeListener.ts';
import { storableText } from '../operation/playPromptOperation.ts';
import { Faults, ServiceError } from '../serviceError.ts';
import { type ReceiverHosts, refusedUrl } from './receiverPolicy.ts';
import { readResource } from './resource.ts';
import { MAX_LIFETIME_MS, type Subscription, type SubscriptionChanges } from './subscription.ts';

/** The longest `clientState`, in UTF-16 code units. */
export const MAX_CLIENT_STATE_LENGTH = 128;

/** The longest URL of a receiver, in UTF-16 code units; the query of its validation is not part of it. */
export const MAX_URL_LENGTH = 2048;

/**
 * The longest `resource`, in UTF-16 code units: as much as the Functions host accepts as a request line, so that every filter
 * of a list fits.
 */
export const MAX_RESOURCE_LENGTH = 8192;

/** Spaces and control characters, which a URL cannot hold. In JSON a control character takes 6 bytes. */
const UNENCODED = /[^!-~\u0080-\uffff]/;

const CHANGE_TYPES = `a comma-separated list of ${changeTypes.join(', ')}`;

/** A subscription as it is asked for: its id, its tenant and its creator come from elsewhere. */
export type RequestedSubscription = Omit<Subscription, 'id' | 'tenant' | 'applicationId' | 'creatorId'>;

/** The schemas of the bodies, whose URLs must be of `hosts`. */
export function subscriptionSchemas(hosts: ReceiverHosts, now: () => number = Date.now) {
  const odataType = z.enum(['#microsoft.graph.subscription', 'microsoft.graph.subscription']).optional();
  const url = storableText(MAX_URL_LENGTH).check(({ value, issues }) => {
    const wanted = UNENCODED.test(value) ? 'percent-encoded' : refusedUrl(value, hosts);
    if (wanted !== undefined) issues.push({ code: 'custom', message: `must be ${wanted}`, input: value });
  });
  const notificationUrl = url.describe('Where notifications are sent: an https URL of a host that the service allows.');
  const expirationDateTime = z.iso
    .datetime({ offset: true, error: 'must be a date and time with a time zone, such as 2026-01-31T12:00:00Z' })
    .transform((text) => new Date(text))
    .refine((date) => date.getTime() > now() && date.getTime() <= now() + MAX_LIFETIME_MS, {
      error: 'must be in the future, and at most 1 day ahead',
    })
    .describe('When the subscription ends: at most 1 day ahead.');

  return {
    toCreate: z.strictObject({
      '@odata.type': odataType,
      changeType: z
        .string()
        .transform((text) => text.split(',').map((part) => part.trim().toLowerCase()))
        .pipe(z.array(z.string()).refine((types) => types.every(isChangeType), { error: `must be ${CHANGE_TYPES}` }))
        .transform((types) => changeTypes.filter((type) => types.includes(type)))
        .describe(`Which changes to notify: ${CHANGE_TYPES}, in any casing.`),
      resource: storableText(MAX_RESOURCE_LENGTH)
        .transform((text, { addIssue }) => {
          try {
            return readResource(text);
          } catch (error) {
            if (!(error instanceof ServiceError)) throw error;
            addIssue({ code: 'custom', message: `is not valid: ${error.message.replace(/\.$/, '')}` });
            return z.NEVER;
          }
        })
        .describe('playPromptOperation or playPromptOperation/{id}, and optionally ?$filter= with a filter of a list.'),
      notificationUrl,
      lifecycleNotificationUrl: url
        .nullable()
        .optional()
        .describe('Where the lifecycle notifications missed and subscriptionRemoved are sent.'),
      expirationDateTime,
      clientState: storableText(MAX_CLIENT_STATE_LENGTH)
        .nullable()
        .optional()
        .describe('Sent with every notification, so that the receiver recognizes the sender. It is never returned.'),
    }),
    toUpdate: z.strictObject({
      '@odata.type': odataType,
      expirationDateTime: expirationDateTime.optional(),
      notificationUrl: notificationUrl.optional(),
    }),
  };
}

const isChangeType = (text: string) => changeTypes.some((type) => type === text);

export type SubscriptionSchemas = ReturnType<typeof subscriptionSchemas>;

/**
 * Validates the body of a request to create a subscription.
 *
 * @throws ServiceError `invalidRequest` whose `details` hold every fault
 */
export function validateSubscription(
  { toCreate }: SubscriptionSchemas,
  body: unknown,
  version?: ODataVersion,
): RequestedSubscription {
  const { changeType, resource, notificationUrl, ...rest } = parse(toCreate, body, version);
  const { lifecycleNotificationUrl = null, expirationDateTime: expiration, clientState = null } = rest;
  return { changeTypes: changeType, resource, notificationUrl, lifecycleNotificationUrl, expiration, clientState };
}

/**
 * Validates the body of a request to change a subscription.
 *
 * @throws ServiceError `invalidRequest` whose `details` hold every fault
 */
export function validateSubscriptionUpdate(
  { toUpdate }: SubscriptionSchemas,
  body: unknown,
  version?: ODataVersion,
): SubscriptionChanges {
  const { expirationDateTime: expiration, notificationUrl } = parse(toUpdate, body, version);
  return { ...(expiration && { expiration }), ...(notificationUrl !== undefined && { notificationUrl }) };
}

function parse<Output>(schema: z.ZodType<Output>, body: unknown, version: ODataVersion | undefined): Output {
  const parsed = schema.safeParse(propertiesOf(body, version));
  if (parsed.success) return parsed.data;
  const faults = new Faults();
  addIssues(faults, parsed.error.issues);
  throw faults.toError();
}
