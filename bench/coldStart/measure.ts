// From the spawn of a process to its first 200, and loading the app alone; each in a new process, in random order.
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { startChild } from '../../local/childProcess.ts';
import { listening, startEnvironment } from '../environment.ts';
import { checkUpdate } from '../load/httpSender.ts';
import { updatesOf } from '../load/updates.ts';
import type { Plan } from '../plan.ts';
import { APP_FOLDER, BENCH_FOLDER, ROOT_FOLDER } from '../prepare.ts';
import { figureOf } from '../report/markdown.ts';
import type { Goal, Part } from '../results.ts';
import { enoughRounds, estimate, shuffled } from '../statistics.ts';
import { buildForColdStart, built } from './build.ts';
import { startProduction } from './production.ts';

const TABLE = 'coldStart';
const COMPILE_CACHE = resolve(BENCH_FOLDER, 'dist/compileCache');

/** What is started, in which folder, and whether with production's settings. */
const starts = [
  { key: 'packaged', title: 'this service, packaged', module: built.host, cwd: APP_FOLDER },
  { key: 'production', title: "this service, packaged, production's settings", module: built.host, cwd: APP_FOLDER },
  { key: 'unbundled', title: 'this service, as built', module: built.host, cwd: ROOT_FOLDER },
  { key: 'nodeHttp', title: 'plain node:http', module: built.nodeHttp, cwd: ROOT_FOLDER },
  { key: 'nodeHttpBundled', title: 'plain node:http, bundled', module: built.nodeHttpBundled, cwd: ROOT_FOLDER },
  { key: 'empty', title: 'a process that does nothing', module: built.empty, cwd: ROOT_FOLDER },
] as const;

const loads = [
  { key: 'loadPackaged', title: 'packaged', cwd: APP_FOLDER, isProduction: false },
  { key: 'loadProduction', title: "packaged, production's settings", cwd: APP_FOLDER, isProduction: true },
  { key: 'loadUnbundled', title: 'as built', cwd: ROOT_FOLDER, isProduction: false },
] as const;

const FIRST_SPAN = 'firstSpan';
const loaded = z.object({ milliseconds: z.number() });

export async function measureColdStart(plan: Plan, progress: (what: string) => void): Promise<Part> {
  await buildForColdStart();
  rmSync(COMPILE_CACHE, { recursive: true, force: true });
  const environment = await startEnvironment();
  const production = await startProduction(TABLE);
  /** Milliseconds by what was started, in the order of the rounds; with the compile cache under a name of its own. */
  const times = new Map<string, number[]>();
  const timesOf = (key: string, isCached = false) => times.get(isCached ? `${key} cached` : key) ?? [];
  const ratio = (key: string, reference: string) => {
    const references = timesOf(reference);
    return estimate(timesOf(key).map((time, round) => time / (references[round] ?? Number.NaN)));
  };
  const goals = (): Goal[] => [
    {
      measure: "spawn to first 200 with production's settings, to plain node:http, not bundled",
      most: 0.7,
      figure: ratio('production', 'nodeHttp'),
    },
    {
      measure: 'spawn to first 200, to plain node:http, not bundled',
      most: 0.6,
      figure: ratio('packaged', 'nodeHttp'),
    },
    {
      measure: 'loading the packaged app, to the app as it is built',
      most: 0.3,
      figure: ratio('loadPackaged', 'loadUnbundled'),
    },
  ];
  const next = updatesOf(['operation-0']);
  try {
    await environment.openTable(TABLE);
    // The first round fills the caches, those of the disk and of compiled code, and is not counted.
    const isEnough = enoughRounds(plan.coldStarts, plan.coldStartBudgetMs, () => goals().map(({ figure }) => figure));
    for (let round = 0; !isEnough(round - 1); round++) {
      progress(`cold start, round ${round}`);
      for (const isCached of shuffled([false, true])) {
        const record = (key: string, milliseconds: number) => {
          if (round === 0) return;
          times.set(isCached ? `${key} cached` : key, [...timesOf(key, isCached), milliseconds]);
        };
        const cache = isCached ? { NODE_COMPILE_CACHE: COMPILE_CACHE } : { NODE_DISABLE_COMPILE_CACHE: '1' };
        const plain = { ...environment.settings(TABLE), ...cache };
        const asInAzure = { ...plain, ...production.settings };
        for (const { key, module, cwd } of shuffled(starts)) {
          const isProduction = key === 'production';
          const span = isProduction ? production.nextSpan() : undefined;
          const begin = performance.now();
          const settings = isProduction ? asInAzure : plain;
          const child = await startChild(pathToFileURL(module).href, settings, { cwd, execArgv: [] });
          const baseUrl = `http://127.0.0.1:${listening.parse(child.ready).port}`;
          if (key === 'empty') await (await fetch(baseUrl)).text();
          else await checkUpdate(baseUrl, environment.token, next());
          record(key, performance.now() - begin);
          if (await span) record(FIRST_SPAN, performance.now() - begin);
          await child.stop();
        }
        for (const { key, cwd, isProduction } of shuffled(loads)) {
          const settings = isProduction ? asInAzure : plain;
          const child = await startChild(pathToFileURL(built.importApp).href, settings, { cwd, execArgv: [] });
          record(key, loaded.parse(child.ready).milliseconds);
          await child.stop();
        }
      }
    }
  } finally {
    await production.close();
    await environment.close();
  }
  const row = ({ key, title }: { readonly key: string; readonly title: string }) => [
    title,
    figureOf(timesOf(key)),
    figureOf(timesOf(key, true)),
  ];
  const columns = ['', 'without compile cache', 'with'];
  return {
    goals: goals(),
    sections: [
      {
        title: 'Cold start',
        text: `From the spawn of a process to its first 200 to a PATCH, in ms; the store and the token issuer run already. All is
compiled to JavaScript beforehand. The embedded host is bundled, since Azure's own host is up when it loads an app; node:http is
not, unless it says so.
The compile cache is Node's (\`NODE_COMPILE_CACHE\`), filled by an earlier start. Production's settings are those of
\`infra/\`: the table service over TLS with a token of the managed identity, and Application Insights; what stands in for
them runs on this machine. The others use a connection string and no telemetry, plain node:http too.`,
        columns,
        rows: [
          ...starts.map(row),
          row({
            key: FIRST_SPAN,
            title: "this service, packaged, production's settings: to the first span, which is exported after 5 s",
          }),
        ],
      },
      {
        title: 'Cold start: loading the app alone',
        text: 'In ms, in a process that has loaded only the host.',
        columns,
        rows: loads.map(row),
      },
    ],
  };
}
