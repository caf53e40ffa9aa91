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
  /**
   * The `clientState` of the subscriptions: a secret, so that nobody else can send notifications. One that begins with `whsec_`
   * signs them, and is never sent. While it changes, both: notifications of either are accepted.
   */
  readonly clientState: string | readonly string[];
  /**
   * Called for each change, at least once. If it is signed, `webhookId` identifies the notification: it is the same when that is
   * sent again.
   */
  readonly onChange: (notification: ChangeNotification, webhookId: string | undefined) => void | Promise<void>;
  /** Called for each lifecycle notification, if the subscriptions have this webhook as `lifecycleNotificationUrl`. */
  readonly onLifecycle: (notification: LifecycleNotification, webhookId: string | undefined) => void | Promise<void>;
  /** Called with what a callback threw; by default it is printed. */
  readonly onError?: (error: unknown) => void;
  /** The time in milliseconds; by default `Date.now`. */
  readonly now?: () => number;
}

/** The largest request that is read: an operation has less than 64 KiB. */
const MAX_BODY_BYTES = 256 * 1024;

/** How a signing secret begins. The base64 of 24 to 64 bytes follows. */
const SECRET = 'whsec_';
const KEY_BYTES = { least: 24, most: 64 };

/** How much older or newer than now a signed notification may be: a copy of it is worth nothing later. */
const TOLERANCE_SECONDS = 5 * 60;

/** How many signatures of a request are verified: the service sends one. */
const MAX_SIGNATURES = 4;

/**
 * Creates the handler of `notificationUrl` and `lifecycleNotificationUrl`. It answers the validation of a new subscription,
 * verifies the signature or compares `clientState`, in constant time, and calls the callbacks one after the other. It responds
 * with 202 when they have finished; when one fails, with 500, and the service sends the notification again. The service waits
 * 10 seconds.
 *
 * @throws TypeError when `clientState` is empty, or begins with `whsec_` and is no signing secret
 */
export function createWebhook({
  clientState,
  onChange,
  onLifecycle,
  onError = console.error,
  now = Date.now,
}: WebhookOptions): (request: Request) => Promise<Response> {
  const states = typeof clientState === 'string' ? [clientState] : clientState;
  if (states.length === 0 || states.includes('')) throw new TypeError('A webhook needs a clientState.');
  const keys = states.filter(isSecret).map(toKey);
  const texts = states.filter((state) => !isSecret(state));

  return async (request) => {
    if (request.method !== 'POST') return new Response(null, { status: 405, headers: { Allow: 'POST' } });
    const validationToken = new URL(request.url).searchParams.get('validationToken');
    if (validationToken !== null) return new Response(validationToken, { headers: PLAIN_TEXT });

    const body = await readBody(request);
    if (body === undefined) return new Response(null, { status: 413 });
    const notifications = parse(body);
    if (!notifications) return new Response(null, { status: 400 });
    const webhookId = await verifiedId(request.headers, body, keys, now());
    for (const notification of notifications) {
      const isSender = webhookId !== undefined || (await isAnyOf(texts, notification.clientState ?? ''));
      if (!isSender) return new Response(null, { status: 403 });
    }
    try {
      for (const notification of notifications) {
        await (isChange(notification) ? onChange(notification, webhookId) : onLifecycle(notification, webhookId));
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

const isSecret = (clientState: string) => clientState.startsWith(SECRET);

/** The bytes of base64; undefined when it is none. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function toKey(secret: string): Uint8Array<ArrayBuffer> {
  const key = fromBase64(secret.slice(SECRET.length));
  if (key && key.length >= KEY_BYTES.least && key.length <= KEY_BYTES.most) return key;
  throw new TypeError(`A signing secret is ${SECRET} and the base64 of 24 to 64 bytes.`);
}

/** The `webhook-id` of a request that was signed lately with one of the keys; otherwise undefined. Standard Webhooks 1.0. */
async function verifiedId(
  headers: Headers,
  body: Uint8Array,
  keys: readonly Uint8Array<ArrayBuffer>[],
  now: number,
): Promise<string | undefined> {
  const id = headers.get('webhook-id');
  const timestamp = headers.get('webhook-timestamp') ?? '';
  const isLate = !/^\d{1,15}$/.test(timestamp) || Math.abs(now / 1000 - Number(timestamp)) > TOLERANCE_SECONDS;
  if (id === null || isLate) return undefined;
  const signed = new Uint8Array(await new Blob([`${id}.${timestamp}.`, body.slice()]).arrayBuffer());
  for (const text of (headers.get('webhook-signature') ?? '').split(' ', MAX_SIGNATURES)) {
    const signature = text.startsWith('v1,') ? fromBase64(text.slice(3)) : undefined;
    for (const bytes of signature ? keys : []) {
      const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
      if (signature && (await crypto.subtle.verify('HMAC', key, signature, signed))) return id;
    }
  }
  return undefined;
}

async function isAnyOf(texts: readonly string[], sent: string): Promise<boolean> {
  const found = await Promise.all(texts.map((text) => isEqual(sent, text)));
  return found.includes(true);
}

/** Compares two texts in a time that says nothing of either: by their MACs under a key that is used once. */
async function isEqual(a: string, b: string): Promise<boolean> {
  const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
  const encoder = new TextEncoder();
  return crypto.subtle.verify('HMAC', key, await crypto.subtle.sign('HMAC', key, encoder.encode(a)), encoder.encode(b));
}
