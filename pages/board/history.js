// What is known of each operation, and how it changed while the page was open.

export const STATUSES = ['NotStarted', 'Running', 'Completed', 'Failed'];
/** Of an operation that has not ended. */
export const OPEN_STATUSES = ['NotStarted', 'Running'];
/** Those of which nothing was heard for so long are called stuck. */
export const STUCK_MS = 10 * 60_000;

/**
 * @typedef {{
 *   id: string,
 *   '@odata.etag': string,
 *   clientContext: string | null,
 *   resultInfo: { code: number, subcode: number, message: string | null } | null,
 *   status: string,
 *   completionReason: string | null,
 *   createdDateTime?: string | null,
 *   lastActionDateTime?: string | null,
 * }} Operation an operation as the API answers it; older ones have no times
 */

/** @typedef {string | number | null} Value */
/** @typedef {{ property: string, from: Value, to: Value }} Change */
/** @typedef {{ at: Date, what: Change[] | 'first seen' | 'deleted' }} Entry */
/** @typedef {{ operation: Operation, changedAt: Date | undefined, isDeleted: boolean, entries: Entry[] }} Known */

const MAX_KNOWN = 5000;
const MAX_ENTRIES = 100;

/** @param {string | null | undefined} text */
const dateOf = (text) => (text ? new Date(text) : undefined);

/**
 * How long an operation has run, or ran, in milliseconds, if that is known.
 * @param {Operation} operation
 * @param {Date} now
 */
export function runningTime({ status, createdDateTime, lastActionDateTime }, now) {
  const [begin, end] = [dateOf(createdDateTime), OPEN_STATUSES.includes(status) ? now : dateOf(lastActionDateTime)];
  return begin && end ? Math.max(0, end.getTime() - begin.getTime()) : undefined;
}

/**
 * Whether an operation has not ended, and has not changed for 10 minutes.
 * @param {Known} known
 * @param {Date} now
 */
export const isStuck = ({ operation, changedAt, isDeleted }, now) =>
  !isDeleted &&
  OPEN_STATUSES.includes(operation.status) &&
  changedAt !== undefined &&
  now.getTime() - changedAt.getTime() > STUCK_MS;

/**
 * @param {Operation} before
 * @param {Operation} after
 * @returns {Change[]}
 */
export function changesBetween(before, after) {
  const [old, now] = [propertiesOf(before), propertiesOf(after)];
  return [...new Set([...now.keys(), ...old.keys()])]
    .map((property) => ({ property, from: old.get(property) ?? null, to: now.get(property) ?? null }))
    .filter(({ from, to }) => from !== to);
}

/**
 * The properties of an operation but for its times, the status first, and the members of complex ones one by one. Whatever
 * properties a newer service answers are among them.
 * @param {Operation} operation
 * @returns {Map<string, Value>}
 */
export function propertiesOf({ id: _, createdDateTime: __, lastActionDateTime: ___, status, ...others }) {
  const entries = Object.entries({ status, ...others }).flatMap(([name, value]) =>
    value !== null && typeof value === 'object'
      ? Object.entries(value).map(([member, inner]) => /** @type {[string, Value]} */ ([`${name}/${member}`, inner]))
      : [/** @type {[string, Value]} */ ([name, value])],
  );
  return new Map(entries.filter(([name]) => !name.includes('@')));
}

/**
 * The newest first. Those of which it is not known come last, by their id.
 * @param {Known} a
 * @param {Known} b
 */
export function byTime(a, b) {
  const later = (b.changedAt?.getTime() ?? 0) - (a.changedAt?.getTime() ?? 0);
  return later || (a.operation.id < b.operation.id ? -1 : 1);
}

/**
 * By status, in the order in which an operation goes through them, and by time within each.
 * @param {Known} a
 * @param {Known} b
 */
export function byStatus(a, b) {
  const place = (/** @type {Known} */ { operation }) => STATUSES.indexOf(operation.status);
  return place(a) - place(b) || byTime(a, b);
}

/** The last 5,000 operations that were seen. What happened between two looks is one change. */
export class History {
  /** @type {Map<string, Known>} */
  #known = new Map();

  /** @param {string} id */
  get(id) {
    return this.#known.get(id);
  }

  /**
   * Notes how an operation is.
   * @param {Operation} operation
   * @param {Date} now
   * @returns {'new' | 'changed' | undefined} what is new of it
   */
  see(operation, now) {
    const { id, '@odata.etag': etag, lastActionDateTime } = operation;
    const before = this.#known.get(id);
    const isThere = before !== undefined && !before.isDeleted;
    // What was seen last is forgotten last.
    this.#known.delete(id);
    if (isThere && before.operation['@odata.etag'] === etag) {
      this.#known.set(id, before);
      return undefined;
    }
    const time = dateOf(lastActionDateTime);
    /** @type {Entry} */
    const entry = isThere
      ? { at: time ?? now, what: changesBetween(before.operation, operation) }
      : { at: now, what: 'first seen' };
    const entries = [entry, ...(before?.entries ?? [])].slice(0, MAX_ENTRIES);
    this.#known.set(id, { operation, changedAt: time, isDeleted: false, entries });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    return isThere ? 'changed' : 'new';
  }

  /**
   * Notes that an operation no longer exists.
   * @param {string} id
   * @param {Date} now
   * @returns {boolean} whether it was there before
   */
  miss(id, now) {
    const known = this.#known.get(id);
    if (!known || known.isDeleted) return false;
    /** @type {Entry} */
    const entry = { at: now, what: 'deleted' };
    this.#known.set(id, { ...known, isDeleted: true, entries: [entry, ...known.entries] });
    return true;
  }
}
