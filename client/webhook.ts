// Receives change notifications: a function of web-standard requests and responses, for any server that takes one.
import * as z from 'zod';

/**
 * A change of an operation. `resourceData` is the operation; or its id alone, after it was deleted. A newer service may send
 * more: unknown properties are passed on, and so are unknown members of enumerations.
 */
export type ChangeNotification = z.infer<typeof change>;

/**
 * What happened to a subscription. After `missed`, notifications of it were given up: read the operations again. After
 * `subscriptionRemoved`, it has expired: subscribe again, then read the operations.
 */
export type LifecycleNotification = z.infer<typeof lifecycle>;

export interface WebhookOptions {
  /** The `clientState` of the subscriptions: a secret, so that nobody else can send notifications. */
  readonly clientState: string;
  /** Called for each change, at least once: a notification that is sent again has the same `@odata.etag`. */
  readonly onChange: (notification: ChangeNotification) => void | Promise<void>;
  /** Called for each lifecycle notification, if the subscriptions have this webhook as `lifecycleNotificationUrl`. */
  readonly onLifecycle: (notification: LifecycleNotification) => void | Promise<void>;
  /** Called with what a callback threw; by default it is printed. */
  readonly onError?: (error: unknown) => void;
}

/** The largest request that is read: an operation has less than 64 KiB. */
const MAX_BODY_BYTES = 256 * 1024;

/**
 * Creates the handler of `notificationUrl` and `lifecycleNotificationUrl`. It answers the validation of a new subscription,
 * compares `clientState` in constant time, and calls the callbacks one after the other. It responds with 202 when they have
 * finished; when one fails, with 500, and the service sends the notification again. The service waits 10 seconds.
 *
 * @throws TypeError when `clientState` is empty
 */
export function createWebhook({
  clientState,
  onChange,
  onLifecycle,
  onError = console.error,
}: WebhookOptions): (request: Request) => Promise<Response> {
  if (clientState === '') throw new TypeError('A webhook needs a clientState.');

  return async (request) => {
    if (request.method !== 'POST') return new Response(null, { status: 405, headers: { Allow: 'POST' } });
    const validationToken = new URL(request.url).searchParams.get('validationToken');
    if (validationToken !== null) return new Response(validationToken, { headers: PLAIN_TEXT });

    const body = await readBody(request);
    if (body === undefined) return new Response(null, { status: 413 });
    const notifications = parse(body);
    if (!notifications) return new Response(null, { status: 400 });
    for (const notification of notifications) {
      const isSender = await isEqual(notification.clientState ?? '', clientState);
      if (!isSender) return new Response(null, { status: 403 });
    }
    try {
      for (const notification of notifications) {
        await (isChange(notification) ? onChange(notification) : onLifecycle(notification));
      }
    } catch (error) {
      onError(error);
      return new Response(null, { status: 500 });
    }
    return new Response(null, { status: 202 });
  };
}

const PLAIN_TEXT = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };

/** Reads the body of a request; undefined when it is too large. */
async function readBody({ body }: Request): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(MAX_BODY_BYTES);
  let length = 0;
  for await (const chunk of body ?? []) {
    if (length + chunk.length > MAX_BODY_BYTES) return undefined;
    bytes.set(chunk, length);
    length += chunk.length;
  }
  return bytes.subarray(0, length);
}

/** Text that is one of some, or of those that a newer service has besides. */
const open = <const Known extends string>(..._known: Known[]) =>
  z.custom<Known | (string & {})>((value) => typeof value === 'string');

const ofSubscription = {
  subscriptionId: z.string(),
  subscriptionExpirationDateTime: z.string(),
  clientState: z.string().nullable(),
  tenantId: z.string(),
};

const ofOperation = { '@odata.type': z.literal('#microsoft.graph.playPromptOperation'), id: z.string() };

const operation = z.looseObject({
  ...ofOperation,
  '@odata.etag': z.string(),
  clientContext: z.string().nullable(),
  resultInfo: z
    .looseObject({
      '@odata.type': z.literal('microsoft.graph.resultInfo'),
      code: z.number(),
      subcode: z.number(),
      message: z.string().nullable(),
    })
    .nullable(),
  status: open('NotStarted', 'Running', 'Completed', 'Failed'),
  completionReason: open('unknown', 'completedSuccessfully', 'mediaOperationCanceled', 'unknownFutureValue').nullable(),
  createdDateTime: z.string().nullish(),
  lastActionDateTime: z.string().nullish(),
});

/** Nothing but annotations besides the id, so that an operation which is not as expected is not taken for a deleted one. */
const idAlone = z
  .looseObject({ ...ofOperation, status: z.undefined().optional() })
  .refine((resourceData) => Object.keys(resourceData).every((name) => name === 'id' || name.includes('@')));

const change = z.looseObject({
  ...ofSubscription,
  changeType: open('created', 'updated', 'deleted'),
  resource: z.string(),
  resourceData: z.union([operation, idAlone]),
});

const lifecycle = z.looseObject({ ...ofSubscription, lifecycleEvent: open('missed', 'subscriptionRemoved') });

function isChange(one: ChangeNotification | LifecycleNotification): one is ChangeNotification {
  return 'changeType' in one;
}

const collection = z.object({ value: z.array(z.union([change, lifecycle])) });

/** The notifications in a body; undefined when it is not a `changeNotificationCollection`. */
function parse(body: Uint8Array): z.infer<typeof collection>['value'] | undefined {
  try {
    return collection.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))).value;
  } catch {
    return undefined;
  }
}

/** Compares two texts in a time that says nothing of either: by their MACs under a key that is used once. */
async function isEqual(a: string, b: string): Promise<boolean> {
  const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
  const encoder = new TextEncoder();
  return crypto.subtle.verify('HMAC', key, await crypto.subtle.sign('HMAC', key, encoder.encode(a)), encoder.encode(b));
}
