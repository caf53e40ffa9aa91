// Loaded into the service by WATCH_HEAP: the host reports every second how long its event loop was held at most, and how
// much of its heap is in use after a collection. The event loop is not held longer than the CPU time that the process took:
// what other processes of a busy machine hold is not counted.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const SAMPLE_EVERY_MS = 1000;

if (process.argv[1]?.endsWith('host.ts')) {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  let begin = process.cpuUsage();
  const sample = () => {
    const { user, system } = process.cpuUsage(begin);
    console.error(`held ${Math.min(loop.max / 1e6, (user + system) / 1000)}`);
    collect();
    // The collection holds the event loop too, which is noticed after this.
    setTimeout(() => {
      loop.reset();
      begin = process.cpuUsage();
    }, 50);
    console.error(`heap ${process.memoryUsage().heapUsed}`);
  };
  setInterval(sample, SAMPLE_EVERY_MS).unref();
}
