// What the board shows. All that comes from the service is set as text, never as markup.
import { STATUSES } from './client.js';
import { propertiesOf } from './history.js';

/** @import { Entry, Known, Value } from './history.js' */

const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

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
 * @param {{ found: number, listed: number, isWhole: boolean, status: string }} extent
 */
export function showExtent({ found, listed, isWhole, status }) {
  const of = status ? `${status} operations` : 'operations';
  const part = `The first ${listed.toLocaleString()} ${of} in the order of the service, newest first; there are more.`;
  setText(byId('extent'), isWhole ? `${listed.toLocaleString()} ${of}, newest first.` : part);
  byId('nothing').hidden = found > 0;
  setText(byId('nothing'), listed > 0 ? 'None of them has this text.' : `There are no ${of}.`);
  if (found !== listed) byId('extent').append(` ${found.toLocaleString()} have the text.`);
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
  const button = element('button', { text: id });
  button.type = 'button';
  button.dataset.id = id;
  button.setAttribute('aria-controls', 'detail');
  const first = element('th', {}, [button, element('span', { class: 'context' })]);
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
  setText(at('.context'), clientContext ?? '');
  at('.status').className = `status ${STATUSES.includes(status) ? status : ''}`;
  setText(at('.status'), status);
  const parts = [completionReason, resultInfo && `${resultInfo.code}/${resultInfo.subcode}`, resultInfo?.message];
  setText(at('.result'), parts.filter((part) => part !== null && part !== undefined).join(' · '));
  setTime(/** @type {HTMLTimeElement} */ (at('time')), changedAt, now);
}

/** @param {Element} row */
function flash(row) {
  row.classList.remove('changed');
  // A class that comes back starts its animation anew only after a layout without it.
  row.getBoundingClientRect();
  row.classList.add('changed');
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
  setText(byId('detail-title'), known?.operation.id ?? 'Operation');
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
  const properties = [...propertiesOf(operation)].flatMap(([name, value]) => [
    element('dt', { text: name }),
    element('dd', {}, [name === 'status' ? badge(String(value)) : valueText(value)]),
  ]);
  const label = element('dt', { text: isDeleted ? 'deleted; last changed' : 'changed' });
  return [...properties, label, element('dd', {}, [changed])];
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
