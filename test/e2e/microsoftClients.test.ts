// Microsoft's own client of Graph, unmodified, against `npm start -- --https`. It refuses plain http, as do the libraries that
// get tokens, in test/field/identity.test.ts.
import { createServer } from 'node:http';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  BatchRequestContent,
  BatchResponseContent,
  Client,
  GraphError,
  PageIterator,
} from '@microsoft/microsoft-graph-client';
import type { Subscription } from '@microsoft/microsoft-graph-types';
import { PlayPromptClient } from '../../client/index.ts';
import { type ChangeNotification, createWebhook } from '../../client/webhook.ts';
import { close, listen } from '../../local/loopback.ts';
import { trustService } from '../../local/running.ts';
import { useService } from '../support/useService.ts';

const service = useService({}, ['--host', 'embedded', '--https']);

test('a process that does not trust the certificate gets no answer, and the typed client does not try again', async () => {
  const send = jest.fn((request: Request) => fetch(request));
  const client = new PlayPromptClient({ baseUrl: service.facts.baseUrl, getToken: () => 'none', fetch: send });
  await expect(client.read('a')).rejects.toThrow('fetch failed');
  expect(send).toHaveBeenCalledTimes(1);
});

describe('a process that trusts it:', () => {
  const others = getCACertificates();
  beforeAll(() => trustService(service.facts));
  afterAll(() => setDefaultCACertificates(others));

  describe('@microsoft/microsoft-graph-client', () => {
    let client: Client;
    beforeAll(() => {
      const { baseUrl, token } = service.facts;
      const customHosts = new Set(['127.0.0.1']);
      client = Client.init({ baseUrl, customHosts, authProvider: (done) => done(null, token) });
    });

    test('updates an operation, reads it and finds it in a list', async () => {
      const clientContext = 'from the Graph client';
      const updated = await client.api('/playPromptOperation').update({ clientContext, status: 'completed' });
      expect(updated).toMatchObject({ clientContext, status: 'Completed' });
      const read = await client.api(`/playPromptOperation/${updated.id}`).select(['id', 'status']).get();
      expect(read).toMatchObject({ status: 'Completed' });
      const listed = await client.api('/playPromptOperation').filter("status eq 'Completed'").top(10).count(true).get();
      expect(listed).toMatchObject({ '@odata.count': 1, value: [{ clientContext }] });
    });

    test('reads three pages with its PageIterator', async () => {
      const ids = Array.from({ length: 7 }, (_, n) => `page-${n}`);
      for (const id of ids) await client.api(`/playPromptOperation/${id}`).update({ clientContext: 'paged' });
      const first = await client.api('/playPromptOperation').filter("clientContext eq 'paged'").top(3).get();
      expect(first.value).toHaveLength(3);
      expect(first['@odata.nextLink']).toContain(`${service.facts.baseUrl}/v1.0/playPromptOperation?`);
      const seen: string[] = [];
      const pages = new PageIterator(client, first, ({ id }) => seen.push(id) > 0);
      await pages.iterate();
      expect(seen.sort()).toEqual(ids);
    });

    test('sends a batch and finds each response by its id', async () => {
      const update = new Request('https://graph.microsoft.com/playPromptOperation/batched', {
        method: 'PATCH',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ status: 'Running' }),
      });
      const read = new Request('https://graph.microsoft.com/playPromptOperation/batched?$select=status');
      // Of an absolute URL of another host, the client writes the path with its version.
      const own = new Request(`${service.facts.baseUrl}/v1.0/playPromptOperation/batched`);
      const content = new BatchRequestContent([
        { id: 'create', request: update },
        { id: 'read', request: read },
        { id: 'own', request: own },
      ]);
      content.addDependency('read', 'create');
      content.addDependency('own', 'read');
      const answers = new BatchResponseContent(await client.api('/$batch').post(await content.getContent()));
      const { id, status } = { id: 'batched', status: 'Running' };
      for (const [request, entity] of Object.entries({ create: { id, status }, read: { status }, own: { id } })) {
        const response = answers.getResponseById(request);
        expect([response.status, await response.json()]).toEqual([200, expect.objectContaining(entity)]);
      }
    });

    test('creates, lists, reads, renews and deletes a subscription, and is notified', async () => {
      const clientState = 'a secret';
      const { promise: notified, resolve: onChange, reject: onError } = Promise.withResolvers<ChangeNotification>();
      const webhook = createWebhook({ clientState, onChange, onLifecycle: () => {}, onError });
      const receiver = createServer(getRequestListener(webhook));
      const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
      const resource = 'playPromptOperation/notified';
      const asked: Subscription = {
        changeType: 'created',
        resource,
        notificationUrl: `http://127.0.0.1:${await listen(receiver, 0, 'RECEIVER')}/`,
        expirationDateTime: inHours(1),
      };
      const subscriptions = client.api('/subscriptions');
      const created: Subscription = await subscriptions.post({ ...asked, clientState });
      const { id } = created;
      expect(created).toMatchObject({ ...asked, id: expect.any(String), applicationId: expect.any(String) });
      expect(created.clientState).toBeNull();
      expect((await subscriptions.get()).value).toMatchObject([{ ...asked, id, clientState: null }]);

      await client.api('/playPromptOperation/notified').update({ status: 'completed' });
      const resourceData = { id: 'notified', status: 'Completed' };
      expect(await notified).toMatchObject({ subscriptionId: id, clientState, resource, resourceData });
      await close(receiver);

      const one = client.api(`/subscriptions/${id}`);
      const later = { id, expirationDateTime: inHours(2) };
      expect(await one.update({ expirationDateTime: later.expirationDateTime })).toMatchObject(later);
      expect(await one.get()).toMatchObject(later);
      await one.delete();
      expect((await subscriptions.get()).value).toEqual([]);
    });

    test('turns a refusal into a GraphError with its code, the request id and details', async () => {
      const refused = client.api('/playPromptOperation').update({ status: 'String' });
      const error: unknown = await refused.catch((thrown: unknown) => thrown);
      if (!(error instanceof GraphError)) throw error;
      const requestId = expect.stringMatching(/^[0-9a-f-]{36}$/);
      expect(error).toMatchObject({ statusCode: 400, code: 'BadRequest', requestId });
      expect(JSON.parse(error.body).details).toMatchObject([{ target: 'status' }, { target: 'id' }]);
    });
  });
});
