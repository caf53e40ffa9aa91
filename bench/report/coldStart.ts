import type { ColdStart, Run } from '../results.ts';
import { spread, table } from './markdown.ts';
import { reportRun } from './run.ts';

const titles: Readonly<Record<string, string>> = {
  servicePackaged: 'this service, packaged',
  serviceUnbundled: 'this service, as built',
  nodeHttp: 'plain node:http',
  nodeHttpBundled: 'plain node:http, bundled',
  empty: 'a process that does nothing',
};

export function reportColdStart({ run, starts, imports }: ColdStart & { readonly run: Run }): string {
  const rows = <Row extends { readonly compileCache: boolean; readonly milliseconds: number }>(
    all: readonly Row[],
    nameOf: (row: Row) => string,
  ) =>
    [...Map.groupBy(all, nameOf)].map(([name, own]) => [
      name,
      ...[false, true].map((cached) =>
        spread(own.filter(({ compileCache }) => compileCache === cached).map(({ milliseconds }) => milliseconds)),
      ),
    ]);

  return `## Cold start

${reportRun(run)}

From the spawn of a process to its first 200 to a PATCH, in ms; the store and the token issuer run already. All is
compiled to JavaScript beforehand, and the embedded host is bundled, since Azure's own host is up when it loads an app.
The compile cache is Node's (\`NODE_COMPILE_CACHE\`), filled by an earlier start.

${table(
  ['', 'without compile cache', 'with'],
  rows(starts, ({ contender }) => titles[contender] ?? contender),
)}

Loading the app alone, in ms, in a process that has loaded only the host:

${table(
  ['', 'without compile cache', 'with'],
  rows(imports, ({ app }) => app),
)}`;
}
