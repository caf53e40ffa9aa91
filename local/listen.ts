// `npm run listen`: receives change notifications on this machine and prints each of them.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { readCommandLine } from './commandLine.ts';
import { certificateFile, KEYS_FOLDER } from './keys.ts';
import { readLocalSettings } from './localSettings.ts';
import { close, createLoopbackServer, LOOPBACK, listen } from './loopback.ts';
import { notificationLines } from './notificationLine.ts';

const USAGE = `
npm run listen -- [options]

Receives change notifications on this machine, and prints each on a line. First it prints a command that subscribes.

  --port NUMBER  the receiver's port, 0 for any free one; by default 7073
  --https        the service was started by npm start -- --https
  --help         print this text

PORT (7071) is the port of the service, KEYS_LOCATION (.keys) the folder of its certificate.
`;

/** How long the printed command's subscription lasts: the most that the service allows is three days. */
const SUBSCRIPTION_MS = 24 * 3600 * 1000;

const { values } = readCommandLine(USAGE, {
  port: { type: 'string', default: '7073' },
  https: { type: 'boolean', default: false },
});
try {
  await serve(portOf(values.port));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function serve(requested: number) {
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const server = createLoopbackServer(undefined, {}, (request, response) => {
    receive(request, response).catch(() => response.destroy());
  });
  const port = await listen(server, requested, '--port');
  const { named } = readLocalSettings(process.env);
  const certificate = values.https ? certificateFile(named.KEYS_LOCATION ?? KEYS_FOLDER) : undefined;
  const service = `${values.https ? 'https' : 'http'}://${LOOPBACK}:${named.PORT ?? 7071}`;
  console.log(instructions(service, `http://${LOOPBACK}:${port}/`, certificate));
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

function instructions(service: string, receiver: string, certificate: string | undefined) {
  const subscription = JSON.stringify({
    changeType: 'created,updated,deleted',
    resource: 'playPromptOperation',
    notificationUrl: receiver,
    expirationDateTime: new Date(Date.now() + SUBSCRIPTION_MS).toISOString(),
  });
  const command =
    process.platform === 'win32'
      ? [
          `Invoke-RestMethod -Method Post -Uri '${service}/v1.0/subscriptions' \``,
          '  -Headers @{ Authorization = "Bearer $(npm run --silent token)" } `',
          "  -ContentType 'application/json' `",
          `  -Body '${subscription}'`,
        ]
      : [
          `curl -sS${certificate === undefined ? '' : ` --cacert '${certificate}'`} '${service}/v1.0/subscriptions' \\`,
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
