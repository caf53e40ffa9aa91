import { createServer, type IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect } from '@jest/globals';
import * as z from 'zod';
import { close, listen } from '../../local/loopback.ts';
import { send } from './service.ts';
import { tableClient } from './tables.ts';
import { until } from './until.ts';

const notification = z.looseObject({
  subscriptionId: z.string(),
  changeType: z.string(),
  clientState: z.string().nullable(),
  tenantId: z.string(),
  resource: z.string(),
  resourceData: z.looseObject({ id: z.string(), '@odata.etag': z.string().optional(), status: z.string().optional() }),
});
const notifications = z.object({ value: z.array(notification) });

/** A change that was notified. */
export type Received = z.infer<typeof notification>;

/** How a request is answered: with a response, or never. */
export type Reply =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | 'never';

/** Decides on a request, if it returns something; a handshake is asked for with a token. */
type Decide = (path: string, token: string | null) => Reply | undefined | Promise<Reply | undefined>;

export type RecordingReceiver = Awaited<ReturnType<typeof startRecordingReceiver>>;

/** A receiver of change notifications on loopback, which answers each handshake and accepts each notification. */
export async function startRecordingReceiver() {
  const accepted = new Map<string, Received[]>();
  const arrivedAt = new Map<string, number>();
  const validated: string[] = [];
  const sent: { path: string; body: string; headers: IncomingHttpHeaders }[] = [];
  const decision: { reply: Decide | undefined } = { reply: undefined };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://receiver');
    const token = searchParams.get('validationToken');
    const body = await text(request).catch(() => '');
    if (token !== null) validated.push(pathname);
    else sent.push({ path: pathname, body, headers: request.headers });
    const reply = await decision.reply?.(pathname, token);
    if (reply === 'never') return undefined;
    if (reply) return response.writeHead(reply.status, reply.headers).end(reply.body);
    if (token !== null) return response.writeHead(200, { 'Content-Type': 'text/plain' }).end(token);
    const at = performance.now();
    const { value } = notifications.parse(JSON.parse(body));
    for (const { resourceData } of value) arrivedAt.set(resourceData.id, arrivedAt.get(resourceData.id) ?? at);
    const known = accepted.get(pathname) ?? [];
    accepted.set(pathname, known);
    known.push(...value);
    return response.writeHead(202).end();
  });
  return Object.assign(decision, {
    /** Its address, to which paths are appended: each path stands for a receiver. */
    url: `http://127.0.0.1:${await listen(server, 0, 'RECEIVER')}`,
    /** The notifications that were accepted at a path. */
    at: (path: string): readonly Received[] => accepted.get(path) ?? [],
    /** The notifications that were sent to a path, accepted or not. */
    sentTo: (path: string) => sent.filter((each) => each.path === path),
    /** When an operation was first notified of, by `performance.now()`. */
    arrivedAt,
    /** The paths at which a handshake was asked for. */
    validated,
    async close() {
      server.closeAllConnections();
      await close(server);
    },
  });
}

/** Subscribes a path of a receiver with the service's own token. */
export async function subscribe(
  service: Parameters<typeof send>[0],
  { url }: Pick<RecordingReceiver, 'url'>,
  path: string,
  resource = 'playPromptOperation',
  changeType = 'created,updated',
) {
  const expirationDateTime = new Date(Date.now() + 3_600_000).toISOString();
  const body = { changeType, resource, notificationUrl: url + path, expirationDateTime };
  expect(await send(service, 'POST', '/v1.0/subscriptions', { body })).toMatchObject({ status: 201 });
}

/** Starts the timer that delivers what is due. */
export async function runTimer(service: Parameters<typeof send>[0]) {
  expect((await send(service, 'POST', '/admin/functions/deliverNotifications', { body: {} })).status).toBe(202);
}

/** What waits to be delivered: entries of the outbox, and changes in backlogs. */
const WAITING =
  "(PartitionKey ge 'outbox_' and PartitionKey lt 'outbox`') or (PartitionKey ge 'waiting_' and PartitionKey lt 'waiting`')";
const BACKLOGS =
  "PartitionKey ge 'subscriptions_' and PartitionKey lt 'subscriptions`' and RowKey ge 'backlog.' and RowKey lt 'backlog.g'";

/** Makes everything that waits due, as time does, and returns how much that is. */
export async function expireLeases(table: string): Promise<number> {
  const client = tableClient(table);
  const past = new Date(0).toISOString();
  let count = 0;
  for await (const { partitionKey = '', rowKey = '' } of client.listEntities({ queryOptions: { filter: WAITING } })) {
    count += 1;
    if (partitionKey.startsWith('waiting_')) continue;
    await client.updateEntity({ partitionKey, rowKey, dueAt: past }, 'Merge').catch(() => {
      // It was delivered in the meantime.
    });
  }
  for await (const { partitionKey = '', rowKey = '' } of client.listEntities({ queryOptions: { filter: BACKLOGS } })) {
    await client.updateEntity({ partitionKey, rowKey, retryAt: past }, 'Merge');
  }
  return count;
}

/** Waits until everything that was to be delivered was. */
export async function untilDelivered(table: string) {
  const client = tableClient(table);
  await until(async () => (await client.listEntities({ queryOptions: { filter: WAITING } }).next()).done === true);
}
