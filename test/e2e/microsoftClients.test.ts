// Microsoft's own client libraries, unmodified, against `npm start -- --https`. They refuse plain http.
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import * as z from 'zod';
import { PlayPromptClient } from '../../client/index.ts';
import { runClient } from '../support/microsoft/report.ts';
import { useService } from '../support/useService.ts';

const service = useService({}, ['--host', 'embedded', '--https']);

const entity = z.record(z.string(), z.unknown());
const subscribed = z.object({
  asked: z.looseObject({ expirationDateTime: z.string() }),
  created: entity,
  all: z.array(entity),
  notification: entity,
  renewed: entity,
  read: entity,
  none: z.array(entity),
});

describe('@microsoft/microsoft-graph-client', () => {
  let seen: Readonly<Record<string, unknown>>;
  beforeAll(async () => {
    seen = await runClient('graphClient.ts', service);
  });

  test('updates an operation, reads it and finds it in a list', () => {
    expect(seen.updated).toMatchObject({ clientContext: 'from the Graph client', status: 'Completed' });
    expect(seen.read).toMatchObject({ status: 'Completed' });
    expect(seen.listed).toMatchObject({ '@odata.count': 1, value: [{ clientContext: 'from the Graph client' }] });
  });

  test('reads three pages with its PageIterator', () => {
    const { baseUrl } = service.facts;
    expect(seen.paged).toEqual({
      firstPage: 3,
      nextLink: expect.stringContaining(`${baseUrl}/v1.0/playPromptOperation?`),
      seen: Array.from({ length: 7 }, (_, n) => `page-${n}`),
      isComplete: true,
    });
  });

  test('sends a batch and finds each response by its id', () => {
    expect(seen.batch).toEqual([
      { status: 200, body: expect.objectContaining({ id: 'batched', status: 'Running' }) },
      { status: 200, body: expect.objectContaining({ status: 'Running' }) },
      { status: 200, body: expect.objectContaining({ id: 'batched' }) },
    ]);
  });

  test('creates, lists, reads, renews and deletes a subscription, and is notified', () => {
    const { asked, created, all, notification, renewed, read, none } = subscribed.parse(seen.subscription);
    const { id } = created;
    expect(created).toMatchObject({ ...asked, id: expect.any(String), clientState: null });
    expect(created.applicationId).toEqual(expect.any(String));
    expect(all).toMatchObject([{ ...asked, id, clientState: null }]);
    expect(notification).toEqual({
      subscriptionId: id,
      subscriptionExpirationDateTime: asked.expirationDateTime,
      changeType: 'created',
      clientState: asked.clientState,
      tenantId: service.facts.tenant,
      resource: 'playPromptOperation/notified',
      resourceData: expect.objectContaining({ id: 'notified', status: 'Completed', '@odata.etag': expect.any(String) }),
    });
    expect(Date.parse(String(renewed.expirationDateTime))).toBeGreaterThan(Date.parse(asked.expirationDateTime));
    expect(read).toMatchObject({ id, expirationDateTime: renewed.expirationDateTime });
    expect(none).toEqual([]);
  });

  test('turns errors into GraphError, with status, code, request id and details', () => {
    const requestId = expect.stringMatching(/^[0-9a-f-]{36}$/);
    expect(seen.errors).toMatchObject({
      bad: {
        statusCode: 400,
        code: 'BadRequest',
        requestId,
        body: { details: [{ target: 'status' }, { target: 'id' }] },
      },
      missing: { statusCode: 404, code: 'ResourceNotFound', requestId },
      stale: { statusCode: 412, code: 'PreconditionFailed', requestId },
      anonymous: { statusCode: 401, code: 'InvalidAuthenticationToken', requestId },
    });
  });
});

test('ClientSecretCredential of @azure/identity gets a token with the default role', async () => {
  const { token, secondsLeft, status } = await runClient('identity.ts', service);
  expect(status).toBe(200);
  expect(decodeJwt(String(token))).toMatchObject({ roles: ['Calls.Initiate.All'], aud: service.facts.audience });
  expect(secondsLeft).toBeGreaterThan(3000);
});

test('client credentials of @azure/msal-node get a token with the default role, and cache it', async () => {
  const { token, isCached, status } = await runClient('msal.ts', service);
  expect({ isCached, status }).toEqual({ isCached: true, status: 200 });
  expect(decodeJwt(String(token))).toMatchObject({ roles: ['Calls.Initiate.All'] });
});

test('a process that does not trust the certificate gets no answer, and the typed client does not try again', async () => {
  const send = jest.fn((request: Request) => fetch(request));
  const client = new PlayPromptClient({ baseUrl: service.facts.baseUrl, getToken: () => 'none', fetch: send });
  await expect(client.read('a')).rejects.toThrow('fetch failed');
  expect(send).toHaveBeenCalledTimes(1);
});
