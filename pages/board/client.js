// The part of the API that the board uses: reads only, with the token of the user who signed in.

/** @import { Operation } from './history.js' */
/** @typedef {{ operations: Operation[], isWhole: boolean }} Listed */
/**
 * A subscription to change notifications, with how its last delivery went.
 * @typedef {{
 *   id: string,
 *   resource: string,
 *   changeType: string,
 *   notificationUrl: string,
 *   expirationDateTime: string,
 *   '@playPromptOperation.lastDelivery'?: { dateTime: string, outcome: string },
 * }} Subscription
 */

const ROOT = '/v1.0/';
const COLLECTION = `${ROOT}playPromptOperation`;
const SUBSCRIPTIONS = 'subscriptions';
const PAGE_SIZE = 500;
/** A page of the list may be short though more follow, so the number of calls has a limit of its own. */
const MAX_PAGES = 10;
/** How many operations are loaded at most. */
const MAX_OPERATIONS = 1000;
/** An id; anything else, such as `..`, would lead to another URL. */
const ID = /^[A-Za-z0-9][\w.~-]{0,127}$/;

/** An answer that is an error, or none at all: status 0. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {number} [retryAfterSeconds]
   */
  constructor(status, message, retryAfterSeconds = 0) {
    super(message);
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/**
 * @param {string} token
 */
export function createClient(token) {
  /** @type {boolean | undefined} */
  let hasSubscriptions;
  return { list, find, count, read, subscriptions };

  /**
   * The operations of a status, or all operations, in a bounded number of calls.
   * @param {string | undefined} status
   * @param {AbortSignal} signal
   * @returns {Promise<Listed>}
   */
  async function list(status, signal) {
    /** @type {Operation[]} */
    const operations = [];
    let next = `${COLLECTION}?$top=${PAGE_SIZE}${status ? `&${filterBy(status)}` : ''}`;
    for (let page = 0; page < MAX_PAGES && operations.length < MAX_OPERATIONS; page++) {
      const { body } = await get(next, signal);
      operations.push(...body.value);
      next = body['@odata.nextLink'];
      if (!next) return { operations, isWhole: true };
    }
    return { operations, isWhole: false };
  }

  /**
   * The operation whose id is a text, and the first ones of a status whose clientContext begins with it.
   * @param {string} text
   * @param {string | undefined} status
   * @param {AbortSignal} signal
   * @returns {Promise<Operation[]>}
   */
  async function find(text, status, signal) {
    const begins = `startswith(clientContext,'${text.replaceAll("'", "''")}')`;
    const filter = status ? `${begins} and status eq '${status}'` : begins;
    const [one, { value }] = await Promise.all([
      read(text, undefined, signal),
      get(`${COLLECTION}?$top=${PAGE_SIZE}&$filter=${encodeURIComponent(filter)}`, signal).then(
        ({ body }) => body,
        // A text that no filter can have finds nothing.
        (error) => (error instanceof ApiError && error.status === 400 ? { value: [] } : Promise.reject(error)),
      ),
    ]);
    return one && (!status || one.status === status) ? [one, ...value] : value;
  }

  /**
   * How many operations of a status there are; undefined where they are too many to be counted.
   * @param {string} status
   * @param {AbortSignal} signal
   * @returns {Promise<number | undefined>}
   */
  async function count(status, signal) {
    try {
      const { body } = await get(`${COLLECTION}?$count=true&$top=1&$select=id&${filterBy(status)}`, signal);
      return body['@odata.count'];
    } catch (error) {
      if (error instanceof ApiError && error.status === 400) return undefined;
      throw error;
    }
  }

  /**
   * One operation, undefined if it has not changed since an ETag, null if it is not there.
   * @param {string} id
   * @param {string | undefined} etag
   * @param {AbortSignal} signal
   * @returns {Promise<Operation | undefined | null>}
   */
  async function read(id, etag, signal) {
    if (!ID.test(id)) return null;
    try {
      const headers = etag === undefined ? {} : { 'If-None-Match': etag };
      const { status, body } = await get(`${COLLECTION}/${encodeURIComponent(id)}`, signal, headers);
      return status === 304 ? undefined : body;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  /**
   * The subscriptions of the application that the token belongs to; undefined where the service sends no notifications,
   * which the service document shows, or where the token belongs to no application.
   * @param {AbortSignal} signal
   * @returns {Promise<Subscription[] | undefined>}
   */
  async function subscriptions(signal) {
    if (hasSubscriptions === undefined) {
      const { body } = await get(ROOT, signal);
      hasSubscriptions = body.value.some((/** @type {{ name: string }} */ { name }) => name === SUBSCRIPTIONS);
    }
    if (!hasSubscriptions) return undefined;
    try {
      const { body } = await get(ROOT + SUBSCRIPTIONS, signal);
      return body.value;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 403)) throw error;
      hasSubscriptions = false;
      return undefined;
    }
  }

  /**
   * @param {string} address
   * @param {AbortSignal} signal
   * @param {Record<string, string>} [headers]
   */
  async function get(address, signal, headers) {
    // The token is sent to no other origin, even if a link names one: behind a gateway, links may name another host.
    const { pathname, search } = new URL(address, location.href);
    const init = {
      headers: { Authorization: `Bearer ${token}`, ...headers },
      cache: /** @type {const} */ ('no-store'),
    };
    const response = await fetch(pathname + search, { ...init, signal }).catch((error) => {
      if (signal.aborted) throw error;
      throw new ApiError(0, 'The service cannot be reached.');
    });
    const body = await response.json().catch(() => undefined);
    if (response.ok || response.status === 304) return { status: response.status, body };
    const message = body?.error?.message ?? `The service answered ${response.status}.`;
    throw new ApiError(response.status, message, Number(response.headers.get('retry-after')) || 0);
  }
}

/** @param {string} status */
const filterBy = (status) => `$filter=${encodeURIComponent(`status eq '${status}'`)}`;
