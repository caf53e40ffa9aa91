// The official Microsoft Graph client, pointed here.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  BatchRequestContent,
  BatchResponseContent,
  Client,
  type Context,
  GraphError,
  HTTPMessageHandler,
  type Middleware,
} from '@microsoft/microsoft-graph-client';
import type { ChangeNotificationCollection, PlayPromptOperation, Subscription } from '@microsoft/microsoft-graph-types';
import type { components } from '../../client/schema.ts';
import type { toSubscriptionBody, toSubscriptionsBody } from '../../shared/notifications/subscriptionBody.ts';
import type { toEntityBody } from '../../shared/odata/entityBody.ts';
import { checkAnswer } from '../support/openApi.ts';
import { newFolder, startService, type TestService } from '../support/service.ts';

const folder = newFolder();
let service: TestService;
beforeAll(async () => {
  service = await startService({ AZURITE_LOCATION: folder.path });
});
afterAll(async () => {
  await service.end('SIGINT');
  folder.remove();
});

/** Holds an answer against /openapi.json, and leaves it to the client. */
async function check({ request, options, response }: Context) {
  if (!response) throw new Error('The client has no answer.');
  const { url, status, headers } = response;
  const sent = typeof options?.body === 'string' ? JSON.parse(options.body) : undefined;
  const body = await response.clone().text();
  checkAnswer({ method: options?.method ?? (request as Request).method, url, sent, status, headers, body });
}

/** The client attaches a token to https only, so on a laptop a middleware of one's own does. */
function clientWith(token: string | null) {
  const send = new HTTPMessageHandler();
  const authenticate: Middleware = {
    async execute(context: Context) {
      context.options = {
        ...context.options,
        headers: { ...context.options?.headers, Authorization: `Bearer ${token}` },
      };
      await send.execute(context);
      await check(context);
    },
  };
  return Client.initWithMiddleware({ baseUrl: service.facts.baseUrl, middleware: authenticate });
}

test('updates an operation', async () => {
  const update = { clientContext: 'from the Graph client', status: 'running', resultInfo: { code: 200 } };
  const answer: PlayPromptOperation = await clientWith(service.facts.token).api('/playPromptOperation').update(update);
  expect(answer).toMatchObject({
    clientContext: 'from the Graph client',
    status: 'Running',
    resultInfo: { code: 200, subcode: 0, message: null },
  });
});

test('reads operations, one and many', async () => {
  const client = clientWith(service.facts.token);
  const updates = ['x', 'y', 'z'].map((id) =>
    client.api(`/playPromptOperation/${id}`).update({ clientContext: 'many' }),
  );
  await Promise.all(updates);
  const one: PlayPromptOperation = await client.api('/playPromptOperation/x').select(['id', 'status']).get();
  expect(one).toMatchObject({ id: 'x', status: 'NotStarted' });
  const list = client.api('/playPromptOperation').filter("clientContext eq 'many'").top(2).count(true);
  expect(await list.get()).toMatchObject({ '@odata.count': 3, value: [expect.anything(), expect.anything()] });
});

test('sends a batch, and finds each answer by its id', async () => {
  const update = (id: string, url: string, body: object, headers: Record<string, string> = {}) => ({
    id,
    request: new Request(`https://graph.microsoft.com${url}`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }),
  });
  const content = new BatchRequestContent([
    update('create', '/playPromptOperation/batched', { status: 'Running' }),
    // Of an absolute URL, the client writes the path with its version.
    { id: 'read', request: new Request(`${service.facts.baseUrl}/v1.0/playPromptOperation/batched`) },
    update('stale', '/playPromptOperation/batched', {}, { 'If-Match': '"1"' }),
    { id: 'late', request: new Request('https://graph.microsoft.com/playPromptOperation/batched?$select=status') },
  ]);
  content.addDependency('read', 'create');
  content.addDependency('stale', 'read');
  content.addDependency('late', 'stale');
  const client = clientWith(service.facts.token);
  const answer = new BatchResponseContent(await client.api('/$batch').post(await content.getContent()));
  const answerOf = async (id: string) => {
    const response = answer.getResponseById(id);
    return [response.status, await response.json()];
  };
  expect(await answerOf('create')).toEqual([200, expect.objectContaining({ id: 'batched', status: 'Running' })]);
  expect(await answerOf('stale')).toMatchObject([412, { error: { code: 'PreconditionFailed' } }]);
  expect(await answerOf('read')).toMatchObject([200, { id: 'batched' }]);
  expect(await answerOf('late')).toMatchObject([424, { error: { code: 'FailedDependency' } }]);
});

test('turns our errors into GraphError, with code and request id', async () => {
  const refused = clientWith(service.facts.token).api('/playPromptOperation').update({ status: 'String' });
  const error: GraphError = await refused.catch((thrown) => thrown);
  expect(error).toBeInstanceOf(GraphError);
  expect(error).toMatchObject({ statusCode: 400, code: 'BadRequest' });
  expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(JSON.parse(error.body).details).toMatchObject([{ target: 'status' }, { target: 'id' }]);
});

test('and turns a 401 into one too', async () => {
  const error: GraphError = await clientWith('no.token.atall')
    .api('/playPromptOperation')
    .update({})
    .catch((thrown) => thrown);
  expect(error).toMatchObject({ statusCode: 401, code: 'InvalidAuthenticationToken' });
});

test('the types of microsoft-graph-types accept our responses and notifications', () => {
  // The type checker holds these: an assignment does not compile when our type is not assignable to theirs.
  const accepted = [
    (operation: ReturnType<typeof toEntityBody>): PlayPromptOperation => operation,
    (subscription: ReturnType<typeof toSubscriptionBody>): Subscription => subscription,
    ({ value }: ReturnType<typeof toSubscriptionsBody>): Subscription[] => value,
    // Notifications are sent as this schema of /openapi.json describes them, which the client checks at run time.
    (body: components['schemas']['changeNotificationCollection']): ChangeNotificationCollection => body,
  ];
  expect(accepted).toHaveLength(4);
});
