// The example of a bot, as it is in the documentation, against the service: it misses the end of no prompt.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as z from 'zod';
import { PlayPromptClient } from '../../client/index.ts';
import { freePorts, killService, newFolder, patch, startService, type TestService } from '../support/service.ts';
import { azuriteConnection, newTableName, tableClient } from '../support/tables.ts';

const EXAMPLE = 'docs/examples/bot.ts';
const CLIENT_STATE = 'a secret';

const folder = newFolder();
const keys = newFolder();
const table = newTableName();
let env: NodeJS.ProcessEnv;
let service: TestService;
let workerToken = '';
let webhookUrl = '';
let bot: ReturnType<typeof startBot>;

beforeAll(async () => {
  installBot();
  const [PORT = '', ISSUER_PORT, botPort = ''] = await freePorts(3);
  webhookUrl = `http://127.0.0.1:${botPort}/notifications`;
  env = {
    PORT,
    ISSUER_PORT,
    KEYS_LOCATION: keys.path,
    TABLES_CONNECTION: azuriteConnection(),
    TABLES_NAME: table,
    NOTIFICATION_HOSTS: '127.0.0.1',
  };
  service = await startService(env);
  workerToken = await tokenFor('media-worker');
  await end('ended-before', 'Completed');
  bot = startBot(botPort);
  await bot.printed('ended-before Completed');
}, 120_000);

afterAll(async () => {
  bot?.child.kill('SIGKILL');
  await service?.end('SIGINT');
  await tableClient(table).deleteTable();
  folder.remove();
  keys.remove();
}, 60_000);

/** Installs the packed client and the other packages of the example beside a copy of it. */
function installBot() {
  const modules = join(folder.path, 'node_modules');
  const client = join(modules, '@playpromptoperation/client');
  const tsc = ['node_modules/typescript/bin/tsc', '--project', 'client', '--outDir', join(client, 'dist')];
  execFileSync(process.execPath, tsc, { stdio: 'inherit' });
  copyFileSync('client/package.json', join(client, 'package.json'));
  const { dependencies } = z
    .object({ dependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync('client/package.json', 'utf8')));
  for (const name of [...Object.keys(dependencies), '@hono/node-server']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(resolve('node_modules', name), join(modules, name), 'junction');
  }
  copyFileSync(EXAMPLE, join(folder.path, 'bot.ts'));
}

function startBot(port = new URL(webhookUrl).port) {
  const { baseUrl, token } = service.facts;
  const ofBot = { ACCESS_TOKEN: token ?? '', WEBHOOK_URL: webhookUrl, CLIENT_STATE, WEBHOOK_PORT: port };
  const child: ChildProcess = spawn(process.execPath, [join(folder.path, 'bot.ts')], {
    env: { ...process.env, SERVICE_URL: baseUrl, ...ofBot },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  return {
    child,
    forget() {
      output = '';
    },
    async printed(line: string) {
      while (!output.split('\n').includes(line)) {
        const ended = exited.then(() => Promise.reject(new Error(`The bot has ended: ${output}`)));
        await Promise.race([once(child.stdout ?? child, 'data'), ended]);
      }
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** A token of another application. */
async function tokenFor(application: string) {
  const { tokenEndpoint, audience } = service.facts;
  const client = { grant_type: 'client_credentials', client_id: application, client_secret: 'any' };
  const body = new URLSearchParams({ ...client, scope: `${audience}/.default` });
  const response = await fetch(tokenEndpoint, { method: 'POST', body });
  return z.object({ access_token: z.string() }).parse(await response.json()).access_token;
}

/** Another application starts a prompt and ends it. */
async function end(id: string, status: 'Completed' | 'Failed') {
  const worker = { facts: { ...service.facts, token: workerToken } };
  for (const each of ['Running', status]) expect((await patch(worker, { id, status: each })).status).toBe(200);
}

const clientOfBot = () =>
  new PlayPromptClient({ baseUrl: service.facts.baseUrl, getToken: () => service.facts.token ?? '' });

/** Sends the bot a lifecycle notification of its subscription, as the service does. */
async function sendLifecycle(lifecycleEvent: 'missed' | 'subscriptionRemoved') {
  const ended = { subscriptionId: crypto.randomUUID(), subscriptionExpirationDateTime: new Date().toISOString() };
  const notification = { lifecycleEvent, ...ended, clientState: CLIENT_STATE, tenantId: service.facts.tenant };
  return (await fetch(webhookUrl, { method: 'POST', body: JSON.stringify({ value: [notification] }) })).status;
}

test('it is short', () => {
  expect(readFileSync(EXAMPLE, 'utf8').trim().split('\n').length).toBeLessThanOrEqual(43);
});

test('it is notified of the end of a prompt, and again after the service was killed and restarted', async () => {
  await end('prompt-1', 'Completed');
  await bot.printed('prompt-1 Completed');
  await killService(service);
  service = await startService(env);
  await end('prompt-2', 'Failed');
  await bot.printed('prompt-2 Failed');
}, 120_000);

test('restarted, it subscribes anew, with whatever secret it has now, and reads which prompts ended in between', async () => {
  const before = await clientOfBot().listSubscriptions();
  await bot.kill();
  await end('prompt-3', 'Completed');
  bot = startBot();
  await bot.printed('prompt-3 Completed');
  // Only a list of all that have ended holds this one.
  await bot.printed('ended-before Completed');
  const after = await clientOfBot().listSubscriptions();
  expect([before.length, after.length]).toEqual([1, 1]);
  expect(after[0]?.id).not.toBe(before[0]?.id);
}, 120_000);

test('after a missed notification it reads which prompts have ended', async () => {
  await end('prompt-4', 'Completed');
  await bot.printed('prompt-4 Completed');
  bot.forget();
  expect(await sendLifecycle('missed')).toBe(202);
  await bot.printed('prompt-4 Completed');
  await bot.printed('ended-before Completed');
}, 120_000);

test('when its subscription is removed, it subscribes again', async () => {
  const [removed] = await clientOfBot().listSubscriptions();
  expect(await clientOfBot().unsubscribe(removed?.id ?? '')).toBe(true);
  expect(await sendLifecycle('subscriptionRemoved')).toBe(202);
  while ((await clientOfBot().listSubscriptions()).length === 0) await delay(100);
  expect(await clientOfBot().listSubscriptions()).toMatchObject([{ notificationUrl: webhookUrl }]);
  await end('prompt-5', 'Completed');
  await bot.printed('prompt-5 Completed');
}, 120_000);
