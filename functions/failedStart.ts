import { ServiceError } from '../shared/serviceError.ts';
import { type App, toHttpFunction } from './app.ts';

/**
 * An app that could not start: every request, health checks included, gets a 500 without the cause, which is logged.
 * Without any function, the host would stay up and respond to everything with a bare 404.
 */
export function createFailedApp(cause: unknown): App {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const fail = () => {
    throw new ServiceError('internal', 'The service could not start. Its log has the cause.', { cause: reason });
  };
  return {
    http: [toHttpFunction({ name: 'unknownUrl', template: '{*path}', find: fail })],
    timers: [],
    start: () => console.error(reason),
    terminate: async () => {},
  };
}
