// What both bots of the documentation promise, in TypeScript and in C#: they miss the end of no prompt.
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import * as z from 'zod';
import { PlayPromptClient } from '../../client/index.ts';
import { type FaultProxy, startFaultProxy } from './faultProxy.ts';
import { environmentFor, type Program, startProgram } from './receiver.ts';
import { freePorts, killService, newFolder, startService, type TestService } from './service.ts';
import { azuriteConnection, newTableName, tableClient } from './tables.ts';

const FIVE_MINUTES_MS = 300_000;
const fileOfBot = z.object({ secret: z.string(), subscription: z.string() });

/** Runs the suite on the bot that a command starts. */
export function testBot(commandOf: () => readonly [program: string, ...args: string[]]): void {
  const folder = newFolder();
  const stateFile = join(folder.path, 'bot.json');
  const table = newTableName();
  let env: NodeJS.ProcessEnv;
  let service: TestService;
  let gateway: FaultProxy;
  let webhookUrl: string;
  let bot: Program;

  beforeAll(async () => {
    const [PORT = '', ISSUER_PORT, botPort] = await freePorts(3);
    webhookUrl = `http://127.0.0.1:${botPort}/notifications`;
    const store = { TABLES_CONNECTION: azuriteConnection(), TABLES_NAME: table };
    env = { PORT, ISSUER_PORT, KEYS_LOCATION: join(folder.path, 'keys'), NOTIFICATION_HOSTS: '127.0.0.1', ...store };
    service = await startService(env);
    gateway = await startFaultProxy(Number(PORT));
    await end('ended-before', 'Completed');
    bot = startBot();
    await bot.printed(/^ended-before Completed listed$/m);
  }, 120_000);
  afterAll(async () => {
    await bot?.stop('SIGKILL');
    await Promise.all([service?.end('SIGINT'), gateway?.close()]);
    await tableClient(table).deleteTable();
    folder.remove();
  }, 60_000);

  function startBot() {
    const [program, ...args] = commandOf();
    const { tokenEndpoint } = service.facts;
    // When a bot starts, the service is not available at first.
    let refusals = 1;
    gateway.fault = () => (refusals-- > 0 ? { status: 503, headers: { 'Retry-After': '0' } } : 'pass');
    return startProgram(program, args, {
      ...process.env,
      ...{ SERVICE_URL: `http://127.0.0.1:${gateway.port}`, TOKEN_ENDPOINT: tokenEndpoint, STATE_FILE: stateFile },
      ...{ WEBHOOK_URL: webhookUrl, WEBHOOK_PORT: new URL(webhookUrl).port },
    });
  }

  const clientOf = (application: string) =>
    new PlayPromptClient({ baseUrl: service.facts.baseUrl, getToken: () => tokenOf(application) });

  async function tokenOf(application: string) {
    const { tokenEndpoint, audience } = service.facts;
    const credentials = { grant_type: 'client_credentials', client_id: application, client_secret: 'any' };
    const body = new URLSearchParams({ ...credentials, scope: `${audience}/.default` });
    const response = await fetch(tokenEndpoint, { method: 'POST', body });
    return z.object({ access_token: z.string() }).parse(await response.json()).access_token;
  }

  /** Another application starts a prompt and ends it. */
  async function end(id: string, status: 'Completed' | 'Failed') {
    const worker = clientOf('media-worker');
    await worker.update({ status: 'Running' }, { id });
    await worker.update({ status }, { id });
  }

  const subscriptions = () => clientOf('bot').listSubscriptions();
  const remembered = () => fileOfBot.parse(JSON.parse(readFileSync(stateFile, 'utf8')));

  /** Sends the bot a notification, signed as the service signs it, and returns the status. */
  async function notify(notification: object, { secret = remembered().secret, ageMs = 0, id = 'msg_1' } = {}) {
    const common = { subscriptionExpirationDateTime: new Date().toISOString(), tenantId: service.facts.tenant };
    const value = { ...common, subscriptionId: remembered().subscription, clientState: null, ...notification };
    const body = JSON.stringify({ value: [value] });
    const at = new Date(Date.now() - ageMs);
    const headers = {
      'Content-Type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(id, at, body),
    };
    return (await fetch(webhookUrl, { method: 'POST', headers, body })).status;
  }

  const ofChange = async (id: string) => ({
    changeType: 'updated',
    resource: `playPromptOperation/${id}`,
    resourceData: { '@odata.type': '#microsoft.graph.playPromptOperation', ...(await clientOf('bot').read(id)) },
  });

  test('it asks for a prompt, and is notified of its end, signed', async () => {
    await bot.printed(/waits for npm run play -- --context 'call 7\/1'$/m);
    const args = ['local/play.ts', '--context', 'call 7/1', '--after', '0s'];
    await promisify(execFile)(process.execPath, args, { env: environmentFor(service) });
    const id = await Array.fromAsync(clientOf('bot').list({ filter: "clientContext eq 'call 7/1'" }), ({ id }) => id);
    await bot.printed(new RegExp(`^${id} Completed signed \\S+$`, 'm'));
  }, 60_000);

  test('it is notified again after the service was killed and restarted', async () => {
    await killService(service);
    service = await startService(env);
    await end('prompt-2', 'Failed');
    await bot.printed(/^prompt-2 Failed signed/m);
  }, 60_000);

  test('restarted, it finds its subscription again, and reads which prompts ended in between', async () => {
    const before = await subscriptions();
    await bot.stop('SIGKILL');
    await end('prompt-3', 'Completed');
    bot = startBot();
    await bot.printed(/^prompt-3 Completed/m);
    await bot.printed(/^ended-before Completed listed$/m);
    expect((await subscriptions()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  }, 60_000);

  test('when what it remembered is lost, it subscribes anew, with a new secret, and only once', async () => {
    await bot.stop('SIGKILL');
    rmSync(stateFile);
    bot = startBot();
    await bot.printed(/waits for/);
    expect((await subscriptions()).map(({ id }) => id)).toEqual([remembered().subscription]);
    await end('prompt-4', 'Completed');
    await bot.printed(/^prompt-4 Completed signed/m);
  }, 60_000);

  test.each([
    ['with another secret', { secret: `whsec_${Buffer.alloc(32).toString('base64')}` }],
    ['more than 5 minutes ago', { ageMs: FIVE_MINUTES_MS + 5000 }],
  ])('what was signed %s is refused', async (_, options) => {
    bot.forget();
    expect(await notify(await ofChange('prompt-4'), options)).toBe(403);
    expect(bot.lines()).toEqual(['']);
  });

  test('a notification that comes twice is handled once', async () => {
    bot.forget();
    const change = await ofChange('prompt-4');
    for (const id of ['msg_1', 'msg_1', 'msg_2']) expect(await notify(change, { id })).toBe(202);
    await bot.printed(/^prompt-4 Completed signed msg_2$/m);
    expect(bot.lines().filter((line) => line.endsWith('msg_1'))).toHaveLength(1);
  });

  test('after a missed notification it reads which prompts have ended', async () => {
    bot.forget();
    expect(await notify({ lifecycleEvent: 'missed' }, { id: 'missed' })).toBe(202);
    await bot.printed(/^ended-before Completed listed$/m);
  });

  test('when its subscription is removed, it subscribes again', async () => {
    const { subscription } = remembered();
    expect(await clientOf('bot').unsubscribe(subscription)).toBe(true);
    expect(await notify({ lifecycleEvent: 'subscriptionRemoved' }, { id: 'removed' })).toBe(202);
    while (remembered().subscription === subscription) await delay(100);
    await end('prompt-5', 'Completed');
    await bot.printed(/^prompt-5 Completed signed/m);
    expect(await subscriptions()).toMatchObject([{ notificationUrl: webhookUrl }]);
  }, 60_000);
}
