// A process that does nothing: what of a start is Node's own.
import { createServer } from 'node:http';
import { serveUntilStopped } from '../../local/childProcess.ts';
import { close, listen } from '../../local/loopback.ts';

await serveUntilStopped(async () => {
  const server = createServer((_request, response) => response.writeHead(200).end());
  return { ready: { port: await listen(server, 0, 'PORT') }, stop: () => close(server) };
});
