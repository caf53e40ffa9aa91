import { createHmac, timingSafeEqual } from 'node:crypto';
import { invalid } from './faults.ts';
import { fault } from './queryOptions.ts';

/** What is behind a `$skiptoken`: a place in the answer to one query, which no one can change or use for another. */
export interface SkipTokens {
  /** Makes the token of a place. `query` is all that the place depends on, such as the tenant. */
  seal(place: string, query: readonly unknown[], signal: AbortSignal): Promise<string>;

  /**
   * The place of a token.
   *
   * @throws GraphError 400 when it was not made by this service, for this query
   */
  open(token: string, query: readonly unknown[], signal: AbortSignal): Promise<string>;
}

const MAC_BYTES = 32;

/** Makes tokens that are authenticated by HMAC-SHA-256. `readKey` is asked for the key when it is first needed. */
export function createSkipTokens(readKey: (signal: AbortSignal) => Promise<Uint8Array>): SkipTokens {
  let known: Uint8Array | undefined;

  async function macOf(place: string, query: readonly unknown[], signal: AbortSignal) {
    known ??= await readKey(signal);
    return createHmac('sha256', known)
      .update(JSON.stringify([place, ...query]))
      .digest();
  }

  return {
    async seal(place, query, signal) {
      return Buffer.concat([await macOf(place, query, signal), Buffer.from(place)]).toString('base64url');
    },

    async open(token, query, signal) {
      const bytes = Buffer.from(token, 'base64url');
      const place = bytes.subarray(MAC_BYTES).toString();
      const isWhole = bytes.length > MAC_BYTES && bytes.toString('base64url') === token;
      if (isWhole && timingSafeEqual(bytes.subarray(0, MAC_BYTES), await macOf(place, query, signal))) return place;
      throw invalid([fault('$skiptoken', 'is none of this query: follow @odata.nextLink as it is')]);
    },
  };
}
