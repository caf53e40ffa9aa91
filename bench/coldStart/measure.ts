// From the spawn of a process to its first 200, and loading the app alone; each in a new process, in turn.
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { startChild } from '../../local/childProcess.ts';
import { type Environment, listening, startEnvironment } from '../environment.ts';
import { seedHttp } from '../load/httpLoad.ts';
import type { Plan } from '../plan.ts';
import { APP_FOLDER, BENCH_FOLDER, ROOT_FOLDER } from '../prepare.ts';
import type { ColdStart } from '../results.ts';
import { buildForColdStart, built } from './build.ts';

const TABLE = 'coldStart';
const COMPILE_CACHE = resolve(BENCH_FOLDER, 'dist/compileCache');

/** What is started, and in which folder. */
const servers = [
  { contender: 'servicePackaged', module: built.host, cwd: APP_FOLDER },
  { contender: 'serviceUnbundled', module: built.host, cwd: ROOT_FOLDER },
  { contender: 'nodeHttp', module: built.nodeHttp, cwd: ROOT_FOLDER },
  { contender: 'nodeHttpBundled', module: built.nodeHttpBundled, cwd: ROOT_FOLDER },
  { contender: 'empty', module: built.empty, cwd: ROOT_FOLDER },
];

const apps = [
  { app: 'packaged', cwd: APP_FOLDER },
  { app: 'unbundled', cwd: ROOT_FOLDER },
];

const loaded = z.object({ milliseconds: z.number() });

export async function measureColdStart(plan: Plan, progress: (what: string) => void): Promise<ColdStart> {
  await buildForColdStart();
  rmSync(COMPILE_CACHE, { recursive: true, force: true });
  const environment = await startEnvironment();
  const results: ColdStart = { starts: [], imports: [] };
  try {
    await environment.openTable(TABLE);
    // The first round fills the caches, those of the disk and of compiled code, and is not counted.
    for (let round = 0; round <= plan.coldStarts; round++) {
      progress(`cold start, round ${round} of ${plan.coldStarts}`);
      for (const compileCache of [false, true]) {
        const settings = { ...environment.settings(TABLE), ...compileCacheSettings(compileCache) };
        for (const { contender, ...started } of servers) {
          const milliseconds = await startToFirstAnswer(started, settings, environment, contender !== 'empty');
          if (round > 0) results.starts.push({ contender, compileCache, milliseconds });
        }
        for (const { app, cwd } of apps) {
          const child = await startChild(pathToFileURL(built.importApp).href, settings, { cwd, execArgv: [] });
          await child.stop();
          if (round > 0) results.imports.push({ app, compileCache, ...loaded.parse(child.ready) });
        }
      }
    }
  } finally {
    await environment.close();
  }
  return results;
}

function compileCacheSettings(on: boolean) {
  return on ? { NODE_COMPILE_CACHE: COMPILE_CACHE } : { NODE_DISABLE_COMPILE_CACHE: '1' };
}

async function startToFirstAnswer(
  { module, cwd }: { readonly module: string; readonly cwd: string },
  settings: NodeJS.ProcessEnv,
  { token }: Environment,
  answersPatch: boolean,
) {
  const start = performance.now();
  const child = await startChild(pathToFileURL(module).href, settings, { cwd, execArgv: [] });
  const { port } = listening.parse(child.ready);
  const baseUrl = `http://127.0.0.1:${port}`;
  if (answersPatch) await seedHttp(baseUrl, token, ['operation-0']);
  else await (await fetch(baseUrl)).text();
  const milliseconds = performance.now() - start;
  await child.stop();
  return milliseconds;
}
