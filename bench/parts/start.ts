// From the spawn of a process to its first 200 to a PATCH, with the settings of production, beside plain node:http.
import { cpSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type InputOptions } from 'rolldown';
import { startChild } from '../../local/childProcess.ts';
import { listening, startEnvironment } from '../environment.ts';
import { type Goal, ratioGoal } from '../goals.ts';
import { checkUpdate, createHttpSender } from '../load/httpSender.ts';
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

/** The service and plain node:http; the embedded host with an app that does nothing, and Node.js by itself. */
const STARTED = ['service', 'nodeHttp', 'hostOnly', 'node'] as const;

export async function measure(plan: Plan): Promise<Goal[]> {
  const source = (file: string) => resolve(ROOT_FOLDER, file);
  // The embedded host is bundled, since Azure's own is up when it loads an app.
  await bundle({ host: source('local/host.ts'), functionsWorker: source('local/functionsWorker.ts') });
  await bundle({ hostOnly: source('bench/load/hostOnly/index.ts') }, { external: ['@azure/functions-core'] });
  writeFileSync(resolve(OUT_FOLDER, 'package.json'), JSON.stringify({ type: 'module', main: 'hostOnly.mjs' }));
  cpSync(source('bench/load/hostOnly/host.json'), resolve(OUT_FOLDER, 'host.json'));
  // Its packages are as npm installs them.
  await bundle({ nodeHttp: source('bench/peers/nodeHttp.ts') }, { external: (id) => !/^[./]/.test(id) });
  writeFileSync(resolve(OUT_FOLDER, 'node.mjs'), 'process.send({ ready: {} });');
  const environment = await startEnvironment();
  const plain = { ...(await environment.settings('started')), NODE_DISABLE_COMPILE_CACHE: '1' };
  const production = await startProduction('started');
  const next = updatesOf(['operation-0']);

  const timeOf = async (started: (typeof STARTED)[number]) => {
    const isHosted = started === 'service' || started === 'hostOnly';
    const module = pathToFileURL(`${OUT_FOLDER}/${isHosted ? 'host' : started}.mjs`).href;
    const settings = started === 'service' ? { ...plain, ...production.settings } : plain;
    const begin = performance.now();
    const child = await startChild(module, settings, { cwd: started === 'service' ? APP_FOLDER : OUT_FOLDER });
    if (started !== 'node') {
      const baseUrl = `http://127.0.0.1:${listening.parse(child.ready).port}`;
      // The app that does nothing has nothing to check.
      if (started === 'hostOnly') await createHttpSender(baseUrl, environment.token, console.error)(next());
      else await checkUpdate(baseUrl, environment.token, next());
    }
    const time = performance.now() - begin;
    await child.stop();
    return time;
  };
  const takeRound = async () => {
    const times = { service: Number.NaN, nodeHttp: Number.NaN, hostOnly: Number.NaN, node: Number.NaN };
    for (const started of shuffled(STARTED)) times[started] = await timeOf(started);
    return times;
  };
  try {
    // The first one fills the caches of the disk.
    await takeRound();
    return await plan.rounds(20, 90_000, takeRound, (rounds) => [
      ratioGoal(
        { measure: "start of what is deployed with production's settings, to plain node:http", most: 0.75 },
        rounds.map(({ service, hostOnly, node }) => service - hostOnly + node),
        rounds.map(({ nodeHttp }) => nodeHttp),
        'ms',
      ),
    ]);
  } finally {
    await production.close();
    await environment.close();
  }
}
