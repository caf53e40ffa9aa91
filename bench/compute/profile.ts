import { type Profiler, Session } from 'node:inspector';
import { promisify } from 'node:util';
import type { Compute } from './figures.ts';

const SAMPLING_MICROSECONDS = 100;

/** Modules with less than this share of the time are left out. */
const LEAST_SHARE = 0.01;

/** Profiles work and returns the share of each module in its time, the largest first. */
export async function profile(work: () => Promise<unknown>): Promise<Compute['profile']> {
  const session = new Session();
  session.connect();
  try {
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: SAMPLING_MICROSECONDS });
    session.post('Profiler.start');
    await work();
    const stop = promisify((done: (error: Error | null, result: Profiler.StopReturnType) => void) =>
      session.post('Profiler.stop', done),
    );
    return sharesOf((await stop()).profile);
  } finally {
    session.disconnect();
  }
}

function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile) {
  const places = new Map<number, string>();
  const name = (id: number, inherited: string) => {
    const node = nodes.find((candidate) => candidate.id === id);
    if (!node) return;
    const place = placeOf(node.callFrame) ?? inherited;
    places.set(id, place);
    for (const child of node.children ?? []) name(child, place);
  };
  const [root] = nodes;
  if (root) name(root.id, 'node');

  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const place = places.get(id) ?? 'node';
    if (place !== 'idle' && place !== 'node:inspector')
      times.set(place, (times.get(place) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .map(([where, time]) => ({ where, share: time / total }))
    .filter(({ share }) => share >= LEAST_SHARE)
    .sort((a, b) => b.share - a.share);
}

/** A file of the project, a package, or a module of Node; undefined for native code, which counts for its caller. */
function placeOf({ url, functionName }: { readonly url: string; readonly functionName: string }) {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(program)') return 'native code outside of any function';
  if (url === '') return undefined;
  if (url.startsWith('node:')) return url;
  const [, installed] = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  return installed ?? url.split('/').slice(-2).join('/');
}
