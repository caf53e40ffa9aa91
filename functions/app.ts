// The composition root: settings -> collaborators -> functions and hooks, as values. A process may hold several apps; what
// they share is what OpenTelemetry keeps for the process, if the settings ask for telemetry.
import type { TimerHandler } from '@azure/functions';
import { createAuthentication } from '../shared/auth/authentication.ts';
import type { Clock } from '../shared/notifications/clock.ts';
import { ServiceError } from '../shared/serviceError.ts';
import type { Settings } from '../shared/settings.ts';
import { managedIdentity } from '../shared/store/managedIdentity.ts';
import { createTableRepository } from '../shared/store/tableRepository.ts';
import type { createDescription } from './description.ts';
import { createReady, type Dependency, live, warmUp } from './health.ts';
import { byMethod, type FindHandler, lazy, type Route, toHttpHandler, unknownUrl } from './httpHandler.ts';

import { createPlayPromptOperationRoutes } from './playPromptOperationRoutes.ts';

/** Every method that the host knows: the app itself refuses those that a resource does not support. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/**
 * An app that is not registered with a host yet. What serves a path is found by `createRouter('', app.http)(method, path)`;
 * its `handler` takes an HttpRequest, with the `params` that were found, and an InvocationContext.
 */
export interface App {
  readonly http: readonly ReturnType<typeof toHttpFunction>[];
  /** Each runs by an NCRONTAB expression. */
  readonly timers: readonly { readonly name: string; readonly schedule: string; readonly handler: TimerHandler }[];
  /** Whether it exports its log by OpenTelemetry, so that the host need not, nor its own five lines of each request. */
  readonly exportsLog: boolean;
  /** To be called when the host starts: it warms up in the background. */
  start(): void;
  /** To be called before the process ends: it exports the telemetry that is pending. */
  terminate(): Promise<void>;
}

/** Builds the app that the settings describe. `clock` has the time and the pauses of notifications. */
export async function createApp(settings: Settings, clock: Clock = {}): Promise<App> {
  const { auth, tables, keepsFinalStatus, overdue, retention, pages, publicUrl, notifications, telemetry } = settings;
  const { identity } = telemetry;
  // First of all: a meter that is created before the SDK is registered never records.
  const credential = identity && managedIdentity(identity.clientId);
  const exportsLog = (telemetry.otlpEndpoint ?? telemetry.applicationInsights) !== undefined;
  const terminate = exportsLog
    ? await (await import('../shared/telemetry/register.ts')).registerTelemetry(telemetry, credential)
    : async () => {};

  const { authenticate, fetchKeys } = createAuthentication(auth);
  const operations = createTableRepository(tables);
  const [tenant = ''] = auth.tenants;
  const dependencies: readonly Dependency[] = [fetchKeys, (signal) => operations.get(tenant, '-', signal)];

  const { hosts } = notifications;
  const notifying =
    hosts.length > 0
      ? (await import('./notifications.ts')).createNotifications({
          authenticate,
          operations,
          tables,
          tenants: auth.tenants,
          hosts,
          ...clock,
        })
      : undefined;

  const features = { notifications: notifying !== undefined };
  const description = (name: keyof ReturnType<typeof createDescription>) =>
    byMethod({
      GET: lazy(async () => (await import('./description.ts')).createDescription(features, publicUrl)[name]),
    });

  const updating = { operations, keepsFinalStatus, listen: notifying?.listen };
  const routes: readonly Route[] = [
    ...createPlayPromptOperationRoutes({ authenticate, ...updating }),
    ...(notifying?.routes ?? []),
    { name: 'metadata', template: 'v1.0/$metadata', find: description('readMetadata') },
    { name: 'serviceDocument', template: 'v1.0', find: description('readServiceDocument') },
  ];
  const batch = lazy(async () => (await import('./batch.ts')).createBatch({ authenticate, routes }));
  const root = byMethod({ GET: lazy(async () => (await import('./root.ts')).createRoot(pages, publicUrl)) });
  // The host has no template for `/`.
  const rootOrNothing: FindHandler = (request) => (request.params.path ? unknownUrl : root)(request);
  const ready = createReady(dependencies);
  const pageRoutes = pages.map((name): Route => {
    const page = lazy(async () => {
      const { createPage, localIssuer, packagedPages, pagesByName } = await import('./page.ts');
      const others = packagedPages(pages).filter((other) => other !== name);
      return createPage(pagesByName[name], others, localIssuer(auth));
    });
    return { name, template: `${name}/{file?}`, find: byMethod({ GET: page }) };
  });

  const { days } = retention;
  const { minutes } = overdue;
  // Once, since a run continues where the last one stopped.
  const sweeps = days === undefined && minutes === undefined ? undefined : await import('./sweeps.ts');

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
    ].map((route) => toHttpFunction(route, publicUrl)),
    timers: [
      ...(notifying ? [{ name: 'deliverNotifications', schedule: '0 * * * * *', handler: notifying.deliver }] : []),
      ...(sweeps && days !== undefined ? [sweeps.deleteEnded({ operations, days })] : []),
      ...(sweeps && minutes !== undefined ? [sweeps.endOverdue({ ...updating, minutes, tenants: auth.tenants })] : []),
    ],
    exportsLog,
    start: () => warmUp(dependencies),
    terminate,
  };
}

/**
 * An app that could not start: every request, health checks included, gets a 500 without the cause, which is logged.
 * Without any function, the host would stay up and respond to everything with a bare 404.
 */
export function createFailedApp(cause: unknown): App {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const find = () => {
    throw new ServiceError('internal', 'The service could not start. Its log has the cause.', { cause: reason });
  };
  return {
    http: [toHttpFunction({ name: 'unknownUrl', template: '{*path}', find })],
    timers: [],
    exportsLog: false,
    // The host takes a line of standard error for an error by this word.
    start: () => console.error(`error: ${reason.replaceAll('\n', ' ')}`),
    terminate: async () => {},
  };
}

/** The function that serves a route. It checks the access token itself, and needs no key of the host. */
function toHttpFunction(route: Route, publicUrl?: string) {
  return { name: route.name, template: route.template, methods: METHODS, handler: toHttpHandler(route, publicUrl) };
}
