// The composition root: settings -> collaborators -> functions.
import { app } from '@azure/functions';
import { createAuthentication } from '../shared/auth/authentication.ts';
import { createCheckReadiness, type Dependency, warmUp } from '../shared/readiness.ts';
import { readSettings, type Settings } from '../shared/settings.ts';
import { createTableRepository } from '../shared/store/tableRepository.ts';
import type { DescriptionHandlers } from './description.ts';
import { byMethod, lazy, type Route, unknownUrl, unlessRoot } from './graphHandler.ts';
import { createReady, live } from './health.ts';
import { createPlayPromptOperationRoutes } from './playPromptOperationRoutes.ts';
import { serve } from './serve.ts';

try {
  await serveAll(readSettings(process.env));
} catch (error) {
  (await import('./failedStart.ts')).serveFailedStart(error);
}

async function serveAll({ auth, tables, retention, pages, notifications, telemetry }: Settings) {
  // First of all: a meter that is created before the SDK is registered never records.
  if ((telemetry.otlpEndpoint ?? telemetry.applicationInsights) !== undefined) {
    const { registerTelemetry } = await import('../shared/telemetry/register.ts');
    app.hook.appTerminate(await registerTelemetry(telemetry));
  }

  const { authenticate, fetchKeys } = createAuthentication(auth);
  const operations = createTableRepository(tables);
  const [tenant = ''] = auth.tenants;
  const dependencies: readonly Dependency[] = [fetchKeys, (signal) => operations.get(tenant, '-', signal)];

  const { hosts } = notifications;
  const notifying =
    hosts.length > 0
      ? (await import('./notifications.ts')).createNotifications({ authenticate, operations, tables, hosts })
      : undefined;

  const features = { notifications: notifying !== undefined };
  const description = (name: keyof DescriptionHandlers) =>
    byMethod({ GET: lazy(async () => (await import('./description.ts')).createDescription(features)[name]) });

  const routes: readonly Route[] = [
    ...createPlayPromptOperationRoutes({ authenticate, operations, listen: notifying?.listen }),
    ...(notifying?.routes ?? []),
    { name: 'metadata', template: 'v1.0/$metadata', handler: description('readMetadata') },
    { name: 'serviceDocument', template: 'v1.0', handler: description('readServiceDocument') },
  ];
  const batch = lazy(async () => (await import('./batch.ts')).createBatch({ authenticate, routes }));
  const root = lazy(async () => (await import('./root.ts')).createRoot(pages));
  const ready = byMethod({ GET: createReady(createCheckReadiness(dependencies)) });

  for (const route of routes) serve(route);
  serve({ name: 'batch', template: 'v1.0/$batch', handler: byMethod({ POST: batch }) });
  serve({ name: 'openApi', template: 'openapi.json', handler: description('readOpenApi') });
  serve({ name: 'healthLive', template: 'health/live', handler: byMethod({ GET: live }) });
  serve({ name: 'healthReady', template: 'health/ready', handler: ready });
  for (const name of pages) {
    const page = lazy(async () => {
      const { createPage, packagedPages, pagesByName } = await import('./page.ts');
      const others = packagedPages(pages).filter((other) => other !== name);
      return createPage(pagesByName[name], others);
    });
    serve({ name, template: `${name}/{file?}`, handler: byMethod({ GET: page }) });
  }
  // The host tries functions in the order of their names: the name of this one must sort last.
  serve({ name: 'unknownAddress', template: '{*path}', handler: unlessRoot(byMethod({ GET: root }), unknownUrl) });

  if (notifying) app.timer('deliverNotifications', { schedule: '0 * * * * *', handler: notifying.deliver });
  const { days } = retention;
  if (days !== undefined) {
    app.timer('deleteEndedPlayPromptOperations', {
      schedule: '0 0 * * * *',
      handler: async (timer, context) => {
        const { createDeleteEndedPlayPromptOperations } = await import('./deleteEndedPlayPromptOperations.ts');
        return createDeleteEndedPlayPromptOperations(operations, days)(timer, context);
      },
    });
  }

  app.hook.appStart(() => warmUp(dependencies));
}
