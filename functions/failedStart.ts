import { app } from '@azure/functions';
import { ServiceError } from '../shared/serviceError.ts';
import { serve } from './serve.ts';

/**
 * Serves an app that could not start: every request, health checks included, gets a 500 without the cause, which is
 * logged. Without any function, the host would stay up and respond to everything with a bare 404.
 */
export function serveFailedStart(cause: unknown): void {
  const reason = cause instanceof Error ? cause.message : String(cause);
  app.hook.appStart(() => console.error(reason));
  serve({
    name: 'unknownAddress',
    template: '{*path}',
    handler: async () => {
      throw new ServiceError('internal', 'The service could not start. Its log has the cause.', { cause: reason });
    },
  });
}
