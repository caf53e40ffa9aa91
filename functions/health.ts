import type { CheckReadiness } from '../shared/readiness.ts';
import type { GraphHandler } from './request.ts';

/** `GET /health/live`: 200 as long as the process runs. */
export const live: GraphHandler = async () => healthy('live');

/** `GET /health/ready`: 200 when the store responds and there are signing keys, otherwise 503. */
export function createReady(checkReadiness: CheckReadiness): GraphHandler {
  return async () => {
    await checkReadiness();
    return healthy('ready');
  };
}

function healthy(status: string) {
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: { status } };
}
