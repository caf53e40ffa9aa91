// Signed notifications. Standard Webhooks 1.0, "Webhook headers" and "Signature scheme".
import { createHmac } from 'node:crypto';
import type { OutgoingMessage } from './receiver.ts';

/** How a `clientState` begins that is a signing secret. The base64 of the key follows. */
const PREFIX = 'whsec_';

/** What a `clientState` with this prefix must be. */
export const SECRET_RULE = `${PREFIX} and the base64 of 24 to 64 bytes`;

/** Whether a `clientState` claims to be a signing secret. */
export const isSecret = (clientState: string) => clientState.startsWith(PREFIX);

/** The key of a signing secret; undefined if a `clientState` is none. */
export function keyOf(clientState: string | null): Buffer | undefined {
  if (clientState === null || !isSecret(clientState)) return undefined;
  const text = clientState.slice(PREFIX.length);
  const key = Buffer.from(text, 'base64');
  return key.toString('base64') === text && key.length >= 24 && key.length <= 64 ? key : undefined;
}

/**
 * A notification as it is sent at a time: signed, if the `clientState` of its subscription is a signing secret. The id is the
 * same in every attempt.
 */
export function toMessage(clientState: string | null, id: string, body: string, now: number): OutgoingMessage {
  const key = keyOf(clientState);
  if (!key) return { body, headers: {} };
  const timestamp = String(Math.floor(now / 1000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
  return { body, headers };
}
