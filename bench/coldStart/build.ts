import { resolve } from 'node:path';
import { build, type InputOptions } from 'rolldown';
import { BENCH_FOLDER, ROOT_FOLDER } from '../prepare.ts';

const OUT_FOLDER = resolve(BENCH_FOLDER, 'dist/coldStart');

/** What is started, compiled, so that no time of anyone's goes to the stripping of types. */
export const built = {
  /** The embedded host, as small as it gets, since it is not what is measured. */
  host: resolve(OUT_FOLDER, 'host.mjs'),
  importApp: resolve(OUT_FOLDER, 'importApp.mjs'),
  empty: resolve(OUT_FOLDER, 'empty.mjs'),
  nodeHttp: resolve(OUT_FOLDER, 'nodeHttp.mjs'),
  nodeHttpBundled: resolve(OUT_FOLDER, 'nodeHttpBundled.mjs'),
};

export async function buildForColdStart(): Promise<void> {
  const bench = (file: string) => resolve(BENCH_FOLDER, file);
  const local = (file: string) => resolve(ROOT_FOLDER, 'local', file);
  const nodeHttp = bench('peers/nodeHttp.ts');
  await bundle({
    host: local('host.ts'),
    functionsWorker: local('functionsWorker.ts'),
    importApp: bench('coldStart/importApp.ts'),
    empty: bench('coldStart/empty.ts'),
  });
  await bundle({ nodeHttp }, { external: (id) => !/^[./]/.test(id) });
  await bundle({ nodeHttpBundled: nodeHttp });
}

function bundle(input: Readonly<Record<string, string>>, options: Pick<InputOptions, 'external'> = {}) {
  return build({
    ...options,
    input,
    platform: 'node',
    transform: { target: 'node24' },
    logLevel: 'warn',
    output: {
      dir: OUT_FOLDER,
      format: 'esm',
      minify: true,
      entryFileNames: '[name].mjs',
      chunkFileNames: '[name]-[hash].mjs',
    },
  });
}
