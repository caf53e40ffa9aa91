// Loaded into the service by WATCH_HEAP: the host says every second how much of its heap is in use after a collection.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const SAMPLE_EVERY_MS = 1000;

if (process.argv[1]?.endsWith('host.ts')) {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const sample = () => {
    collect();
    console.error(`heap ${process.memoryUsage().heapUsed}`);
  };
  setInterval(sample, SAMPLE_EVERY_MS).unref();
}
