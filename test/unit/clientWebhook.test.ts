import { describe, expect, jest, test } from '@jest/globals';
import { createWebhook, type WebhookOptions } from '../../client/webhook.ts';
import { toChangeNotification, toLifecycleNotification } from '../../shared/notifications/notification.ts';
import { toMessage } from '../../shared/notifications/signature.ts';
import { aSubscription, SIGNING_SECRET } from '../support/notifications.ts';

const CLIENT_STATE = 'a secret';
const URL_OF_WEBHOOK = 'https://bot.example/notifications';

type Body = string | Uint8Array | ReadableStream;

/** A webhook whose callbacks note what they are called with. */
function webhook(options: Partial<WebhookOptions> = {}) {
  const calls: unknown[] = [];
  const note = (call: unknown) => {
    calls.push(call);
  };
  const handle = createWebhook({ clientState: CLIENT_STATE, onChange: note, onLifecycle: note, ...options });
  const post = (body: Body, url = URL_OF_WEBHOOK, headers: Record<string, string> = {}) =>
    handle(
      new Request(url, { method: 'POST', body, headers, ...(body instanceof ReadableStream && { duplex: 'half' }) }),
    );
  return { handle, post, calls, statusOf: async (body: Body) => (await post(body)).status };
}

const subscription = aSubscription({ clientState: CLIENT_STATE });
const deletion = toChangeNotification(subscription, 'deleted', 'prompt-1', undefined);
const [deleted] = JSON.parse(deletion).value;
const operation = {
  '@odata.type': '#microsoft.graph.playPromptOperation',
  '@odata.etag': 'W/"1"',
  id: 'prompt-1',
  clientContext: null,
  resultInfo: { '@odata.type': 'microsoft.graph.resultInfo', code: 200, subcode: 0, message: null },
  status: 'Completed',
  completionReason: null,
};
const update = { ...deleted, changeType: 'updated', resourceData: operation };
const bodyOf = (...value: unknown[]) => JSON.stringify({ value });

