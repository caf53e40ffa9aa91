import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import * as z from 'zod';
import { close, listen } from '../../local/loopback.ts';
import { ADMIN_KEY, type TestService } from './service.ts';
import { tableClient } from './tables.ts';

const notification = z
  .looseObject({
    subscriptionId: z.string(),
    changeType: z.string(),
    clientState: z.string(),
    tenantId: z.string(),
    resourceData: z.looseObject({
      id: z.string(),
      '@odata.etag': z.string().optional(),
      status: z.string().nullish(),
      clientContext: z.string().nullish(),
    }),
  })
  .transform(({ changeType, clientState, tenantId, resourceData: { id, status, clientContext, ...rest } }) => {
    return { changeType, clientState, tenantId, id, status, clientContext, etag: rest['@odata.etag'] ?? '' };
  });

const notifications = z.object({ value: z.array(notification) }).transform(({ value }) => value);

/** A change that was notified. */
export type Received = z.infer<typeof notification>;

/** What becomes of a request with notifications that arrived at a path. */
export type Reply = { readonly status: number; readonly headers?: Readonly<Record<string, string>> };

export interface RecordingReceiver {
  /** Its address, to which paths are appended; each path stands for a receiver, and is the `clientState` it expects. */
  readonly url: string;
  /** What was accepted at a path. */
  at(path: string): readonly Received[];
  /** Forgets what was accepted. */
  clear(): void;
  /** Decides on each request with notifications from now on; 202 where it is undefined or returns that. */
  reply: ((path: string) => Reply | undefined | Promise<Reply | undefined>) | undefined;
  close(): Promise<void>;
}

/** A receiver of change notifications on loopback, which answers every handshake. */
export async function startRecordingReceiver(): Promise<RecordingReceiver> {
  const accepted = new Map<string, Received[]>();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://receiver');
    const token = searchParams.get('validationToken');
    const body = await text(request).catch(() => '');
    if (token !== null) return response.writeHead(200, { 'Content-Type': 'text/plain' }).end(token);
    const { status, headers } = (await receiver.reply?.(pathname)) ?? { status: 202 };
    if (status === 202) {
      const received = notifications.parse(JSON.parse(body));
      for (const { clientState } of received) expect(clientState).toBe(pathname);
      accepted.set(pathname, [...(accepted.get(pathname) ?? []), ...received]);
    }
    return response.writeHead(status, headers).end();
  });
  const receiver: RecordingReceiver = {
    url: `http://127.0.0.1:${await listen(server, 0, 'RECEIVER')}`,
    at: (path) => accepted.get(path) ?? [],
    clear: () => accepted.clear(),
    reply: undefined,
    async close() {
      server.closeAllConnections();
      await close(server);
    },
  };
  return receiver;
}

type Facts = { readonly facts: Pick<TestService['facts'], 'baseUrl' | 'token'> };

/** Subscribes a path of a receiver with the service's own token; its `clientState` is the path. */
export async function subscribe(
  { facts: { baseUrl, token } }: Facts,
  { url }: Pick<RecordingReceiver, 'url'>,
  path: string,
  resource = 'playPromptOperation',
  changeType = 'created,updated',
) {
  const response = await fetch(`${baseUrl}/v1.0/subscriptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      changeType,
      resource,
      notificationUrl: url + path,
      expirationDateTime: new Date(Date.now() + 3_600_000).toISOString(),
      clientState: path,
    }),
  });
  expect({ status: response.status, text: await response.text() }).toMatchObject({ status: 201 });
}

/** Runs the timer that delivers what is due. */
export async function runTimer({ facts: { baseUrl } }: Facts) {
  const response = await fetch(`${baseUrl}/admin/functions/deliverNotifications`, {
    method: 'POST',
    headers: { 'x-functions-key': ADMIN_KEY },
  });
  expect(response.status).toBe(202);
}

/** Makes every entry of the outbox due, as time does, and returns their number. */
export async function expireLeases(table: string): Promise<number> {
  const client = tableClient(table);
  const filter = "PartitionKey ge 'outbox_' and PartitionKey lt 'outbox`'";
  let count = 0;
  for await (const { partitionKey = '', rowKey = '' } of client.listEntities({ queryOptions: { filter } })) {
    count += 1;
    await client.updateEntity({ partitionKey, rowKey, dueAt: new Date(0).toISOString() }, 'Merge').catch(() => {
      // It was delivered in the meantime.
    });
  }
  return count;
}

/** Waits until the outbox is empty: everything that was to be delivered was. */
export async function untilDelivered(table: string) {
  const client = tableClient(table);
  const filter = "PartitionKey ge 'outbox_' and PartitionKey lt 'outbox`'";
  while (!(await client.listEntities({ queryOptions: { filter } }).next()).done) await delay(50);
}
