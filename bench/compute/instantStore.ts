// Has the protocol of a table service that finds nothing, acknowledges each write at once, and stores none.
import { createServer } from 'node:http';
import { serveUntilStopped } from '../../local/childProcess.ts';
import { close, listen } from '../../local/loopback.ts';

await serveUntilStopped(async () => {
  let version = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const { method } = request;
      if (method === 'GET') return response.writeHead(404).end();
      const etag = `W/"datetime'2026-01-01T00%3A00%3A00.${String(version++).padStart(7, '0')}Z'"`;
      return response.writeHead(204, { ETag: etag, 'x-ms-version': '2019-02-02' }).end();
    });
  });
  return { ready: { port: await listen(server, 0, '') }, stop: () => close(server) };
});
