import * as z from 'zod';

const text = z.string().nullish();

const changedOperation = z.object({ id: z.string(), status: text, clientContext: text });
type ChangedOperation = z.infer<typeof changedOperation>;

/** What is shown of a notification, of a change or of the life of a subscription. */
const collection = z.object({
  value: z.array(
    z.union([
      z.object({ lifecycleEvent: z.string(), subscriptionId: z.string() }),
      z.object({
        changeType: z.string(),
        resourceData: changedOperation,
      }),
    ]),
  ),
});

/**
 * The lines that the terminal shows for the body of a request of notifications: time, changeType, and the operation's id,
 * status and clientContext. A lifecycle notification has its event and the id of its subscription instead.
 *
 * @returns undefined when the body holds no notifications
 */
export function notificationLines(body: string, now: Date): string[] | undefined {
  const { success, data } = collection.safeParse(parse(body));
  if (!success) return undefined;
  return data.value.map((notification) => {
    const parts =
      'lifecycleEvent' in notification
        ? [notification.lifecycleEvent, 'subscription', notification.subscriptionId]
        : [notification.changeType, notification.resourceData.id, ...changeOf(notification.resourceData)];
    return [now.toTimeString().slice(0, 8), ...parts].map(printable).join(' ');
  });
}

function changeOf({ status, clientContext }: ChangedOperation) {
  return [...(status ? [status] : []), ...(clientContext ? [JSON.stringify(clientContext)] : [])];
}

/** The text without characters that could move the cursor or turn the direction of the terminal. */
const printable = (value: string) => value.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
