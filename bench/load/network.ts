import { connect, createServer, type Socket } from 'node:net';
import { listen } from '../../local/loopback.ts';

/** How long each chunk of bytes is under way, to the store or from it. */
export const ONE_WAY_MS = 2;

/** A network in front of a port of this machine, on which everything takes a while. */
export async function startNetwork(upstreamPort: number) {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: upstreamPort });
    carry(near, far);
    carry(far, near);
    for (const socket of [near, far]) {
      sockets.add(socket.setNoDelay());
      // The other end sees its own error.
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
  });
  return {
    port: await listen(server, 0, ''),
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Timers of one duration fire in the order in which they were set, so that bytes stay in order. */
function carry(from: Socket, to: Socket) {
  from.on('data', (bytes) => setTimeout(() => to.write(bytes), ONE_WAY_MS));
  from.on('close', () => setTimeout(() => to.destroy(), ONE_WAY_MS));
}
