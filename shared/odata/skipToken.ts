import { createHmac, timingSafeEqual } from 'node:crypto';
import { invalidOption } from './queryOptions.ts';

const MAC_BYTES = 32;

/**
 * Makes `$skiptoken`s: continuation tokens of the store that nobody can change, or use for another query, since they are
 * authenticated by HMAC-SHA-256. `readKey` is called when the key is first needed.
 */
export function createSkipTokens(readKey: (signal: AbortSignal) => Promise<Uint8Array>) {
  let known: Uint8Array | undefined;

  async function macOf(continuation: string, query: readonly unknown[], signal: AbortSignal) {
    known ??= await readKey(signal);
    return createHmac('sha256', known)
      .update(JSON.stringify([continuation, ...query]))
      .digest();
  }

  return {
    /** Makes a `$skiptoken`. `query` is all that the continuation token depends on, such as the tenant. */
    async seal(continuation: string, query: readonly unknown[], signal: AbortSignal): Promise<string> {
      return Buffer.concat([await macOf(continuation, query, signal), Buffer.from(continuation)]).toString('base64url');
    },

    /**
     * The continuation token in a `$skiptoken`.
     *
     * @throws ServiceError `invalidRequest` when this service did not make it for this query
     */
    async open(token: string, query: readonly unknown[], signal: AbortSignal): Promise<string> {
      const bytes = Buffer.from(token, 'base64url');
      const continuation = bytes.subarray(MAC_BYTES).toString();
      const isWhole = bytes.length > MAC_BYTES && bytes.toString('base64url') === token;
      if (isWhole && timingSafeEqual(bytes.subarray(0, MAC_BYTES), await macOf(continuation, query, signal)))
        return continuation;
      throw invalidOption('$skiptoken', 'does not belong to this query: follow @odata.nextLink unchanged');
    },
  };
}
