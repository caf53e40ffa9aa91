// The table of docs/architecture.md is what the imports of shared/ and functions/ are.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';

const ANYWHERE = ['zod', 'quick-lru', '@opentelemetry/api'];

const rows = readFileSync('docs/architecture.md', 'utf8').matchAll(/^\| `(\w+)\/` \| .+ \| (.+) \| (.+) \|$/gm);
const namesIn = (cell: string) => [...cell.matchAll(/`([^`]+?)\/?`/g)].map(([, name = '']) => name);
const folders = new Map(
  [...rows].map(([, name = '', imported = '', packages = '']) => [
    name,
    { imported: namesIn(imported), packages: namesIn(packages) },
  ]),
);

/** What a file imports although it may not. */
function forbiddenImports(file: string, text: string) {
  const [room = '', folder = ''] = file.split('/');
  const inFunctions = room === 'functions';
  const { imported, packages } = inFunctions
    ? { imported: [...folders.keys()], packages: ['@azure/functions'] }
    : (folders.get(folder) ?? { imported: [], packages: [] });
  const isAllowed = (name: string) => {
    if (name.startsWith('node:') || name === '../package.json') return true;
    if (!name.startsWith('.')) return [...ANYWHERE, ...packages].some((each) => matches(name, each));
    const [toRoom = '', to = '', below] = join(dirname(file), name).split('/');
    if (toRoom === 'functions') return inFunctions;
    return toRoom === 'shared' && (below === undefined || to === folder || imported.includes(to));
  };
  const names = [...text.matchAll(/\b(?:from|import) ?\(?'([^']+)'/g)].map(([, name = '']) => name);
  return names.filter((name) => !isAllowed(name));
}

/** Whether a package is the one named, a part of it, or one of the family that ends in `*`. */
const matches = (name: string, allowed: string) =>
  allowed.endsWith('*') ? name.startsWith(allowed.slice(0, -1)) : name === allowed || name.startsWith(`${allowed}/`);

const files = ['shared', 'functions']
  .flatMap((room) => readdirSync(room, { recursive: true, encoding: 'utf8' }).map((name) => join(room, name)))
  .filter((file) => file.endsWith('.ts'));

test('every folder of shared/ has its row, and each file imports only what its folder may', () => {
  const entries = readdirSync('shared', { withFileTypes: true });
  expect([...folders.keys()].sort()).toEqual(entries.flatMap((entry) => (entry.isDirectory() ? entry.name : [])));
  for (const file of files) expect([file, forbiddenImports(file, readFileSync(file, 'utf8'))]).toEqual([file, []]);
});

test('only entry points read the environment', () => {
  expect(files.filter((file) => readFileSync(file, 'utf8').includes('process.env')).sort()).toEqual([
    'functions/index.ts',
    // For what only the platform sets.
    'shared/store/managedIdentity.ts',
    // For settings of a package that has no other way in.
    'shared/telemetry/applicationInsightsExporters.ts',
  ]);
});

test.each([
  ['shared/operation/update.ts', "import { x } from '../odata/key.ts';"],
  ['shared/auth/permission.ts', "import type { x } from '../operation/update.ts';"],
  ['shared/auth/permission.ts', "export { x } from '../../functions/request.ts';"],
  ['shared/settings.ts', "const { x } = await import('./store/tableRepository.ts');"],
  ['shared/odata/key.ts', "import { jwtVerify } from 'jose';"],
  ['shared/store/tableRepository.ts', "import '@azure/functions';"],
  ['functions/batch.ts', "import { TableClient } from '@azure/data-tables';"],
  ['functions/batch.ts', "import { x } from '../local/issuer.ts';"],
])('%s must not: %s', (file, line) => {
  expect(forbiddenImports(file, line).length).toBe(1);
});
