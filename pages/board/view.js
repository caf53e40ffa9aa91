// What the board shows. All that comes from the service is set as text, never as markup.
import { propertiesOf, STATUSES } from './history.js';

/** @import { Subscription } from './client.js' */
/** @import { Entry, Known, Value } from './history.js' */

const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short' });

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
 * @param {HTMLTimeElement} where
 * @param {Date | undefined} date
 * @param {Date} now
 */
function setTime(where, date, now) {
  if (!date) return setText(where, 'unknown');
  const isToday = date.toDateString() === now.toDateString();
  where.dateTime = date.toISOString();
  where.title = date.toISOString();
  setText(where, isToday ? time.format(date) : dateAndTime.format(date));
}

/** @param {string} status */
const badge = (status) => element('span', { text: status, class: `status ${status}` });

/**
 * The buttons that choose a status: that of '' shows all.
 * @param {(status: string) => void} choose
 */
export function showStatuses(choose) {
  for (const status of ['', ...STATUSES]) {
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
 * @param {{ found: number, listed: number, waiting: number, isWhole: boolean, status: string }} extent
 */
export function showExtent({ found, listed, waiting, isWhole, status }) {
  const of = status ? `${status} operations` : 'operations';
  const parts = [
    isWhole
      ? `${listed.toLocaleString()} ${of}.`
      : `The first ${listed.toLocaleString()} ${of} in the order of the service; there are more.`,
    found !== listed && `${found.toLocaleString()} have the text.`,
    waiting > 0 && `${waiting.toLocaleString()} new: shown when the pointer leaves the list.`,
  ];
  setText(byId('extent'), parts.filter(Boolean).join(' '));
  byId('nothing').hidden = found > 0;
  setText(byId('nothing'), listed > 0 ? 'None of them has this text.' : `There are no ${of}.`);
  byId('first').hidden = listed > 0 || status !== '';
  setText(byId('command'), command);
}

/** A command that creates an operation, with the token that `npm run --silent token` prints. */
const command = [
  `curl -X PATCH ${location.origin}/v1.0/playPromptOperation/prompt-1`,
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
  const button = element('button', { class: 'open plain' });
  button.type = 'button';
  button.dataset.id = id;
  button.setAttribute('aria-controls', 'detail');
  const first = element('th', {}, [button, idAndCopy(id)]);
  first.scope = 'row';
  const result = element('td', { class: 'wide' }, [element('span', { class: 'result' })]);
  return element('tr', {}, [first, element('td', {}, [badge('')]), result, element('td', {}, [element('time')])]);
}

/**
 * @param {HTMLTableRowElement} row
 * @param {Known} known
 * @param {Date} now
 */
function fillRow(row, { operation, changedAt }, now) {
  const { clientContext, status, completionReason, resultInfo } = operation;
  const at = (/** @type {string} */ selector) => /** @type {Element} */ (row.querySelector(selector));
  setText(at('.open'), clientContext ?? operation.id);
  at('.id').classList.toggle('unseen', clientContext === null);
  at('.status').className = `status ${STATUSES.includes(status) ? status : ''}`;
  setText(at('.status'), status);
  const parts = [completionReason, resultInfo && `${resultInfo.code}/${resultInfo.subcode}`, resultInfo?.message];
  setText(at('.result'), parts.filter((part) => part !== null && part !== undefined).join(' · '));
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
 * @param {Date} now
 */
export function showDetail(known, now) {
  if (known === detailed) return;
  detailed = known;
  byId('detail').hidden = !known;
  byId('panes').classList.toggle('split', known !== undefined);
  setText(byId('detail-title'), known?.operation.clientContext ?? known?.operation.id ?? 'Operation');
  byId('properties').replaceChildren(...(known ? propertyItems(known, now) : []));
  byId('entries').replaceChildren(...(known?.entries ?? []).map((entry) => entryItem(entry, now)));
}

/**
 * @param {Known} known
 * @param {Date} now
 */
function propertyItems({ operation, changedAt, isDeleted }, now) {
  const changed = element('time');
  setTime(changed, changedAt, now);
  const id = [element('dt', { text: 'id' }), element('dd', {}, [idAndCopy(operation.id)])];
  const properties = [...propertiesOf(operation)].flatMap(([name, value]) => [
    element('dt', { text: name }),
    element('dd', {}, [name === 'status' ? badge(String(value)) : valueText(value)]),
  ]);
  const label = element('dt', { text: isDeleted ? 'deleted; last changed' : 'changed' });
  return [...id, ...properties, label, element('dd', {}, [changed])];
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

let subscribed = '[]';

/**
 * The subscriptions, and how the last delivery of each went. Without any, the section is hidden.
 * @param {Subscription[]} subscriptions
 * @param {Date} now
 */
export function showSubscriptions(subscriptions, now) {
  const text = JSON.stringify(subscriptions);
  if (text === subscribed) return;
  subscribed = text;
  byId('subscriptions').hidden = subscriptions.length === 0;
  byId('subscription-rows').replaceChildren(...subscriptions.map((each) => subscriptionRow(each, now)));
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
  const receiver = element('span', { text: `${changeType} to ${origin}${pathname}`, class: 'result' });
  const until = element('span', { text: 'expires ', class: 'result narrow' }, [expires()]);
  const first = element('th', {}, [element('span', { text: resource }), receiver, until]);
  first.scope = 'row';
  const last = element('td', { text: lastDelivery ? '' : 'none yet' });
  if (lastDelivery) {
    const { outcome, dateTime } = lastDelivery;
    const at = element('time');
    setTime(at, new Date(dateTime), now);
    const status = outcome === 'delivered' ? 'Completed' : 'Failed';
    last.append(element('span', { text: outcome, class: `status ${status}` }), ' ', at);
  }
  return element('tr', {}, [first, last, element('td', { class: 'wide' }, [expires()])]);
}
