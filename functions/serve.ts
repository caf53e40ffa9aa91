import { app } from '@azure/functions';
import { type Route, toHttpHandler } from './graphHandler.ts';
import { traceRequests } from './traceRequests.ts';

/** Registers the function of a route with the host. The handlers check the access token; the host checks no key. */
export function serve({ name, template, handler }: Route): void {
  app.http(name, {
    route: template,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    authLevel: 'anonymous',
    handler: traceRequests(toHttpHandler(handler), { name, template }),
  });
}
