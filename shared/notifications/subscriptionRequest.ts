// The bodies of requests for subscriptions. Microsoft Graph, "Create subscription" and "Update subscription".
import * as z from 'zod';
import { type ODataVersion, propertiesOf } from '../odata/patchRequest.ts';
import { parseBody } from '../odata/validation.ts';
import { changeTypes } from '../operation/changeListener.ts';
import { storableText } from '../operation/playPromptOperation.ts';
import { Faults, ServiceError } from '../serviceError.ts';
import { type ReceiverHosts, refusedUrl } from './receiverPolicy.ts';
import { readResource } from './resource.ts';
import { isSecret, keyOf, SECRET_RULE } from './signature.ts';
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

/** What Graph's clients send besides, as far as it asks for nothing. */
const unsupported = z.unknown().refine((value) => value === null || value === undefined, { error: 'is not supported' });
const notSupported = (what: string) => unsupported.optional().describe(`${what} are not supported: null.`);
const accepted = {
  latestSupportedTlsVersion: z.enum(['v1_2', 'v1_3']).nullable().optional().describe('TLS 1.2 or 1.3 is used anyway.'),
  includeResourceData: z
    .boolean()
    .nullable()
    .refine((value) => !value, { error: 'is not supported: it must be false' })
    .optional()
    .describe('False: encrypted resource data are not supported.'),
  encryptionCertificate: notSupported('Encrypted resource data'),
  encryptionCertificateId: notSupported('Encrypted resource data'),
  notificationUrlAppId: notSupported('Validation tokens'),
  notificationQueryOptions: notSupported('Query options of notifications'),
};

/** What a subscription that is read has and a PATCH cannot change. */
const asShown = z.string().describe('As a read shows it. It cannot be changed.');
const unchangeable = z.object({
  id: asShown,
  resource: asShown,
  applicationId: asShown,
  changeType: asShown,
  clientState: z.string().nullable().describe('Null, which leaves it. It cannot be changed.'),
  lifecycleNotificationUrl: z.string().nullable().describe('As a read shows it. It cannot be changed.'),
  creatorId: asShown,
});

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
        .refine((value) => !isSecret(value) || keyOf(value), { error: `must be ${SECRET_RULE}` })
        .nullable()
        .optional()
        .describe(
          `Sent with every notification, so that the receiver recognizes the sender; or ${SECRET_RULE}: a secret that signs ` +
            'every notification, as in Standard Webhooks, and is not sent. It is never returned.',
        ),
      ...accepted,
    }),
    toUpdate: z.strictObject({
      '@odata.type': odataType,
      expirationDateTime: expirationDateTime.optional(),
      notificationUrl: notificationUrl.optional(),
      ...unchangeable.partial().shape,
      ...accepted,
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
  const properties = propertiesOf(withoutReadOnlyNulls(body), version);
  const { changeType, resource, notificationUrl, ...rest } = parseBody(toCreate, properties);
  const { lifecycleNotificationUrl = null, expirationDateTime: expiration, clientState = null } = rest;
  return { changeTypes: changeType, resource, notificationUrl, lifecycleNotificationUrl, expiration, clientState };
}

/** Some serializers write null for what only the service sets. */
function withoutReadOnlyNulls(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const readOnly = ['id', 'applicationId', 'creatorId'];
  return Object.fromEntries(Object.entries(body).filter(([name, value]) => value !== null || !readOnly.includes(name)));
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
  const { expirationDateTime: expiration, notificationUrl } = parseBody(
    toUpdate,
    propertiesOf(withoutReadOnlyNulls(body), version),
  );
  return { ...(expiration && { expiration }), ...(notificationUrl !== undefined && { notificationUrl }) };
}

/** The members of a valid body of a change that cannot change: see `checkUnchanged`. */
export const unchangeableOf = (body: unknown) => unchangeable.partial().parse(withoutReadOnlyNulls(body));

/**
 * Checks that these members are as a read shows them, so that a subscription can be sent as it was read.
 *
 * @throws ServiceError `invalidRequest` whose `details` hold every fault
 */
export function checkUnchanged(sent: ReturnType<typeof unchangeableOf>, shown: z.infer<typeof unchangeable>): void {
  const faults = new Faults();
  for (const name of unchangeable.keyof().options) {
    const isChanged = sent[name] !== undefined && sent[name] !== shown[name];
    if (isChanged) faults.add('InvalidValue', name, 'cannot be changed: leave it out');
  }
  faults.throwIfAny();
}
