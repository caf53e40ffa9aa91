// Receivers in a process of their own, so that what they do holds nobody else's event loop. Those of one port accept every
// notification; those of the other hang, trickle, flood with 1xx, answer 503 or redirect, by the number that is their path.
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { serveUntilStopped } from '../../local/childProcess.ts';
import { listen } from '../../local/loopback.ts';

const behaviors: ((socket: Socket) => void)[] = [
  () => {},
  (socket) => socket.write('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n'),
  (socket) => socket.write('HTTP/1.1 307 Temporary Redirect\r\nLocation: /0\r\nContent-Length: 0\r\n\r\n'),
  (socket) => {
    const timer = setInterval(() => socket.write('x'), 100);
    socket.write('HTTP/1.1 200 OK\r\nx: ');
    socket.once('close', () => clearInterval(timer));
  },
  (socket) => {
    const more = () => {
      while (socket.writable && socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000)));
    };
    socket.on('drain', more);
    more();
  },
];

await serveUntilStopped(async () => {
  const hostile = createServer((socket) => {
    socket.on('error', () => {}).unref();
    socket.on('data', (data) => {
      const number = /^POST \/(\d+) /.exec(data.toString('latin1'))?.[1];
      if (number !== undefined) behaviors[Number(number) % behaviors.length]?.(socket);
    });
  });
  const prompt = createHttpServer((request, response) => {
    request.resume().once('end', () => response.writeHead(202).end());
  });
  await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve));
  const ports = { hostile: Object(hostile.address()).port, prompt: await listen(prompt, 0, 'PORT') };
  return { ready: ports, stop: async () => {} };
});
