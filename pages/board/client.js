// The part of the API that the board uses: reads only, with the token of the user who signed in.

import { OPEN_STATUSES, STUCK_MS } from './history.js';

/** @import { Operation } from './history.js' */
/**
 * Operations: all there are, all that have changed since a time, or, where that is not whole, just some.
 * @typedef {{ operations: Operation[], isWhole: boolean, since: string | undefined }} Listed
 */
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

/** Below the address of the page, which a gateway may give a path of its own. */
export const ROOT = new URL('../v1.0/', import.meta.url);
const COLLECTION = new URL('playPromptOperation', ROOT).pathname;
const SUBSCRIPTIONS = 'subscriptions';
const PAGE_SIZE = 500;
/** A page of the list may be short though more follow, so the number of calls has a limit of its own. */
const MAX_PAGES = 10;
/** How many operations are loaded at most. */
const MAX_OPERATIONS = 1000;
/** Where there are more, three quarters are left out, those that changed longer ago, as often as this time allows. */
const NARROWING_MS = 10_000;
/** Times are returned only where they are asked for. */
const ALL_PROPERTIES = '$select=*,createdDateTime,lastActionDateTime';
/** The filter of a status, and of those that are stuck. */
export const STUCK = 'Stuck';
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
   * The operations of a status, or all operations; if they are too many to be loaded, those that changed last.
   * @param {string} status
   * @param {string | undefined} first only what has changed since then
   * @param {AbortSignal} signal
   * @returns {Promise<Listed>}
   */
  async function list(status, first, signal) {
    const begin = performance.now();
    for (let since = first; ; ) {
      const listed = await pages([...filtersOf(status), ...(since ? [`lastActionDateTime ge ${since}`] : [])], signal);
      const times = listed.operations.flatMap(({ lastActionDateTime }) => lastActionDateTime ?? []);
      const next = times.sort().reverse()[Math.floor(times.length / 4)];
      const isFull = !listed.isWhole && listed.operations.length >= MAX_OPERATIONS;
      const isLate = performance.now() - begin > NARROWING_MS;
      if (!isFull || isLate || next === undefined || next === since) return { ...listed, since };
      since = next;
    }
  }

  /**
   * The operations that match all filters, in a bounded number of calls.
   * @param {string[]} filters
   * @param {AbortSignal} signal
   */
  async function pages(filters, signal) {
    /** @type {Operation[]} */
    const operations = [];
    let query = `?$top=${PAGE_SIZE}&${ALL_PROPERTIES}${andFilter(filters)}`;
    for (let page = 0; page < MAX_PAGES && operations.length < MAX_OPERATIONS; page++) {
      const { body } = await get(COLLECTION + query, signal);
      operations.push(...body.value);
      const next = body['@odata.nextLink'];
      if (!next) return { operations, isWhole: true };
      query = new URL(next).search;
    }
    return { operations, isWhole: false };
  }

  /**
   * The operation whose id is a text, and the first ones of a status whose clientContext begins with it.
   * @param {string} text
   * @param {string} status
   * @param {AbortSignal} signal
   * @returns {Promise<Operation[]>}
   */
  async function find(text, status, signal) {
    const begins = `startswith(clientContext,'${text.replaceAll("'", "''")}')`;
    const found = await Promise.all(
      [...(ID.test(text) ? [`id eq '${text}'`] : []), begins].map((filter) =>
        get(
          `${COLLECTION}?$top=${PAGE_SIZE}&${ALL_PROPERTIES}${andFilter([...filtersOf(status), filter])}`,
          signal,
        ).then(
          ({ body }) => body.value,
          // A text that no filter can have finds nothing.
          (error) => (error instanceof ApiError && error.status === 400 ? [] : Promise.reject(error)),
        ),
      ),
    );
    return found.flat();
  }

  /**
   * How many operations of a status there are; undefined where they are too many to be counted.
   * @param {string} status
   * @param {AbortSignal} signal
   * @returns {Promise<number | undefined>}
   */
  async function count(status, signal) {
    try {
      const { body } = await get(`${COLLECTION}?$count=true&$top=1&$select=id${andFilter(filtersOf(status))}`, signal);
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
      const { status, body } = await get(`${COLLECTION}/${encodeURIComponent(id)}?${ALL_PROPERTIES}`, signal, headers);
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
      const { body } = await get(ROOT.pathname, signal);
      hasSubscriptions = body.value.some((/** @type {{ name: string }} */ { name }) => name === SUBSCRIPTIONS);
    }
    if (!hasSubscriptions) return undefined;
    try {
      const { body } = await get(ROOT.pathname + SUBSCRIPTIONS, signal);
      return body.value;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 403)) throw error;
      hasSubscriptions = false;
      return undefined;
    }
  }

  /**
   * @param {string} address on the origin of the page: the token is sent to no other, even if a link names one
   * @param {AbortSignal} signal
   * @param {Record<string, string>} [headers]
   */
  async function get(address, signal, headers) {
    const init = {
      headers: { Authorization: `Bearer ${token}`, ...headers },
      cache: /** @type {const} */ ('no-store'),
    };
    const response = await fetch(address, { ...init, signal }).catch((error) => {
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
function filtersOf(status) {
  if (status === '') return [];
  if (status !== STUCK) return [`status eq '${status}'`];
  const statuses = OPEN_STATUSES.map((each) => `'${each}'`).join();
  return [`status in (${statuses})`, `lastActionDateTime lt ${new Date(Date.now() - STUCK_MS).toISOString()}`];
}

/** @param {string[]} filters */
const andFilter = (filters) => (filters.length > 0 ? `&$filter=${encodeURIComponent(filters.join(' and '))}` : '');
