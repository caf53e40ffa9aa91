// What is deployed: the zip holds just the folder that all end-to-end tests run, and stays small.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { unzipSync } from 'fflate';
import * as z from 'zod';
import { pagesByName } from '../../functions/page.ts';
import { promotedBytes, send, startService, WATCH_COLLECTIONS } from '../support/service.ts';
import { newTableName } from '../support/tables.ts';

const zip = readFileSync('dist/app.zip');
const files = new Map(Object.entries(unzipSync(zip)));
const textOf = (name: string) => new TextDecoder().decode(files.get(name));

/** The files that are loaded with a file, itself included, because it imports them by name at its top. */
function loadedWith(name: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(name)) return loaded;
  loaded.add(name);
  for (const [, imported = ''] of textOf(name).matchAll(/(?:\bfrom|\bimport)\s*"\.\/([^"]+)"/g)) {
    loadedWith(imported, loaded);
  }
  return loaded;
}

/** What a file was made of, as its source map has it. The bundler's runtime has no map, nor has a file that only passes on exports. */
function sourcesOf(file: string) {
  if (file.startsWith('rolldown-runtime-') || /^export\s*\{[^{}]*\}\s*from\s*"[^"]+";\s*$/.test(textOf(file)))
    return [];
  const map = readFileSync(join('dist/maps', `${file}.map`), 'utf8');
  return z.object({ sources: z.array(z.string()) }).parse(JSON.parse(map)).sources;
}

const packagesOf = (file: string) =>
  sourcesOf(file).flatMap((source) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []);
const bytesOf = (names: readonly string[]) => names.reduce((sum, name) => sum + (files.get(name)?.length ?? 0), 0);
const modules = [...files.keys()].filter((name) => /^[\w-]+\.js$/.test(name));

describe('the zip', () => {
  test('holds the bundle, what the host reads, the board, and nothing else', () => {
    const others = [...files.keys()].filter((name) => !/^[\w-]+\.js$/.test(name));
    const licenses = ['LICENSE', 'THIRD_PARTY_LICENSES.txt'];
    const needed = ['host.json', 'package.json', ...Object.values(pagesByName.board.files)];
    expect(others.sort()).toEqual([...needed, ...licenses].sort());
    expect(JSON.parse(textOf('package.json'))).toMatchObject({ type: 'module', main: 'index.js' });
    expect(textOf('host.json')).toBe(readFileSync('host.json', 'utf8'));
  });

  test('has the license of every package whose code is in it', () => {
    const text = textOf('THIRD_PARTY_LICENSES.txt');
    const packages = modules.flatMap(packagesOf);
    expect(new Set(packages).size).toBeGreaterThan(20);
    for (const name of packages) expect(text).toMatch(new RegExp(`^${name} \\d\\S+ \\(`, 'm'));
  });

  test('has a bill of materials of every package whose code is in it, and of no other', () => {
    const component = z.object({ name: z.string(), hashes: z.tuple([z.object({ content: z.string() })]) });
    const bill = z.object({ components: z.array(component) });
    const { components } = bill.parse(JSON.parse(readFileSync('dist/sbom.cdx.json', 'utf8')));
    const packages = modules.flatMap(packagesOf);
    expect([...new Set(components.map(({ name }) => name))].sort()).toEqual([...new Set(packages)].sort());
    for (const { hashes } of components) expect(hashes[0].content).toMatch(/^[\da-f]{128}$/);
  });

  test('is at most 0.5 MB', () => {
    expect(zip.length).toBeLessThanOrEqual(500_000);
  });
});

describe('what is loaded before the first request', () => {
  const loaded = [...loadedWith('index.js')].map((file) => basename(file));

  test('is at most 420 KB', () => {
    expect(bytesOf(loaded)).toBeGreaterThan(100_000);
    expect(bytesOf(loaded)).toBeLessThanOrEqual(420_000);
  });

  test('includes no module that describes the service', () => {
    const isDescription = (source: string) => source.includes('/shared/description/');
    expect(modules.flatMap(sourcesOf).filter(isDescription)).not.toEqual([]);
    expect(loaded.flatMap(sourcesOf).filter(isDescription)).toEqual([]);
  });

  test('is of these packages and of no others', () => {
    expect([...new Set(loaded.flatMap(packagesOf))].sort()).toEqual([
      ...['@azure/abort-controller', '@azure/core-auth', '@azure/core-client', '@azure/core-rest-pipeline'],
      ...['@azure/core-tracing', '@azure/core-util', '@azure/data-tables'],
      ...['@azure/functions', '@azure/functions-extensions-base', '@azure/logger'],
      ...['@opentelemetry/api', '@typespec/ts-http-runtime'],
      ...['agent-base', 'cookie', 'http-proxy-agent', 'https-proxy-agent', 'jose'],
      ...['quick-lru', 'uuid', 'zod'],
    ]);
  });
});

describe('what telemetry adds before the first response', () => {
  const fileOf = (name: string) => [...files.keys()].find((file) => file.startsWith(`${name}-`)) ?? '';
  const sdk = ['register', 'applicationInsightsSampler'].flatMap((name) => [...loadedWith(fileOf(name))]);
  const main = loadedWith('index.js');
  const added = [...new Set(sdk)].filter((file) => !main.has(file));

  test('is at most 120 KB', () => {
    expect(bytesOf(added)).toBeGreaterThan(50_000);
    expect(bytesOf(added)).toBeLessThanOrEqual(120_000);
  });

  test('is the sampler, and no exporter', () => {
    const ofExporter = (name: string) =>
      sourcesOf(name)
        .filter((source) => source.includes('/@azure/monitor-opentelemetry-exporter/'))
        .map((source) => basename(source));
    const exporters = [...loadedWith(fileOf('applicationInsightsExporters'))].flatMap(ofExporter);
    expect(exporters).toEqual(expect.arrayContaining(['trace.js', 'metric.js']));
    const first = added.flatMap(ofExporter);
    expect(first).toContain('percentageSampler.js');
    expect(first.filter((name) => /^(?:trace|metric)\.js$/.test(name))).toEqual([]);
  });
});

test('a request leaves little behind that only a major collection of garbage frees', async () => {
  const service = await startService({ TABLES_NAME: newTableName(), ...WATCH_COLLECTIONS }, [], { host: 'embedded' });
  const ask = async (count: number) => {
    for (let n = 0; n < count; n += 4)
      await Promise.all(Array.from({ length: 4 }, () => send(service, 'GET', '/health/live')));
  };
  await ask(1000);
  const before = promotedBytes(service);
  expect(before).toBeGreaterThan(0);
  await ask(2000);
  expect((promotedBytes(service) - before) / 2000).toBeLessThan(3000);
  await service.end('SIGTERM');
});
