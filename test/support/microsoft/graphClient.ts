// The unmodified @microsoft/microsoft-graph-client: its own authentication, retries, redirects and paging.
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import {
  BatchRequestContent,
  BatchResponseContent,
  Client,
  GraphError,
  PageIterator,
} from '@microsoft/microsoft-graph-client';
import type { Subscription } from '@microsoft/microsoft-graph-types';
import { type ChangeNotification, createWebhook } from '../../../client/webhook.ts';
import { close, listen } from '../../../local/loopback.ts';
import { report } from './report.ts';

await report(async ({ baseUrl, token }) => {
  const clientWith = (accessToken: string) =>
    Client.init({
      baseUrl,
      customHosts: new Set(['127.0.0.1']),
      authProvider: (done) => done(null, accessToken),
    });
  const client = clientWith(token);
  const errorOf = async (request: Promise<unknown>) => {
    const error: unknown = await request.catch((thrown: unknown) => thrown);
    if (!(error instanceof GraphError)) return { error };
    const { statusCode, code, requestId, body } = error;
    return { statusCode, code, requestId, body: JSON.parse(body) };
  };

  const updated = await client
    .api('/playPromptOperation')
    .update({ clientContext: 'from the Graph client', status: 'completed' });
  const read = await client.api(`/playPromptOperation/${updated.id}`).select(['id', 'status']).get();
  const listed = await client.api('/playPromptOperation').filter("status eq 'Completed'").top(10).count(true).get();

  const ids = Array.from({ length: 7 }, (_, n) => `page-${n}`);
  for (const id of ids) await client.api(`/playPromptOperation/${id}`).update({ clientContext: 'paged' });
  const seen: string[] = [];
  const first = await client.api('/playPromptOperation').filter("clientContext eq 'paged'").top(3).get();
  const paged = new PageIterator(client, first, ({ id }) => {
    seen.push(id);
    return true;
  });
  await paged.iterate();

  const content = new BatchRequestContent([
    {
      id: 'create',
      request: new Request('https://graph.microsoft.com/playPromptOperation/batched', {
        method: 'PATCH',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ status: 'Running' }),
      }),
    },
    { id: 'read', request: new Request('https://graph.microsoft.com/playPromptOperation/batched?$select=status') },
    // Of an absolute URL of another host, the client writes the path with its version.
    { id: 'own', request: new Request(`${baseUrl}/v1.0/playPromptOperation/batched`) },
  ]);
  content.addDependency('read', 'create');
  content.addDependency('own', 'read');
  const answers = new BatchResponseContent(await client.api('/$batch').post(await content.getContent()));
  const batch = await Promise.all(
    ['create', 'read', 'own'].map(async (id) => {
      const response = answers.getResponseById(id);
      return { status: response.status, body: await response.json() };
    }),
  );

  return {
    updated,
    read,
    listed,
    subscription: await subscribe(client),
    paged: {
      firstPage: first.value.length,
      nextLink: first['@odata.nextLink'],
      seen: seen.sort(),
      isComplete: paged.isComplete(),
    },
    batch,
    errors: {
      bad: await errorOf(client.api('/playPromptOperation').update({ status: 'String' })),
      missing: await errorOf(client.api('/playPromptOperation/missing').get()),
      stale: await errorOf(client.api('/playPromptOperation/page-0').header('If-Match', '"1"').update({})),
      anonymous: await errorOf(clientWith('no.token.atall').api('/playPromptOperation').get()),
    },
  };
});

/** Creates, lists, reads, renews and deletes a subscription, and is notified in between. */
async function subscribe(client: Client) {
  const { promise: notified, resolve, reject } = Promise.withResolvers<ChangeNotification>();
  const clientState = 'a secret';
  const webhook = createWebhook({ clientState, onChange: resolve, onLifecycle: () => {}, onError: reject });
  const receiver = createServer(getRequestListener(webhook));
  const port = await listen(receiver, 0, 'RECEIVER');
  try {
    const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
    const asked: Subscription = {
      changeType: 'created',
      resource: 'playPromptOperation/notified',
      notificationUrl: `http://127.0.0.1:${port}/`,
      expirationDateTime: inHours(1),
      clientState,
    };
    const created: Subscription = await client.api('/subscriptions').post(asked);
    const path = `/subscriptions/${created.id}`;
    const all: { value: Subscription[] } = await client.api('/subscriptions').get();
    await client.api('/playPromptOperation/notified').update({ status: 'completed' });
    const notification = await notified;
    const renewed: Subscription = await client.api(path).update({ expirationDateTime: inHours(2) });
    const read: Subscription = await client.api(path).get();
    await client.api(path).delete();
    const none: { value: Subscription[] } = await client.api('/subscriptions').get();
    return { asked, created, all: all.value, notification, renewed, read, none: none.value };
  } finally {
    await close(receiver);
  }
}
