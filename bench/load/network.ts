// A network in front of a port of this machine, on which everything takes a while. It is a process of its own, since the
// timers of the load generator fire earlier while that is busy.
import { connect, createServer, type Socket } from 'node:net';
import * as z from 'zod';
import { serveUntilStopped } from '../../local/childProcess.ts';
import { listen } from '../../local/loopback.ts';

const order = z.object({ upstreamPort: z.number(), oneWayMs: z.number() });
export type Network = z.infer<typeof order>;

await serveUntilStopped(async () => {
  const { upstreamPort, oneWayMs } = order.parse(JSON.parse(process.env.BENCH_NETWORK ?? ''));
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: upstreamPort });
    carry(near, far);
    carry(far, near);
    for (const socket of [near, far]) {
      sockets.add(socket.setNoDelay());
      // 'close' follows, and closes the other one.
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
  });

  /** Timers of one duration fire in the order in which they were set, so that bytes stay in order. */
  function carry(from: Socket, to: Socket) {
    from.on('data', (bytes) => setTimeout(() => to.write(bytes), oneWayMs));
    from.on('close', () => setTimeout(() => to.destroy(), oneWayMs));
  }

  return {
    ready: { port: await listen(server, 0, '') },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
});
