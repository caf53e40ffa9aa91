// A network in front of a port of this machine, on which everything takes a while. It is a process of its own, since the
// timers of the load generator fire earlier while that is busy.
import { connect, createServer, type Socket } from 'node:net';
import * as z from 'zod';
import { serveUntilStopped } from '../../local/childProcess.ts';
import { LOOPBACK, listen } from '../../local/loopback.ts';

const order = z.object({ upstreamPort: z.number(), oneWayMs: z.number() });
export type Network = z.infer<typeof order>;

await serveUntilStopped(async () => {
  const { upstreamPort, oneWayMs } = order.parse(JSON.parse(process.env.BENCH_NETWORK ?? ''));
  /** Timers of one duration fire in the order in which they were set, so that bytes stay in order. */
  const carry = (from: Socket, to: Socket) => {
    from.setNoDelay().on('data', (bytes) => setTimeout(() => to.write(bytes), oneWayMs));
    // 'close' follows.
    from.on('error', () => {}).on('close', () => setTimeout(() => to.destroy(), oneWayMs));
  };
  const server = createServer((near) => {
    const far = connect({ host: LOOPBACK, port: upstreamPort });
    carry(near, far);
    carry(far, near);
  });
  return { ready: { port: await listen(server, 0, '') }, stop: async () => {} };
});
