import { resolve } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { BENCH_FOLDER, ROOT_FOLDER } from '../prepare.ts';

const OUT_FOLDER = resolve(BENCH_FOLDER, 'dist/coldStart');

const common: BuildOptions = {
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  // CommonJS packages among ES modules still require Node's own modules.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
};

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
  await build({
    ...common,
    entryPoints: {
      host: local('host.ts'),
      functionsWorker: local('functionsWorker.ts'),
      importApp: bench('coldStart/importApp.ts'),
      empty: bench('coldStart/empty.ts'),
    },
    splitting: true,
    outdir: OUT_FOLDER,
  });
  const nodeHttp = bench('peers/nodeHttp.ts');
  await build({ ...common, entryPoints: { nodeHttp }, packages: 'external', outdir: OUT_FOLDER });
  await build({ ...common, entryPoints: { nodeHttpBundled: nodeHttp }, outdir: OUT_FOLDER });
}
