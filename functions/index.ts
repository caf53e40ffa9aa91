// The composition root: settings -> collaborators -> functions. A bad setting stops the start.
import { app } from '@azure/functions';
import { createAuthentication } from '../shared/auth/authentication.ts';
import { createCheckReadiness, type Dependency, warmUp } from '../shared/readiness.ts';
import { readSettings } from '../shared/settings.ts';
import { createTableRepository } from '../shared/store/tableRepository.ts';
import { createDeleteEndedPlayPromptOperations } from './deleteEndedPlayPromptOperations.ts';
import { readMetadata, readOpenApi, readServiceDocument } from './description.ts';
import { byMethod, lazy } from './graphHandler.ts';
import { createReady, live } from './health.ts';
import { createPlayPromptOperationRoutes } from './playPromptOperation.ts';
import { notFound, type Route } from './router.ts';
import { serve } from './serve.ts';

const { auth, tables, retention, pages, telemetry } = readSettings(process.env);
// Before anything else: a meter that is made earlier never records.
if ((telemetry.otlpEndpoint ?? telemetry.applicationInsights) !== undefined) {
  const { registerTelemetry } = await import('../shared/telemetry/register.ts');
  app.hook.appTerminate(await registerTelemetry(telemetry));
}

const { authenticate, fetchKeys } = createAuthentication(auth);
const operations = createTableRepository(tables);
const [tenant = ''] = auth.tenants;
const dependencies: readonly Dependency[] = [fetchKeys, (signal) => operations.get(tenant, '-', signal)];

const routes: readonly Route[] = [
  ...createPlayPromptOperationRoutes({ authenticate, operations }),
  { name: 'metadata', template: 'v1.0/$metadata', handler: byMethod({ GET: readMetadata }) },
  { name: 'serviceDocument', template: 'v1.0', handler: byMethod({ GET: readServiceDocument }) },
];
const batch = lazy(async () => (await import('./batch.ts')).createBatch({ authenticate, routes }));
const ready = byMethod({ GET: createReady(createCheckReadiness(dependencies)) });

for (const route of routes) serve(route);
serve({ name: 'batch', template: 'v1.0/$batch', handler: byMethod({ POST: batch }) });
serve({ name: 'openApi', template: 'openapi.json', handler: byMethod({ GET: readOpenApi }) });
serve({ name: 'healthLive', template: 'health/live', handler: byMethod({ GET: live }) });
serve({ name: 'healthReady', template: 'health/ready', handler: ready });
for (const name of pages) {
  const page = lazy(async () => {
    const { createPage, pagesByName } = await import('./page.ts');
    return createPage(pagesByName[name]);
  });
  serve({ name, template: `${name}/{file?}`, handler: byMethod({ GET: page }) });
}
// The host tries functions in the order of their names, so that this one has to be the last.
serve({ name: 'unknownAddress', template: '{*path}', handler: notFound });

if (retention.days !== undefined) {
  app.timer('deleteEndedPlayPromptOperations', {
    schedule: '0 0 * * * *',
    handler: createDeleteEndedPlayPromptOperations(operations, retention.days),
  });
}

app.hook.appStart(() => warmUp(dependencies));
