// What the board shows. All that comes from the service is set as text, never as markup.
import { ROOT } from './client.js';
import { isStuck, propertiesOf, runningTime, STATUSES } from './history.js';

/** @import { Subscription } from './client.js' */
/** @import { Entry, Known, Value } from './history.js' */

const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dateAndTime = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: 'numeric',
  minute: '2-digit',
});
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

const FLASH_MS = 4000;

/**
 * @template {Element} [Kind=HTMLElement]
 * @param {string} id
 * @returns {Kind}
 */
export const byId = (id) => /** @type {Kind} */ (/** @type {unknown} */ (document.getElementById(id)));

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {{ text?: string, class?: string }} [properties]
 * @param {(Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[Name]}
 */
function element(name, properties = {}, children = []) {
  const made = document.createElement(name);
  if (properties.text !== undefined) made.textContent = properties.text;
  if (properties.class) made.className = properties.class;
  made.append(...children);
  return made;
}

/**
 * Sets a text only where it is another, so that what has not changed is neither drawn nor read out again.
 * @param {Element} where
 * @param {string} text
 */
export function setText(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

/** @param {Date} date */
export const clock = (date) => time.format(date);

/**
 * @param {Date} when
 * @param {Date} now
 */
function timeText(when, now) {
  const isToday = when.toDateString() === now.toDateString();
  const isThisYear = when.getFullYear() === now.getFullYear();
  return (isToday ? time : isThisYear ? dateAndTime : date).format(when);
}

/**
 * @param {HTMLTimeElement} where
 * @param {Date | undefined} when
 * @param {Date} now
 */
function setTime(where, when, now) {
  if (!when) return setText(where, 'unknown');
  where.dateTime = when.toISOString();
  where.title = when.toISOString();
  setText(where, timeText(when, now));
}

/**
 * After midnight, the times of yesterday get their date.
 * @param {Date} now
 */
export function renewTimes(now) {
  for (const each of document.querySelectorAll('time')) if (each.dateTime) setTime(each, new Date(each.dateTime), now);
}

/**
 * A time span in its largest unit.
 * @param {number} milliseconds
 */
function spanOf(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`;
}

/** Of a long text that has no room, the end stays: it is what tells two apart. */
const KEPT_END = 10;

/**
 * Sets a text that is cut in its middle where it has no room, with the whole of it as its tooltip.
 * @param {HTMLElement} where
 * @param {string} text
 */
function setMiddleCut(where, text) {
  if (where.title === text) return;
  where.title = text;
  const isLong = text.length > 2 * KEPT_END;
  // No pair of surrogates is cut in two, and no space stands after the ellipsis.
  const isAwkward = /^[\s\udc00-\udfff]/.test(text.at(-KEPT_END) ?? '');
  const cut = isLong ? text.length - KEPT_END + Number(isAwkward) : text.length;
  where.replaceChildren(
    element('span', { text: text.slice(0, cut), class: 'begin' }),
    ...(isLong ? [element('span', { text: text.slice(cut), class: 'end' })] : []),
  );
}

/** @param {string} status */
const badge = (status) => element('span', { text: status, class: `status ${status}` });

/**
 * The buttons that choose a status: that of '' shows all.
 * @param {string[]} filters
 * @param {(status: string) => void} choose
 */
export function showStatuses(filters, choose) {
  for (const status of ['', ...filters]) {
    const button = element('button', {}, [
      element('span', { text: status || 'All', class: status && `status ${status}` }),
      element('strong'),
    ]);
    button.type = 'button';
    button.dataset.status = status;
    button.addEventListener('click', () => choose(status));
    byId('statuses').append(button);
  }
}

/** @param {string} chosen */
export function showChosen(chosen) {
  for (const button of byId('statuses').querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button.dataset.status === chosen));
  }
}

/**
 * How many there are of each status: undefined where they are too many to be counted.
 * @param {Map<string, number | undefined>} counts
 */
export function showCounts(counts) {
  const isExact = STATUSES.every((status) => counts.get(status) !== undefined);
  const total = STATUSES.reduce((sum, status) => sum + (counts.get(status) ?? 0), 0);
  const words = new Map([...counts].map(([status, count]) => [status, count?.toLocaleString() ?? 'too many']));
  words.set('', isExact ? total.toLocaleString() : 'too many');
  for (const button of byId('statuses').querySelectorAll('button')) {
    setText(/** @type {Element} */ (button.lastElementChild), words.get(button.dataset.status ?? '') ?? '');
  }

  const bar = byId('bar');
  bar.setAttribute('aria-label', STATUSES.map((status) => `${status} ${words.get(status)}`).join(', '));
  let x = 0;
  const parts = STATUSES.map((status) => {
    const part = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    const width = isExact && total > 0 ? (100 * (counts.get(status) ?? 0)) / total : 0;
    const box = { x: `${x}%`, width: `${width}%`, height: '100%', class: status };
    for (const [name, value] of Object.entries(box)) part.setAttribute(name, value);
    x += width;
    return part;
  });
  bar.replaceChildren(...parts);
}

/**
 * How much of all there is the table shows.
 * @param {{
 *   matching: number, listed: number, total: number | undefined,
 *   waiting: number, isWhole: boolean, since: string | undefined, status: string, text: string, now: Date,
 * }} extent
 */
export function showExtent({ matching, listed, total, waiting, isWhole, since, status, text, now }) {
  const loaded = `${listed.toLocaleString()} of ${total?.toLocaleString() ?? 'more'} ${status}${status && ' '}operations`;
  const found = matching.toLocaleString();
  const isAll = isWhole && since === undefined;
  const parts = [
    !isWhole &&
      !text &&
      `${loaded} are loaded, in no order of time: changes of the others are not seen, but Find finds them.`,
    isWhole &&
      since &&
      !text &&
      `${loaded} are loaded: all that changed since ${timeText(new Date(since), now)}. Find finds the others.`,
    !isAll && text && `${found} found: among ${loaded}, and among all by id or the beginning of the context.`,
    isAll && text && matching === 1 && '1 operation has this text.',
    isAll && text && matching > 1 && `${found} operations have this text.`,
    waiting > 0 && `${waiting.toLocaleString()} new: shown when the pointer leaves the list.`,
  ];
  setText(byId('extent'), parts.filter(Boolean).join(' '));
  byId('extent').hidden = byId('extent').textContent === '';
  byId('nothing').hidden = matching > 0;
  setText(
    byId('nothing'),
    listed > 0 ? 'None of them has this text.' : `There are no ${status}${status && ' '}operations.`,
  );
  byId('first').hidden = listed > 0 || status !== '';
  setText(byId('command'), command);
}

/** A command that creates an operation, with the token that `npm run --silent token` prints. */
const command = [
  `curl -X PATCH ${ROOT}playPromptOperation/prompt-1`,
  '-H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json"',
  `-d '{"clientContext":"call 7","status":"Running"}'`,
].join(' \\\n  ');

/**
 * The order of the table.
 * @param {'time' | 'status'} sort
 */
export function showSort(sort) {
  for (const button of document.querySelectorAll('[data-sort]')) {
    const heading = /** @type {Element} */ (button.closest('th'));
    const isSorted = button instanceof HTMLElement && button.dataset.sort === sort;
    if (isSorted) heading.setAttribute('aria-sort', sort === 'time' ? 'descending' : 'ascending');
    else heading.removeAttribute('aria-sort');
  }
}

/**
 * Shows one of the views.
 * @param {string} tab
 */
export function showTab(tab) {
  for (const view of ['operations', 'subscriptions']) {
    const button = byId(`${view}-tab`);
    button.setAttribute('aria-selected', String(view === tab));
    button.tabIndex = view === tab ? 0 : -1;
    byId(view).hidden = view !== tab;
  }
}

/** @type {Map<string, HTMLTableRowElement>} */
const rows = new Map();

/**
 * The table of operations, in their order. A row that stays keeps its element, and the focus.
 * @param {Known[]} operations
 * @param {{ selected: string | undefined, changed: Set<string>, now: Date }} state
 */
export function showRows(operations, { selected, changed, now }) {
  const wanted = operations.map((known) => {
    const { id } = known.operation;
    const row = rows.get(id) ?? newRow(id);
    rows.set(id, row);
    fillRow(row, known, now);
    row.classList.toggle('selected', id === selected);
    row.querySelector('button')?.setAttribute('aria-expanded', String(id === selected));
    if (changed.has(id)) flash(row);
    return row;
  });
  const body = byId('rows');
  const isSame = body.children.length === wanted.length && wanted.every((row, n) => body.children[n] === row);
  if (!isSame) {
    const focused = document.activeElement;
    body.replaceChildren(...wanted);
    if (focused instanceof HTMLElement && body.contains(focused)) focused.focus({ preventScroll: true });
  }
  const kept = new Set(wanted);
  for (const [id, row] of rows) if (!kept.has(row)) rows.delete(id);
}

/** @param {string} id */
function newRow(id) {
  const button = element('button', { class: 'open plain cut' });
  button.type = 'button';
  button.dataset.id = id;
  button.setAttribute('aria-controls', 'detail');
  const first = element('th', {}, [button]);
  first.scope = 'row';
  const code = element('code', { class: 'cut' });
  setMiddleCut(code, id);
  const cells = [
    element('td', { class: 'ids' }, [code]),
    element('td', {}, [badge(''), ' ', element('span', { class: 'span' })]),
    element('td', { class: 'results' }),
    element('td', {}, [element('time')]),
  ];
  return element('tr', {}, [first, ...cells]);
}

/**
 * @param {HTMLTableRowElement} row
 * @param {Known} known
 * @param {Date} now
 */
function fillRow(row, known, now) {
  const { operation, changedAt } = known;
  const { id, clientContext, status, completionReason, resultInfo } = operation;
  const at = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (row.querySelector(selector));
  const opener = at('.open');
  setMiddleCut(opener, clientContext || id);
  opener.setAttribute('aria-label', clientContext ? `${clientContext}, ${id}` : id);
  row.classList.toggle('nameless', !clientContext);
  at('.status').className = `status ${STATUSES.includes(status) ? status : ''}`;
  setText(at('.status'), status);
  const parts = [completionReason, resultInfo && `${resultInfo.code}/${resultInfo.subcode}`, resultInfo?.message];
  const result = parts.filter((part) => part !== null && part !== undefined).join(' · ');
  setText(at('.results'), result);
  at('.results').title = result;
  const stuck = isStuck(known, now);
  row.classList.toggle('stuck', stuck);
  const span = runningTime(operation, now);
  const unchanged = changedAt && spanOf(now.getTime() - changedAt.getTime());
  setText(at('.span'), stuck ? `stuck ${unchanged}` : span === undefined ? '' : spanOf(span));
  setTime(/** @type {HTMLTimeElement} */ (at('time')), changedAt, now);
}

/**
 * An id, and a button that copies it.
 * @param {string} id
 */
function idAndCopy(id) {
  const copy = element('button', { text: 'Copy', class: 'copy plain' });
  copy.type = 'button';
  copy.dataset.text = id;
  copy.setAttribute('aria-label', `Copy the id ${id}`);
  return element('span', { class: 'id' }, [element('code', { text: id }), ' ', copy]);
}

/**
 * Highlights a row once. An animation of a style sheet would begin again whenever the row is inserted again.
 * @param {Element} row
 */
function flash(row) {
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const outline = { outline: '2px dashed var(--field-line)', outlineOffset: '-2px' };
  row.animate(isStill ? [outline, outline] : [{ background: 'var(--fresh)' }, {}], {
    duration: FLASH_MS,
    easing: 'ease-out',
  });
}

/** @type {Known | undefined} */
let detailed;

/**
 * An operation with its history, or none. What has not changed is left alone, with what is selected in it.
 * @param {Known | undefined} known
 * @param {{ apart: string, now: Date }} state why it is not in the list, if it is not
 */
export function showDetail(known, { apart, now }) {
  byId('apart').hidden = apart === '';
  setText(byId('apart'), apart);
  if (known !== detailed) fillDetail(known, now);
  detailed = known;
  if (!known) return;
  const span = runningTime(known.operation, now);
  const unchanged = known.changedAt && spanOf(now.getTime() - known.changedAt.getTime());
  const stuck = isStuck(known, now) ? `; stuck: no change for ${unchanged}` : '';
  setText(byId('span'), (span === undefined ? 'unknown' : spanOf(span)) + stuck);
}

/**
 * @param {Known | undefined} known
 * @param {Date} now
 */
function fillDetail(known, now) {
  byId('detail').hidden = !known;
  byId('panes').classList.toggle('split', known !== undefined);
  setText(byId('detail-title'), known?.operation.clientContext || known?.operation.id || 'Operation');
  byId('properties').replaceChildren(...(known ? propertyItems(known, now) : []));
  byId('entries').replaceChildren(...(known?.entries ?? []).map((entry) => entryItem(entry, now)));
}

/**
 * @param {Known} known
 * @param {Date} now
 */
function propertyItems({ operation, changedAt, isDeleted }, now) {
  const { createdDateTime } = operation;
  const item = (/** @type {string} */ name, /** @type {Node} */ value) => [
    element('dt', { text: name }),
    element('dd', {}, [value]),
  ];
  const [created, changed, span] = [element('time'), element('time'), element('span')];
  setTime(created, createdDateTime ? new Date(createdDateTime) : undefined, now);
  setTime(changed, changedAt, now);
  span.id = 'span';
  return [
    ...item('id', idAndCopy(operation.id)),
    ...[...propertiesOf(operation)].flatMap(([name, value]) =>
      item(name, name === 'status' ? badge(String(value)) : valueText(value)),
    ),
    ...item('created', created),
    ...item(isDeleted ? 'deleted; last action' : 'last action', changed),
    ...item('running time', span),
  ];
}

/** @param {Value} value */
const valueText = (value) => element('span', { text: String(value), class: value === null ? 'null' : 'value' });

/**
 * @param {Entry} entry
 * @param {Date} now
 */
function entryItem({ at, what }, now) {
  const when = element('time');
  setTime(when, at, now);
  if (typeof what === 'string') return element('li', {}, [when, element('p', { text: what })]);
  if (what.length === 0) return element('li', {}, [when, element('p', { text: 'written, with the same values' })]);
  const lines = what.map(({ property, from, to }) =>
    element('p', {}, [element('b', { text: property }), ' from ', valueText(from), ' to ', valueText(to)]),
  );
  return element('li', {}, [when, ...lines]);
}

/** @type {string | undefined} */
let subscribed;

/**
 * The subscriptions, and how the last delivery of each went. Without the feature, there is no tab for them.
 * @param {Subscription[] | undefined} subscriptions
 * @param {Date} now
 */
export function showSubscriptions(subscriptions, now) {
  const text = JSON.stringify(subscriptions);
  if (text === subscribed) return;
  subscribed = text;
  byId('tabs').hidden = subscriptions === undefined;
  const count = subscriptions?.length ?? 0;
  setText(/** @type {Element} */ (byId('subscriptions-tab').lastElementChild), count.toLocaleString());
  byId('no-subscriptions').hidden = count > 0;
  byId('subscription-table').hidden = count === 0;
  byId('subscription-rows').replaceChildren(...(subscriptions ?? []).map((each) => subscriptionRow(each, now)));
}

/**
 * @param {Subscription} subscription
 * @param {Date} now
 */
function subscriptionRow(subscription, now) {
  const { resource, changeType, notificationUrl, expirationDateTime } = subscription;
  const lastDelivery = subscription['@playPromptOperation.lastDelivery'];
  const expires = () => {
    const time = element('time');
    setTime(time, new Date(expirationDateTime), now);
    return time;
  };
  // Without its query, which may hold a key of the receiver.
  const { origin, pathname } = new URL(notificationUrl);
  const receiver = element('p', { text: `${changeType} to ${origin}${pathname}`, class: 'quiet' });
  const until = element('p', { text: 'expires ', class: 'quiet narrow' }, [expires()]);
  const first = element('th', {}, [element('p', { text: resource }), receiver, until]);
  first.scope = 'row';
  const last = element('td', { text: lastDelivery ? '' : 'none yet' });
  if (lastDelivery) {
    const { outcome, dateTime } = lastDelivery;
    const at = element('time');
    setTime(at, new Date(dateTime), now);
    const status = outcome === 'delivered' ? 'Completed' : 'Failed';
    last.append(element('span', { text: outcome, class: `status ${status}` }), ' ', at);
  }
  return element('tr', {}, [first, last, element('td', { class: 'expires' }, [expires()])]);
}
