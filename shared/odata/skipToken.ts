import { createHmac, timingSafeEqual } from 'node:crypto';
import { invalidOption } from './queryOptions.ts';

/** `$skiptoken`: a continuation token of the store that nobody can change, or use for another query. */
export interface SkipTokens {
  /** Makes a `$skiptoken`. `query` is all that the continuation token depends on, such as the tenant. */
  seal(continuation: string, query: readonly unknown[], signal: AbortSignal): Promise<string>;

  /**
   * The continuation token in a `$skiptoken`.
   *
   * @throws ServiceError `invalidRequest` when this service did not make it for this query
   */
  open(token: string, query: readonly unknown[], signal: AbortSignal): Promise<string>;
}

const MAC_BYTES = 32;

/** Makes tokens that are authenticated by HMAC-SHA-256. `readKey` is called when the key is first needed. */
export function createSkipTokens(readKey: (signal: AbortSignal) => Promise<Uint8Array>): SkipTokens {
  let known: Uint8Array | undefined;

  async function macOf(continuation: string, query: readonly unknown[], signal: AbortSignal) {
    known ??= await readKey(signal);
    return createHmac('sha256', known)
      .update(JSON.stringify([continuation, ...query]))
      .digest();
  }

  return {
    async seal(continuation, query, signal) {
      return Buffer.concat([await macOf(continuation, query, signal), Buffer.from(continuation)]).toString('base64url');
    },

    async open(token, query, signal) {
      const bytes = Buffer.from(token, 'base64url');
      const continuation = bytes.subarray(MAC_BYTES).toString();
      const isWhole = bytes.length > MAC_BYTES && bytes.toString('base64url') === token;
      if (isWhole && timingSafeEqual(bytes.subarray(0, MAC_BYTES), await macOf(continuation, query, signal)))
        return continuation;
      throw invalidOption('$skiptoken', 'does not belong to this query: follow @odata.nextLink unchanged');
    },
  };
}
