// Loaded into the service by WATCH_HEAP: the host reports every second how long its event loop was held at most, and how
// much of its heap is in use after a collection.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const SAMPLE_EVERY_MS = 1000;

if (process.argv[1]?.endsWith('host.ts')) {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  const sample = () => {
    console.error(`held ${loop.max / 1e6}`);
    collect();
    // The collection holds the event loop too, which is noticed after this.
    setTimeout(() => loop.reset(), 50);
    console.error(`heap ${process.memoryUsage().heapUsed}`);
  };
  setInterval(sample, SAMPLE_EVERY_MS).unref();
}
