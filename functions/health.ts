import type { CheckReady } from '../shared/readiness.ts';
import type { Story } from './graphHandler.ts';

/** `GET /health/live`: answers as long as this process does. Whoever asks is told nothing else. */
export const live: Story = async () => healthy('live');

/** `GET /health/ready`: 200 when the store and the token issuer answer, 503 when one of them does not. */
export function createReady({ checkReady }: { readonly checkReady: CheckReady }): Story {
  return async () => {
    await checkReady();
    return healthy('ready');
  };
}

function healthy(status: string) {
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: { status } };
}
