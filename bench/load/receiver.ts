import { createServer, type RequestListener } from 'node:http';
import { close, listen } from '../../local/loopback.ts';

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;

/** Starts a receiver of notifications that passes its validation, and leaves all other requests to a listener. */
export async function startReceiver(onNotification: RequestListener) {
  const server = createServer((request, response) => {
    const token = new URL(request.url ?? '', 'http://receiver').searchParams.get('validationToken');
    if (token === null) onNotification(request, response);
    else response.setHeader('Content-Type', 'text/plain').end(token);
  });
  return {
    url: `http://127.0.0.1:${await listen(server, 0, '')}/`,
    async stop() {
      server.closeAllConnections();
      await close(server);
    },
  };
}

export async function subscribe(baseUrl: string, token: string, receivers: readonly Receiver[]): Promise<void> {
  const expirationDateTime = new Date(Date.now() + 3_600_000).toISOString();
  const subscription = { changeType: 'created,updated', resource: 'playPromptOperation', expirationDateTime };
  for (const { url: notificationUrl } of receivers) {
    const response = await fetch(`${baseUrl}/v1.0/subscriptions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...subscription, notificationUrl }),
    });
    if (!response.ok) throw new Error(`POST /subscriptions returned ${response.status}: ${await response.text()}`);
  }
}