describe('the validation of a subscription', () => {
  test('returns its token decoded', async () => {
    const { post, calls } = webhook();
    const token = '<script> &?=%41+é';
    const response = await post('', `${URL_OF_WEBHOOK}?bot=7&validationToken=${encodeURIComponent(token)}`);
    expect([response.status, await response.text(), calls]).toEqual([200, token, []]);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('is a POST', async () => {
    const response = await webhook().handle(new Request(`${URL_OF_WEBHOOK}?validationToken=x`));
    expect([response.status, response.headers.get('allow'), await response.text()]).toEqual([405, 'POST', '']);
  });
});

describe('a notification', () => {
  test('of a change is given to the callback, with the operation or its id', async () => {
    const { statusOf, calls } = webhook();
    expect(await statusOf(bodyOf(update, deleted))).toBe(202);
    expect(calls).toEqual([update, deleted]);
  });

  test.each(['missed', 'subscriptionRemoved'] as const)('of %s is given to the callback of those', async (event) => {
    const onChange = jest.fn<WebhookOptions['onChange']>();
    const { statusOf, calls } = webhook({ onChange });
    expect(await statusOf(toLifecycleNotification(subscription, event))).toBe(202);
    expect(calls).toMatchObject([{ lifecycleEvent: event, subscriptionId: subscription.id }]);
    expect(onChange).not.toHaveBeenCalled();
  });

  test('is answered when the callback has finished, and no sooner', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { statusOf } = webhook({ onChange: () => promise });
    const status = statusOf(deletion);
    // The answer of another webhook, which was asked later, comes before.
    const another = webhook().statusOf(deletion);
    expect(await Promise.race([status, another.then(() => 'another')])).toBe('another');
    resolve();
    expect(await status).toBe(202);
  });

  test('is a 500 when its callback fails, and those after it are left to the next attempt', async () => {
    const failure = new Error('The database is down.');
    const onError = jest.fn<(error: unknown) => void>();
    const onChange = jest.fn<WebhookOptions['onChange']>(() => Promise.reject(failure));
    const response = await webhook({ onChange, onError }).post(bodyOf(update, deleted));
    expect([response.status, await response.text()]).toEqual([500, '']);
    expect(onError.mock.calls).toEqual([[failure]]);
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  test('of a newer service is passed on, with what the client does not know', async () => {
    const { statusOf, calls } = webhook();
    const resultInfo = { ...operation.resultInfo, later: 1 };
    const resourceData = { ...operation, resultInfo, status: 'Paused', completionReason: 'interrupted', later: 1 };
    const changed = { ...update, changeType: 'archived', resourceData, more: 2 };
    const { changeType: _, resource: _resource, resourceData: _data, ...common } = deleted;
    const happened = { ...common, lifecycleEvent: 'reauthorizationRequired', more: 2 };
    expect(await statusOf(JSON.stringify({ value: [changed, happened], also: 3 }))).toBe(202);
    expect(calls).toEqual([changed, happened]);
  });
});

describe('nothing is called', () => {
  test('when one of the notifications has another clientState', async () => {
    for (const clientState of ['another', null, `${CLIENT_STATE} `, CLIENT_STATE.slice(0, -1)]) {
      const { statusOf, calls } = webhook();
      expect([await statusOf(bodyOf(update, { ...deleted, clientState })), calls]).toEqual([403, []]);
    }
  });

  test.each([
    ['no JSON', 'value'],
    ['no UTF-8', Buffer.from(bodyOf(update).replace('W/', '\xff/'), 'latin1')],
    ['no collection', bodyOf(update).slice(10, -2)],
    ['a type of change that is no text', bodyOf({ ...update, changeType: 1 })],
    ['neither a change nor an event', bodyOf({ ...deleted, changeType: undefined })],
    ['an operation without its status', bodyOf({ ...update, resourceData: { ...operation, status: undefined } })],
    ['one fault among others', bodyOf(update, { ...update, resourceData: null })],
  ])('for %s', async (_, body) => {
    const { statusOf, calls } = webhook();
    expect(await statusOf(body)).toBe(400);
    expect(calls).toEqual([]);
  });

  test('for a body above 256 KiB, which is read no further', async () => {
    const { statusOf, post, calls } = webhook();
    const padding = (length: number) => bodyOf(update).replace('"W/', `"${' '.repeat(length)}W/`);
    const most = padding(256 * 1024 - bodyOf(update).length);
    expect(await statusOf(most)).toBe(202);
    calls.length = 0;
    expect(await statusOf(`${most} `)).toBe(413);
    let pulled = 0;
    const endless = new ReadableStream({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(64 * 1024));
      },
    });
    expect((await post(endless)).status).toBe(413);
    expect(pulled).toBeLessThan(10);
    expect(calls).toEqual([]);
  });
});

describe('a signed notification', () => {
  const OTHER_SECRET = `whsec_${Buffer.alloc(64, 'o').toString('base64')}`;
  const NOW = 1_000_000_000_000;
  const minutes = (count: number) => NOW + count * 60_000;
  const body = bodyOf({ ...update, clientState: null });
  const { headers } = toMessage(SIGNING_SECRET, 'id.1', body, NOW);
  const signature = headers['webhook-signature'] ?? '';

  type Case = [string, Partial<WebhookOptions>, { headers?: Record<string, string>; sent?: string }];
  const send = (options: Partial<WebhookOptions>, { headers: changes, sent = body }: Case[2]) => {
    const onChange = jest.fn<WebhookOptions['onChange']>();
    const { post } = webhook({ clientState: SIGNING_SECRET, now: () => NOW, onChange, ...options });
    return { onChange, response: post(sent, URL_OF_WEBHOOK, { ...headers, ...changes }) };
  };

  test.each<Case>([
    ['of the secret', {}, {}],
    ['of one of two secrets', { clientState: [OTHER_SECRET, SIGNING_SECRET] }, {}],
    ['that is 5 minutes old', { now: () => minutes(5) }, {}],
    ['by a clock that is 5 minutes ahead', { now: () => minutes(-5) }, {}],
    ['with other signatures', {}, { headers: { 'webhook-signature': `v2,x v1,%% v1,AAAA ${signature}` } }],
  ])('%s is passed on with its id', async (_, options, request) => {
    const { onChange, response } = send(options, request);
    expect((await response).status).toBe(202);
    expect(onChange.mock.calls).toEqual([[JSON.parse(body).value[0], 'id.1']]);
  });

  test.each<Case>([
    ['of another secret', { clientState: OTHER_SECRET }, {}],
    ['that is older than 5 minutes', { now: () => minutes(5) + 1 }, {}],
    ['that is more than 5 minutes ahead', { now: () => minutes(-5) - 1 }, {}],
    ['of another time', {}, { headers: { 'webhook-timestamp': String(NOW / 1000 + 1) } }],
    ['of no time', {}, { headers: { 'webhook-timestamp': 'NaN' } }],
    ['of another id', {}, { headers: { 'webhook-id': 'id.2' } }],
    ['of another body', {}, { sent: `${body} ` }],
    ['of another version', {}, { headers: { 'webhook-signature': signature.replace('v1', 'v1a') } }],
    ['cut short', {}, { headers: { 'webhook-signature': signature.slice(0, -4) } }],
    ['with too many signatures', {}, { headers: { 'webhook-signature': `${'v1,AAAA '.repeat(4)}${signature}` } }],
    ['that has the secret itself', {}, { sent: bodyOf({ ...update, clientState: SIGNING_SECRET }) }],
    ['for a webhook without a signing secret', { clientState: CLIENT_STATE }, {}],
  ])('%s is refused', async (_, options, request) => {
    const { onChange, response } = send(options, request);
    expect((await response).status).toBe(403);
    expect(onChange).not.toHaveBeenCalled();
  });

  test('or one with the old text is accepted, while a webhook changes from a text to a secret', async () => {
    const { post, calls } = webhook({ clientState: [CLIENT_STATE, SIGNING_SECRET], now: () => NOW });
    expect((await post(body, URL_OF_WEBHOOK, headers)).status).toBe(202);
    expect((await post(bodyOf(update))).status).toBe(202);
    expect(calls).toHaveLength(2);
  });
});

test('a webhook without a client state, or with a signing secret that is none, is refused', () => {
  const short = `whsec_${Buffer.alloc(23).toString('base64')}`;
  for (const clientState of ['', [], ['a', ''], 'whsec_', short, 'whsec_%%'])
    expect(() => webhook({ clientState })).toThrow(TypeError);
});
