// From the spawn of a process to its first 200 to a PATCH, with the settings of production, beside plain node:http.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type InputOptions } from 'rolldown';
import { startChild } from '../../local/childProcess.ts';
import { listening, startEnvironment } from '../environment.ts';
import { type Goal, ratioGoal } from '../goals.ts';
import { checkUpdate } from '../load/httpSender.ts';
import { startProduction } from '../load/production.ts';
import { updatesOf } from '../load/updates.ts';
import type { Plan } from '../plan.ts';
import { APP_FOLDER, BENCH_FOLDER, ROOT_FOLDER } from '../prepare.ts';
import { shuffled } from '../statistics.ts';

/** What is started, compiled, so that no time of anyone's goes to the stripping of types. */
const OUT_FOLDER = resolve(BENCH_FOLDER, 'dist/start');

async function bundle(input: Readonly<Record<string, string>>, options: Pick<InputOptions, 'external'> = {}) {
  const output = { dir: OUT_FOLDER, format: 'esm', minify: true, entryFileNames: '[name].mjs' } as const;
  await build({ ...options, input, platform: 'node', transform: { target: 'node24' }, logLevel: 'warn', output });
}

export async function measure(plan: Plan): Promise<Goal[]> {
  const source = (file: string) => resolve(ROOT_FOLDER, file);
  // The embedded host is bundled, since Azure's own is up when it loads an app.
  await bundle({ host: source('local/host.ts'), functionsWorker: source('local/functionsWorker.ts') });
  // Its packages are as npm installs them.
  await bundle({ nodeHttp: source('bench/peers/nodeHttp.ts') }, { external: (id) => !/^[./]/.test(id) });
  const environment = await startEnvironment();
  const plain = { ...(await environment.settings('started')), NODE_DISABLE_COMPILE_CACHE: '1' };
  const production = await startProduction('started');
  const next = updatesOf(['operation-0']);

  const timeOf = async (module: 'host' | 'nodeHttp') => {
    const settings = module === 'host' ? { ...plain, ...production.settings } : plain;
    const begin = performance.now();
    const child = await startChild(pathToFileURL(`${OUT_FOLDER}/${module}.mjs`).href, settings, { cwd: APP_FOLDER });
    await checkUpdate(`http://127.0.0.1:${listening.parse(child.ready).port}`, environment.token, next());
    const time = performance.now() - begin;
    await child.stop();
    return time;
  };
  const takeRound = async () => {
    const times = { host: Number.NaN, nodeHttp: Number.NaN };
    for (const module of shuffled(['host', 'nodeHttp'] as const)) times[module] = await timeOf(module);
    return times;
  };
  try {
    // The first one fills the caches of the disk.
    await takeRound();
    return await plan.rounds(20, 90_000, takeRound, (rounds) => [
      ratioGoal(
        { measure: "spawn to first 200 with production's settings, to plain node:http", most: 0.75 },
        rounds.map(({ host }) => host),
        rounds.map(({ nodeHttp }) => nodeHttp),
        'ms',
      ),
    ]);
  } finally {
    await production.close();
    await environment.close();
  }
}
