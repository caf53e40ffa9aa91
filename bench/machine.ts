import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import * as z from 'zod';
import { ROOT_FOLDER } from './prepare.ts';
import type { Run } from './results.ts';

/** What results depend on beside the code. */
const PACKAGES = [
  ...['@azure/data-tables', '@azure/functions', 'jose', 'zod', 'azurite'],
  ...['express', 'express-oauth2-jwt-bearer', '@sap/cds', '@cap-js/sqlite', '@cap-js/postgres'],
];

/** What a figure depends on, and a run does not write. */
const MEASURED = [
  ...['functions', 'shared', 'local', 'infra/package.ts', 'host.json', 'package.json', 'package-lock.json', 'bench'],
  ':!bench/results.*',
  ':!bench/*.svg',
];

/** When and on what machine, with what code and packages, this is run. */
export function describeRun(quick: boolean): Run {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    machine:
      `${cpu?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ` +
      `${type()} ${release().replace(/-.*/, '')}, Node ${process.versions.node}`,
    versions: PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', '),
    quick,
  };
}

function commit() {
  const git = (...options: string[]) => execFileSync('git', options, { cwd: ROOT_FOLDER, encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain', '--', ...MEASURED);
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? ' with changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

const lock = z.object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) });

/** The version that is locked: for the peers here, for what the app has there. */
function versionOf(name: string) {
  for (const folder of [import.meta.dirname, ROOT_FOLDER]) {
    const { packages } = lock.parse(JSON.parse(readFileSync(`${folder}/package-lock.json`, 'utf8')));
    const version = packages[`node_modules/${name}`]?.version;
    if (version) return version;
  }
  return 'unknown';
}
