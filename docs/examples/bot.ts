// A bot that never misses the end of a prompt, even when the service, the network or the bot itself restarts.
// Beside `npm start`, `npm run bot` runs it. In a folder of your own, client/README.md installs the client.
import { serve } from '@hono/node-server';
import { PlayPromptClient } from '@playpromptoperation/client';
import { createWebhook } from '@playpromptoperation/client/webhook';

// A token lasts about an hour: in production, let getToken ask @azure/identity.
const { SERVICE_URL = 'http://127.0.0.1:7071', ACCESS_TOKEN = '', CLIENT_STATE = crypto.randomUUID() } = process.env;
// The bot listens on WEBHOOK_PORT, and WEBHOOK_URL is its address for the service: NOTIFICATION_HOSTS must list the host.
const { WEBHOOK_PORT = '7074', WEBHOOK_URL = `http://127.0.0.1:${WEBHOOK_PORT}/` } = process.env;
const client = new PlayPromptClient({ baseUrl: SERVICE_URL, getToken: () => ACCESS_TOKEN });
const filter = "status in ('Completed','Failed')";
const resource = `playPromptOperation?$filter=${filter}`;

/** May be called several times for a prompt. Without a status, the operation was deleted in the meantime. */
const promptEnded = ({ id, status }: { id?: string; status?: string | undefined }) => console.log(id, status);

async function readEndedPrompts() {
  for await (const operation of client.list({ filter })) promptEnded(operation);
}

let current = '';
/** Renews the subscription; subscribes anew at the start, since the secret may be another, and when it is gone. */
async function keepSubscribed() {
  const expirationDateTime = new Date(Date.now() + 24 * 3600 * 1000).toISOString();
  if (current && (await client.renew(current, { expirationDateTime }))) return;
  const old = (await client.listSubscriptions()).filter((each) => each.notificationUrl === WEBHOOK_URL);
  const urls = { notificationUrl: WEBHOOK_URL, lifecycleNotificationUrl: WEBHOOK_URL, clientState: CLIENT_STATE };
  current = (await client.subscribe({ changeType: 'created,updated', resource, ...urls, expirationDateTime })).id;
  for (const { id } of old) await client.unsubscribe(id);
  await readEndedPrompts();
}

const webhook = createWebhook({
  clientState: CLIENT_STATE,
  onChange: ({ resourceData }) => promptEnded(resourceData),
  // Longer than a webhook may take, so not waited for. A failure ends the bot, which reads all when it starts again.
  onLifecycle: ({ lifecycleEvent }) => void (lifecycleEvent === 'missed' ? readEndedPrompts() : keepSubscribed()),
});
serve({ fetch: webhook, hostname: '127.0.0.1', port: Number(WEBHOOK_PORT) }, async () => {
  await keepSubscribed();
  setInterval(() => keepSubscribed().catch(console.error), 3600 * 1000);
});
