// A bot that never misses the end of a prompt, even when the service, the network or the bot itself restarts.
//
// From the repository, beside `npm start`: npm run bot
// From a folder of your own, with Node.js 22.18 or newer, once client/README.md has installed the client there:
//   npm install @hono/node-server zod && node bot.ts
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { serve } from '@hono/node-server';
import { PlayPromptClient } from '@playpromptoperation/client';
import { createWebhook } from '@playpromptoperation/client/webhook';
import * as z from 'zod';

const {
  // The service, and its issuer of tokens: in Azure, https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token.
  SERVICE_URL = 'http://127.0.0.1:7071',
  TOKEN_ENDPOINT = 'http://127.0.0.1:7072/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token',
  // The app registrations of the service and of the bot. The issuer of a laptop takes any id and secret.
  SCOPE = 'api://playpromptoperation/.default',
  CLIENT_ID = 'bot',
  CLIENT_SECRET = 'any',
  // Where the bot listens, and its URL for the service: NOTIFICATION_HOSTS must list the host.
  WEBHOOK_PORT = '7074',
  WEBHOOK_URL = `http://127.0.0.1:${WEBHOOK_PORT}/`,
  // What the bot remembers: its signing secret, its subscription, and until when it knows all that has ended.
  STATE_FILE = 'bot.json',
  // The clientContext of the prompt that the bot asks for.
  PROMPT = 'call 7/1',
} = process.env;

const HOUR = 3_600_000;
/** The service gives a notification up after 4 hours, and the `missed` about it after another 4. */
const LATEST_NOTIFICATION = 9 * HOUR;
const ended = "status in ('Completed','Failed')";

/** What the bot does next. It may be called again for a prompt, after a restart. */
const promptEnded = ({ id, status }: { id?: string; status?: string | undefined }, source: string) =>
  console.log(id, status, source);

const state = z
  .object({
    secret: z.string().default(() => `whsec_${randomBytes(32).toString('base64')}`),
    subscription: z.string().default(''),
    knownUntil: z.string().default(() => new Date().toISOString()),
  })
  .parse(existsSync(STATE_FILE) ? JSON.parse(readFileSync(STATE_FILE, 'utf8')) : {});

function remember(changes: Partial<typeof state>) {
  writeFileSync(`${STATE_FILE}.new`, JSON.stringify(Object.assign(state, changes)), { mode: 0o600 });
  renameSync(`${STATE_FILE}.new`, STATE_FILE);
}

let token = { access_token: '', expires: 0 };
async function getToken() {
  if (Date.now() < token.expires) return token.access_token;
  const credentials = { grant_type: 'client_credentials', client_id: CLIENT_ID, client_secret: CLIENT_SECRET };
  const body = new URLSearchParams({ ...credentials, scope: SCOPE });
  const response = await fetch(TOKEN_ENDPOINT, { method: 'POST', body });
  const { access_token, expires_in } = z
    .object({ access_token: z.string(), expires_in: z.number() })
    .parse(await response.json());
  token = { access_token, expires: Date.now() + (expires_in * 1000) / 2 };
  return access_token;
}

const client = new PlayPromptClient({ baseUrl: SERVICE_URL, getToken });

/** Renews the subscription, or subscribes anew when it is gone; after a gap, reads which prompts have ended in it. */
async function keepSubscribed(isGap: boolean) {
  const now = Date.now();
  const expirationDateTime = new Date(now + 24 * HOUR).toISOString();
  const isRenewed = state.subscription !== '' && (await client.renew(state.subscription, { expirationDateTime }));
  if (!isRenewed) {
    const old = (await client.listSubscriptions()).filter((each) => each.notificationUrl === WEBHOOK_URL);
    const receiver = { notificationUrl: WEBHOOK_URL, lifecycleNotificationUrl: WEBHOOK_URL, clientState: state.secret };
    const asked = {
      changeType: 'created,updated',
      resource: `playPromptOperation?$filter=${ended}`,
      expirationDateTime,
    };
    remember({ subscription: (await client.subscribe({ ...asked, ...receiver })).id });
    // What signs with a secret that is lost.
    for (const { id } of old) await client.unsubscribe(id);
  }
  if (isGap || !isRenewed) {
    const since = new Date(Date.parse(state.knownUntil) - LATEST_NOTIFICATION).toISOString();
    const filter = `${ended} and lastActionDateTime ge ${since}`;
    for await (const each of client.list({ filter, select: ['id', 'status'] })) promptEnded(each, 'listed');
  }
  remember({ knownUntil: new Date(now).toISOString() });
}

const handled = new Set<string>();
const webhook = createWebhook({
  clientState: state.secret,
  onChange({ resourceData }, webhookId = '') {
    if (handled.has(webhookId)) return;
    promptEnded(resourceData, `signed ${webhookId}`);
    handled.add(webhookId);
    // The service repeats a notification for 4 hours.
    setTimeout(() => handled.delete(webhookId), 4 * HOUR);
  },
  // Longer than a webhook may take, so not waited for. A failure ends the bot, which reads all when it starts again.
  onLifecycle: () => void keepSubscribed(true),
});

serve({ fetch: webhook, hostname: '127.0.0.1', port: Number(WEBHOOK_PORT) }, async () => {
  await keepSubscribed(true);
  setInterval(() => keepSubscribed(false).catch(console.error), HOUR);
  const { id } = await client.update({ clientContext: PROMPT });
  console.log(`${id} waits for npm run play -- --context '${PROMPT}'`);
});
