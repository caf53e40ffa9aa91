// `npm run package`: makes what is deployed. `dist/app/` is the whole app, bundled, and `dist/app.zip` the same for
// Azure; `dist/maps/` has the source maps, which stay here. With `--docs` it has Swagger UI too, for the page /docs.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { zipSync } from 'fflate';
import * as z from 'zod';
import { pagesByName } from '../functions/page.ts';
import { readCommandLine } from '../local/commandLine.ts';

const USAGE = `
npm run package -- [options]

Bundles the app into dist/app and, for Azure, dist/app.zip.

  --docs  with the page /docs, which is larger than the app
  --help  print this text
`;
const APP = 'dist/app';
const MAPS = 'dist/maps';
const ZIP = 'dist/app.zip';
const EXPORTER = '@azure/monitor-opentelemetry-exporter';
/** The same content makes the same zip: the earliest time that a zip can name. */
const TIMESTAMP = new Date(1980, 0, 1);

/**
 * Table Storage speaks JSON in all that the app asks of it. The SDK's XML, a fifth of the bundle, is loaded only if an
 * answer has to be read as XML after all; what writes XML, the service's own settings, is never called.
 */
const lazyXml: Plugin = {
  name: 'lazyXml',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@azure\/core-xml$/ }, ({ kind, resolveDir }) =>
      kind === 'dynamic-import' ? undefined : { path: resolveDir, namespace: 'lazyXml' },
    );
    onLoad({ filter: /.*/, namespace: 'lazyXml' }, ({ path }) => ({
      resolveDir: path,
      contents: `
        export const parseXML = async (...input) => (await import('@azure/core-xml')).parseXML(...input);
        export const stringifyXML = () => { throw new Error('XML is only read here.'); };`,
    }));
  },
};

/** The SDK's proxy agents log by `debug`, which nobody reads in the deployed app. */
const silentDebug: Plugin = {
  name: 'silentDebug',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^debug$/ }, ({ path }) => ({ path, namespace: 'silentDebug' }));
    onLoad({ filter: /.*/, namespace: 'silentDebug' }, () => ({ contents: 'module.exports = () => () => {};' }));
  },
};

/**
 * The sampler is loaded with the app, the exporters of the same package later. By the package's index, the bundler would
 * put both into one chunk.
 */
const samplerApart: Plugin = {
  name: 'samplerApart',
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^${EXPORTER}$`) }, ({ importer }) =>
      basename(importer) === 'applicationInsightsSampler.ts'
        ? { path: fileURLToPath(new URL('sampling/percentageSampler.js', import.meta.resolve(EXPORTER))) }
        : undefined,
    );
  },
};

const { docs } = readCommandLine(USAGE, { docs: { type: 'boolean', default: false } }).values;
for (const folder of [APP, MAPS]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}
const { outputFiles } = await build({
  entryPoints: ['functions/index.ts'],
  outdir: APP,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  // The modules of a package that has both forms: what is not used of them is left out.
  mainFields: ['module', 'main'],
  minify: true,
  sourcemap: 'external',
  // The Functions worker brings it.
  external: ['@azure/functions-core'],
  plugins: [lazyXml, silentDebug, samplerApart],
  // Packages of the older module format ask for Node's own modules by this name.
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  logLevel: 'warning',
  write: false,
});
for (const { path, contents } of outputFiles) {
  writeFileSync(join(path.endsWith('.map') ? MAPS : APP, basename(path)), contents);
}
const { name, version } = z
  .object({ name: z.string(), version: z.string() })
  .parse(JSON.parse(readFileSync('package.json', 'utf8')));
writeFileSync(join(APP, 'package.json'), JSON.stringify({ name, version, type: 'module', main: 'index.js' }, null, 2));
writeFileSync(join(APP, 'host.json'), readFileSync('host.json'));
const pages = [...Object.values(pagesByName.board.files), ...(docs ? Object.values(pagesByName.docs.files) : [])];
const licenses = ['LICENSE', 'NOTICE', 'swagger-ui-bundle.js.LICENSE.txt'].map(
  (file) => `node_modules/swagger-ui-dist/${file}`,
);
for (const path of [...pages, ...(docs ? licenses : [])]) cpSync(path, join(APP, path));

const files = readdirSync(APP, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => join(parentPath, name))
  .toSorted()
  .map((path): [string, Uint8Array] => [relative(APP, path).replaceAll(sep, '/'), readFileSync(path)]);
writeFileSync(ZIP, zipSync(Object.fromEntries<Uint8Array>(files), { level: 9, mtime: TIMESTAMP }));
