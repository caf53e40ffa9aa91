// `npm run listen`: receives change notifications on this machine and prints each of them.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { ancestorsEnd } from './ancestors.ts';
import { curl, namesProxy } from './banner.ts';
import { readCommandLine } from './commandLine.ts';
import { close, createLoopbackServer, LOOPBACK, listen } from './loopback.ts';
import { notificationLines } from './notificationLine.ts';
import { type RunningService, runningService } from './running.ts';

const USAGE = `
npm run listen -- [options]

Receives change notifications on this machine, and prints each on a line. First it prints a command that subscribes.

  --port NUMBER  the receiver's port, 0 for any free one; by default 7073
  --help         print this text
`;

/** How long the printed command's subscription lasts: the most that the service allows is a day. */
const SUBSCRIPTION_MS = 24 * 3600 * 1000;

const { values } = readCommandLine(USAGE, {
  port: { type: 'string', default: '7073' },
});
try {
  await serve(portOf(values.port));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function serve(requested: number) {
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), ancestorsEnd()]);
  const service = runningService();
  const server = createLoopbackServer(undefined, {}, (request, response) => {
    receive(request, response).catch(() => response.destroy());
  });
  const port = await listen(server, requested, '--port');
  console.log(instructions(service, `http://${LOOPBACK}:${port}/`));
  await interrupted;
  await close(server);
}

async function receive(request: IncomingMessage, response: ServerResponse) {
  const { method, url = '/' } = request;
  const token = URL.parse(url, `http://${LOOPBACK}`)?.searchParams.get('validationToken');
  const body = await text(request);
  if (method !== 'POST') return response.writeHead(405, { Allow: 'POST' }).end();
  if (typeof token === 'string') {
    const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };
    return response.writeHead(200, headers).end(token);
  }
  const lines = notificationLines(body, new Date());
  for (const line of lines ?? []) console.log(line);
  return response.writeHead(lines ? 202 : 400).end();
}

function instructions({ baseUrl, certificate }: RunningService, receiver: string) {
  const subscription = JSON.stringify({
    changeType: 'created,updated,deleted',
    resource: 'playPromptOperation',
    notificationUrl: receiver,
    expirationDateTime: new Date(Date.now() + SUBSCRIPTION_MS).toISOString(),
  });
  const command =
    process.platform === 'win32'
      ? [
          `Invoke-RestMethod -Method Post -Uri '${baseUrl}/v1.0/subscriptions' \``,
          '  -Headers @{ Authorization = "Bearer $(npm run --silent token)" } `',
          "  -ContentType 'application/json' `",
          `  -Body '${subscription}'`,
        ]
      : [
          `${curl({ certificate, isProxied: namesProxy(process.env) })} '${baseUrl}/v1.0/subscriptions' \\`,
          '  -H "Authorization: Bearer $(npm run --silent token)" \\',
          "  -H 'Content-Type: application/json' \\",
          `  -d '${subscription}'`,
        ];
  return [
    '',
    `Listening for notifications at ${receiver}`,
    '',
    'While npm start runs, subscribe from another terminal in this folder:',
    '',
    ...command,
    '',
    'Then change an operation. Ctrl-C stops the receiver.',
    '',
  ].join('\n');
}

function portOf(value: string) {
  const port = Number(value);
  if (!/^\d+$/.test(value) || port > 65535) {
    throw new Error(`--port must be a port, 0 for any free one; it is ${JSON.stringify(value)}.`);
  }
  return port;
}
