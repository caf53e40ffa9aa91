// The composition root: settings -> collaborators -> functions and hooks, as values. A process may hold several apps; what
// they share is what OpenTelemetry keeps for the process, if the settings ask for telemetry.
import type { TimerHandler } from '@azure/functions';
import { createAuthentication } from '../shared/auth/authentication.ts';
import { createCheckReadiness, type Dependency, warmUp } from '../shared/readiness.ts';
import type { Settings } from '../shared/settings.ts';
import { createTableRepository } from '../shared/store/tableRepository.ts';
import type { DescriptionHandlers } from './description.ts';
import { createReady, live } from './health.ts';
import { byMethod, type FindHandler, lazy, type Route, toHttpHandler, unknownUrl } from './httpHandler.ts';
import { createPlayPromptOperationRoutes } from './playPromptOperationRoutes.ts';
import type { Served } from './router.ts';

/**
 * An app that is not registered with a host yet. What serves a path is found by `createRouter('', app.http)(method, path)`;
 * its `handler` takes an HttpRequest, with the `params` that were found, and an InvocationContext.
 */
export interface App {
  readonly http: readonly HttpFunction[];
  readonly timers: readonly TimerFunction[];
  /** To be called when the host starts: it warms up in the background. */
  start(): void;
  /** To be called before the process ends: it exports the telemetry that is pending. */
  terminate(): Promise<void>;
}

/** An HTTP-triggered function. It checks the access token itself, and needs no key of the host. */
export interface HttpFunction extends Served {
  readonly methods: readonly (typeof METHODS)[number][];
  readonly handler: ReturnType<typeof toHttpHandler>;
}

/** A timer-triggered function. */
export interface TimerFunction {
  readonly name: string;
  /** An NCRONTAB expression. */
  readonly schedule: string;
  readonly handler: TimerHandler;
}

/** Every method that the host knows: the app itself refuses those that a resource does not support. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** Builds the app that the settings describe. */
export async function createApp({ auth, tables, retention, pages, notifications, telemetry }: Settings): Promise<App> {
  // First of all: a meter that is created before the SDK is registered never records.
  const terminate =
    (telemetry.otlpEndpoint ?? telemetry.applicationInsights) === undefined
      ? async () => {}
      : await (await import('../shared/telemetry/register.ts')).registerTelemetry(telemetry);

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
    { name: 'metadata', template: 'v1.0/$metadata', find: description('readMetadata') },
    { name: 'serviceDocument', template: 'v1.0', find: description('readServiceDocument') },
  ];
  const batch = lazy(async () => (await import('./batch.ts')).createBatch({ authenticate, routes }));
  const root = byMethod({ GET: lazy(async () => (await import('./root.ts')).createRoot(pages)) });
  // The host has no template for `/`.
  const rootOrNothing: FindHandler = (request) => (request.params.path ? unknownUrl : root)(request);
  const ready = createReady(createCheckReadiness(dependencies));
  const pageRoutes = pages.map((name): Route => {
    const page = lazy(async () => {
      const { createPage, packagedPages, pagesByName } = await import('./page.ts');
      const others = packagedPages(pages).filter((other) => other !== name);
      return createPage(pagesByName[name], others);
    });
    return { name, template: `${name}/{file?}`, find: byMethod({ GET: page }) };
  });

  const timers: TimerFunction[] = [];
  if (notifying) timers.push({ name: 'deliverNotifications', schedule: '0 * * * * *', handler: notifying.deliver });
  const { days } = retention;
  if (days !== undefined) {
    timers.push({
      name: 'deleteEndedPlayPromptOperations',
      schedule: '0 0 * * * *',
      handler: async (timer, context) => {
        const { createDeleteEndedPlayPromptOperations } = await import('./deleteEndedPlayPromptOperations.ts');
        return createDeleteEndedPlayPromptOperations({ operations, days })(timer, context);
      },
    });
  }

  return {
    http: [
      ...routes,
      { name: 'batch', template: 'v1.0/$batch', find: byMethod({ POST: batch }) },
      { name: 'openApi', template: 'openapi.json', find: description('readOpenApi') },
      { name: 'healthLive', template: 'health/live', find: byMethod({ GET: () => live }) },
      { name: 'healthReady', template: 'health/ready', find: byMethod({ GET: () => ready }) },
      ...pageRoutes,
      // The host tries functions in the order of their names: the name of this one must sort last.
      { name: 'unknownUrl', template: '{*path}', find: rootOrNothing },
    ].map(toHttpFunction),
    timers,
    start: () => warmUp(dependencies),
    terminate,
  };
}

/** The function that serves a route. */
export function toHttpFunction(route: Route): HttpFunction {
  return { name: route.name, template: route.template, methods: METHODS, handler: toHttpHandler(route) };
}
