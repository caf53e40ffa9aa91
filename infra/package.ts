// `npm run package`: makes what is deployed. `dist/app/` is the whole app, bundled, and `dist/app.zip` the same for
// Azure; `dist/sbom.cdx.json` lists the packages in it, and `dist/maps/` has the source maps, which stay here. With `--docs`
// it has Swagger UI too, for the page /docs.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { build, type Plugin } from 'rolldown';
import * as z from 'zod';
import { pagesByName } from '../functions/page.ts';
import { readCommandLine } from '../local/commandLine.ts';
import { modernize } from './modernize.ts';

const USAGE = `
npm run package -- [options]

Bundles the app into dist/app and, for Azure, dist/app.zip, and writes its software bill of materials, dist/sbom.cdx.json.

  --docs  with the page /docs, which is larger than the app
  --help  print this text
`;
const ENTRY = 'functions/index.ts';
const ENTRY_ID = /[\\/]functions[\\/]index\.ts$/;
const APP = 'dist/app';
const MAPS = 'dist/maps';
const ZIP = 'dist/app.zip';
const SBOM = 'dist/sbom.cdx.json';
const XML = '@azure/core-xml';
const LAZY_XML = 'lazyXml';
const SILENT_DEBUG = 'silentDebug.cjs';
const EXPORTER = '@azure/monitor-opentelemetry-exporter';
/** The same content makes the same zip: the earliest time that a zip can name. */
const TIMESTAMP = new Date(1980, 0, 1);

/**
 * Table Storage speaks JSON in all that the app asks of it. The SDK's XML, a fifth of the bundle, is loaded only if an
 * answer has to be read as XML after all; what writes XML, the service's own settings, is never called.
 */
const lazyXml: Plugin = {
  name: 'lazyXml',
  resolveId: (source, _, { kind }) => (source === XML && kind !== 'dynamic-import' ? LAZY_XML : undefined),
  load: (id) =>
    id === LAZY_XML
      ? `export const parseXML = async (...input) => (await import('${XML}')).parseXML(...input);
         export const stringifyXML = () => { throw new Error('XML is only read here.'); };`
      : undefined,
};

/** The SDK's proxy agents log by `debug`, which nobody reads in the deployed app. */
const silentDebug: Plugin = {
  name: 'silentDebug',
  resolveId: (source) => (source === 'debug' ? SILENT_DEBUG : undefined),
  load: (id) => (id === SILENT_DEBUG ? 'module.exports = () => () => {};' : undefined),
};

/**
 * The sampler is loaded with the app, the exporters of the same package later. By the package's index, the bundler would
 * put both into one chunk.
 */
const samplerApart: Plugin = {
  name: 'samplerApart',
  resolveId: (source, importer = '') =>
    source === EXPORTER && basename(importer) === 'applicationInsightsSampler.ts'
      ? fileURLToPath(new URL('sampling/percentageSampler.js', import.meta.resolve(EXPORTER)))
      : undefined,
};

const { docs } = readCommandLine(USAGE, { docs: { type: 'boolean', default: false } }).values;
for (const folder of [APP, MAPS]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}
const { output } = await build({
  input: ENTRY,
  platform: 'node',
  // The modules of a package that has both forms: what is not used of them is left out.
  resolve: { mainFields: ['module', 'main'] },
  transform: { target: 'node22' },
  // The Functions worker brings it.
  external: ['@azure/functions-core'],
  plugins: [lazyXml, silentDebug, modernize(), samplerApart],
  // The SDK's own log, which is off, and would name what is stored.
  treeshake: { manualPureFunctions: ['info', 'verbose', 'warning', 'error'].map((level) => `logger.${level}`) },
  logLevel: 'warn',
  write: false,
  output: {
    format: 'esm',
    minify: true,
    sourcemap: 'hidden',
    // One file of all that is loaded at the start: opening many takes longer than reading one. The entry is apart, since it
    // awaits files that import from that one, and would wait for itself.
    codeSplitting: { groups: [{ name: 'start', tags: ['$initial'], test: (id) => !ENTRY_ID.test(id) }] },
  },
});
for (const file of output) {
  if (file.type === 'chunk') writeFileSync(join(APP, file.fileName), file.code);
  else writeFileSync(join(MAPS, file.fileName), file.source);
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

cpSync('LICENSE', join(APP, 'LICENSE'));
const bundled = packagesOf([
  ...output.flatMap((file) => ('moduleIds' in file ? file.moduleIds : [])),
  ...(docs ? licenses.map((path) => join(process.cwd(), path)) : []),
]);
writeFileSync(join(APP, 'THIRD_PARTY_LICENSES.txt'), licensesOf(bundled));
writeFileSync(SBOM, JSON.stringify(billOfMaterials(bundled), null, 2));

const files = readdirSync(APP, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => join(parentPath, name))
  .toSorted()
  .map((path): [string, Uint8Array] => [relative(APP, path).replaceAll(sep, '/'), readFileSync(path)]);
writeFileSync(ZIP, zipSync(Object.fromEntries<Uint8Array>(files), { level: 9, mtime: TIMESTAMP }));

interface Package {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** The packages that modules are of. */
function packagesOf(modules: readonly string[]): readonly Package[] {
  const folders = modules.flatMap((id) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0] ?? []);
  return [...new Set(folders)]
    .map((folder) => ({
      folder,
      ...z
        .object({ name: z.string(), version: z.string(), license: z.string() })
        .parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))),
    }))
    .toSorted((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));
}

function licensesOf(packages: readonly Package[]): string {
  const texts = packages.map(({ folder, name, version, license }) => {
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    const text = file === undefined ? '' : `\n\n${readFileSync(join(folder, file), 'utf8').trim()}`;
    return `${name} ${version} (${license})${text}`;
  });
  return `${texts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

/** In CycloneDX, as `npm sbom` writes it: https://cyclonedx.org/docs/1.6/json/ */
function billOfMaterials(packages: readonly Package[]) {
  const { packages: locked } = z
    .object({ packages: z.record(z.string(), z.looseObject({ integrity: z.string().optional() })) })
    .parse(JSON.parse(readFileSync('package-lock.json', 'utf8')));
  const components = packages.map(({ folder, name, version, license }) => {
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
    const { integrity = '' } = locked[relative(process.cwd(), folder).replaceAll(sep, '/')] ?? {};
    const content = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex');
    return {
      type: 'library',
      'bom-ref': purl,
      name,
      version,
      purl,
      licenses: [{ expression: license }],
      hashes: [{ alg: 'SHA-512', content }],
    };
  });
  const component = { type: 'application', 'bom-ref': `${name}@${version}`, name, version };
  return { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, metadata: { component }, components };
}
