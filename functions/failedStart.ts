import { app } from '@azure/functions';
import { ServiceError } from '../shared/serviceError.ts';
import { serve } from './serve.ts';

/**
 * Serves an app that could not start: every request, those of health checks included, is a 500 that does not say why, and
 * the log does. Without a function the host would stay up and respond with a bare 404 to everything.
 */
export function serveFailedStart(cause: unknown): void {
  const reason = cause instanceof Error ? cause.message : String(cause);
  app.hook.appStart(() => console.error(reason));
  serve({
    name: 'unknownAddress',
    template: '{*path}',
    handler: async () => {
      throw new ServiceError('internal', 'The service could not start. Its log says why.', { cause: reason });
    },
  });
}
