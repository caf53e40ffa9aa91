// The board: signs in, polls the list, and shows it. The token is kept in a variable and nowhere else.
import { ApiError, createClient, STUCK } from './client.js';
import { byStatus, byTime, History, propertiesOf, STATUSES } from './history.js';
import { hasLocalIssuer, requestLocalToken } from './localToken.js';
import {
  byId,
  clock,
  renewTimes,
  setText,
  showChosen,
  showCounts,
  showDetail,
  showExtent,
  showRows,
  showSort,
  showStatuses,
  showSubscriptions,
  showTab,
} from './view.js';

/** @import { Known } from './history.js' */

const INTERVAL_MS = 5000;
const MAX_INTERVAL_MS = 120_000;
const TIMEOUT_MS = 60_000;
/** A pause is at least so many times as long as the look before it: the board is a small part of the load. */
const REST = 9;
/** The service is asked for a text so long after the last key. */
const TYPING_MS = 300;
const FILTERS = [...STATUSES, STUCK];

/** @param {Session} session */
const isAll = ({ isWhole, since }) => isWhole && since === undefined;

/**
 * The state of a signed-in user; signing out discards all of it.
 * @typedef {object} Session
 * @property {ReturnType<typeof createClient>} client
 * @property {History} history
 * @property {Set<string>} listed the ids of the last list
 * @property {boolean} isWhole whether no change is missing in that list
 * @property {string | undefined} since the time since which they changed, if that list is of the last changes only
 * @property {Set<string>} found the ids that the service has found for the text, where not all are loaded
 * @property {Map<string, number | undefined>} counts how many there are of each status
 * @property {Date | undefined} seenAt when the service was last seen
 * @property {string | undefined} listedStatus the status it was of; undefined before the first
 * @property {number} failures in a row
 * @property {string[] | undefined} held the order of the rows while the pointer is over them
 */

/** @type {Session | undefined} */
let session;
/** What is shown: the fragment of the URL, so that a link shows the same. */
let view = readView();
let isPaused = false;
let looking = new AbortController();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let late;

function readView() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const status = fragment.get('status') ?? '';
  return {
    status: FILTERS.includes(status) ? status : '',
    sort: fragment.get('sort') === 'status' ? /** @type {const} */ ('status') : /** @type {const} */ ('time'),
    tab: fragment.get('tab') === 'subscriptions' ? 'subscriptions' : 'operations',
    text: fragment.get('text') ?? '',
    id: fragment.get('id') ?? undefined,
  };
}

/** @param {Partial<typeof view>} changes */
function changeView(changes) {
  view = { ...view, ...changes };
  if (session) session.held = undefined;
  const { status, sort, tab, text, id } = view;
  const parts = {
    ...(tab === 'subscriptions' && { tab }),
    ...(status && { status }),
    ...(sort === 'status' && { sort }),
    ...(text && { text }),
    ...(id && { id }),
  };
  const fragment = String(new URLSearchParams(parts));
  window.history.replaceState(null, '', fragment ? `#${fragment}` : location.pathname);
}

/** Shows the controls as the view is. */
function showView() {
  const field = /** @type {HTMLInputElement} */ (byId('text'));
  if (field.value !== view.text) field.value = view.text;
  showChosen(view.status);
  showSort(view.sort);
  showTab(view.tab);
}

/** @param {string} token */
function signIn(token) {
  const client = createClient(token);
  const listed = /** @type {Set<string>} */ (new Set());
  session = {
    client,
    history: new History(),
    listed,
    isWhole: true,
    since: undefined,
    found: new Set(),
    counts: new Map(),
    seenAt: undefined,
    listedStatus: undefined,
    failures: 0,
    held: undefined,
  };
  setText(byId('error'), '');
  setText(byId('sign-in-error'), '');
  setText(byId('state'), 'Signing in');
  byId('state').hidden = false;
  void look();
}

/** @param {string} why */
function signOut(why) {
  stop();
  session = undefined;
  if (why === '') changeView({ status: '', sort: 'time', tab: 'operations', text: '', id: undefined });
  showView();
  setPaused(false);
  showSignedIn(false);
  showRows([], { selected: undefined, changed: new Set(), now: new Date() });
  showDetail(undefined, { apart: '', now: new Date() });
  showSubscriptions([], new Date());
  for (const id of ['news', 'error']) setText(byId(id), '');
  setText(byId('sign-in-error'), why);
  focusForm();
}

/** @param {boolean} isSignedIn */
function showSignedIn(isSignedIn) {
  byId('sign-in').hidden = isSignedIn;
  for (const id of ['board', 'controls', 'state']) byId(id).hidden = !isSignedIn;
}

function focusForm() {
  byId(hasLocalIssuer && byId('sign-in-error').textContent === '' ? 'local-sign-in' : 'token').focus();
}

/** Moves the focus from the form, which is gone, to the operation that is shown or the first of the list. */
function focusBoard() {
  const target = view.id === undefined ? (byId('rows').querySelector('button') ?? byId('text')) : byId('detail');
  target.focus({ preventScroll: true });
}

/** @param {boolean} is */
function setPaused(is) {
  isPaused = is;
  byId('pause').setAttribute('aria-pressed', String(is));
}

function stop() {
  clearTimeout(timer);
  clearTimeout(late);
  looking.abort();
}

/** Looks at once, and from then on; what was under way is given up. */
async function look() {
  stop();
  if (!session || isPaused || document.hidden) return;
  const mine = new AbortController();
  looking = mine;
  const begin = performance.now();
  let wait = 0;
  const { seenAt } = session;
  const waiting = () => setText(byId('state'), `Waiting for the service; as of ${seenAt ? clock(seenAt) : 'never'}`);
  late = setTimeout(waiting, INTERVAL_MS);
  try {
    const error = await refresh(session, AbortSignal.any([mine.signal, AbortSignal.timeout(TIMEOUT_MS)]));
    if (mine.signal.aborted) return;
    session.failures = 0;
    session.seenAt = new Date();
    setText(byId('error'), error);
    wait = Math.max(INTERVAL_MS, REST * (performance.now() - begin));
    const what = session.isWhole ? 'Live' : 'Live for what is loaded';
    setText(byId('state'), `${what}, as of ${clock(session.seenAt)}, every ${Math.round(wait / 1000)} s`);
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error instanceof ApiError && [401, 403].includes(error.status)) return signOut(error.message);
    const retryAfter = error instanceof ApiError ? error.retryAfterSeconds * 1000 : 0;
    session.failures += 1;
    wait = Math.max(retryAfter, Math.min(INTERVAL_MS * 2 ** session.failures, MAX_INTERVAL_MS));
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    setText(
      byId('error'),
      isLate ? 'The service did not answer in time.' : String(/** @type {Error} */ (error).message),
    );
    setText(byId('state'), `Not live; tries again at ${clock(new Date(Date.now() + wait))}`);
  }
  clearTimeout(late);
  timer = setTimeout(look, wait);
}

/**
 * @param {Session} current
 * @param {AbortSignal} signal
 * @returns {Promise<string>} what could not be shown
 */
async function refresh(current, signal) {
  const { client, history } = current;
  const { status: wanted, id: selected } = view;
  const text = isAll(current) ? '' : view.text.trim();
  const before = current.listedStatus === wanted ? current.since : undefined;
  const [{ operations, isWhole, since }, subscriptions, found, ...counts] = await Promise.all([
    client.list(wanted, before, signal),
    client.subscriptions(signal),
    text === '' ? [] : client.find(text, wanted, signal),
    ...FILTERS.map((each) => client.count(each, signal)),
  ]);
  const listed = new Set(operations.map(({ id }) => id));
  const apart = selected !== undefined && !listed.has(selected) ? selected : undefined;
  const single = apart && (await client.read(apart, history.get(apart)?.operation['@odata.etag'], signal));
  signal.throwIfAborted();

  const now = new Date();
  const isNextLook = current.listedStatus === wanted && before === since;
  const changed = /** @type {Set<string>} */ (new Set());
  for (const operation of [...operations, ...found, ...(single ? [single] : [])]) {
    const seen = history.see(operation, now);
    if (seen === 'changed' || (seen === 'new' && isNextLook && isWhole)) changed.add(operation.id);
  }
  // What was in the list, and is in none that is whole, is gone.
  const gone = isNextLook && isWhole && wanted === '' ? [...current.listed].filter((id) => !listed.has(id)) : [];
  if (apart && single === null) gone.push(apart);
  const deleted = gone.filter((id) => history.miss(id, now));
  const hadAll = isAll(current);
  current.counts = new Map(FILTERS.map((each, n) => [each, counts[n]]));
  Object.assign(current, { listed, isWhole, since, listedStatus: wanted, found: new Set(found.map(({ id }) => id)) });

  const isFirst = byId('board').hidden;
  showSignedIn(true);
  showCounts(current.counts);
  showSubscriptions(subscriptions, now);
  draw(changed);
  const isMissing = apart !== undefined && !history.get(apart);
  if (isMissing) changeView({ id: undefined });
  if (isFirst) focusBoard();
  const news = [changed.size && `${changed.size} changed or new`, deleted.length && `${deleted.length} deleted`];
  if (isNextLook) setText(byId('news'), news.filter(Boolean).join(', '));
  if (hadAll && !isAll(current) && view.text !== '') findSoon();
  return isMissing ? `There is no operation ${apart}.` : '';
}

/** Draws what is known. */
function draw(changed = /** @type {Set<string>} */ (new Set())) {
  if (!session) return;
  const { history, listed, found, counts, isWhole, since, held } = session;
  const { status, sort, id } = view;
  const now = new Date();
  const text = view.text.trim().toLowerCase();
  const known = [...new Set([...listed, ...found])].flatMap((each) => history.get(each) ?? []);
  const matching = known.filter((each) => text === '' || textOf(each).includes(text));
  matching.sort(sort === 'status' ? byStatus : byTime);
  // Nothing moves under the pointer: what is new waits, and what is gone stays.
  const shown = held ? held.flatMap((each) => history.get(each) ?? []) : matching;
  const waiting = held ? matching.filter(({ operation }) => !held.includes(operation.id)).length : 0;
  showView();
  showRows(shown, { selected: id, changed, now });
  const all = (status ? [status] : STATUSES).map((each) => counts.get(each));
  const total = all.includes(undefined) ? undefined : all.reduce((sum = 0, count = 0) => sum + count, 0);
  showExtent({ matching: matching.length, listed: listed.size, total, waiting, isWhole, since, status, text, now });
  const selected = id === undefined ? undefined : history.get(id);
  const isApart = selected && !selected.isDeleted && !shown.includes(selected);
  const apart = isApart
    ? status || text
      ? 'The filter leaves it out of the list.'
      : 'The list has not loaded it.'
    : '';
  showDetail(selected, { apart, now });
  renewTimes(now);
}

/** Asks the service for the text when no more is typed. */
function findSoon() {
  clearTimeout(typing);
  typing = setTimeout(look, TYPING_MS);
}
/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;

/** @param {Known} known */
function textOf({ operation }) {
  return [operation.id, ...propertiesOf(operation).values()].join('\n').toLowerCase();
}

/**
 * @param {string} id
 * @returns {HTMLButtonElement | null}
 */
const buttonOf = (id) => byId('rows').querySelector(`[data-id="${CSS.escape(id)}"]`);

/** @param {string | undefined} id */
function select(id) {
  const before = view.id;
  changeView({ id });
  draw();
  if (id !== undefined) byId('detail').focus();
  else if (before !== undefined) buttonOf(before)?.focus();
}

/**
 * Copies a text and announces it.
 * @param {HTMLElement} button
 */
async function copy({ dataset }) {
  const text = dataset.text ?? byId(dataset.copy ?? '').textContent ?? '';
  await navigator.clipboard.writeText(text).then(
    () => setText(byId('news'), 'Copied'),
    () => setText(byId('error'), 'The browser does not let this page copy.'),
  );
}

showStatuses(FILTERS, (status) => {
  changeView({ status });
  showView();
  void look();
});
showView();
byId('local').hidden = !hasLocalIssuer;
byId('local-sign-in').addEventListener('click', () =>
  requestLocalToken().then(signIn, (/** @type {Error} */ { message }) => setText(byId('sign-in-error'), message)),
);
byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = /** @type {HTMLInputElement} */ (byId('token'));
  const token = field.value.trim().replace(/^Bearer\s+/i, '');
  field.value = '';
  if (token !== '') signIn(token);
});
byId('sign-out').addEventListener('click', () => signOut(''));
byId('pause').addEventListener('click', () => {
  setPaused(!isPaused);
  if (isPaused) {
    stop();
    setText(byId('state'), `Paused at ${clock(new Date())}`);
  } else void look();
});
byId('text').addEventListener('input', () => {
  changeView({ text: /** @type {HTMLInputElement} */ (byId('text')).value });
  draw();
  if (session && !isAll(session)) findSoon();
});
for (const tab of byId('tabs').querySelectorAll('button')) {
  tab.addEventListener('click', () => {
    changeView({ tab: tab.id === 'subscriptions-tab' ? 'subscriptions' : 'operations' });
    showView();
  });
}
byId('tabs').addEventListener('keydown', ({ key }) => {
  if (key === 'ArrowLeft' || key === 'ArrowRight') {
    const other = byId(view.tab === 'operations' ? 'subscriptions-tab' : 'operations-tab');
    other.click();
    other.focus();
  }
});
byId('rows').addEventListener('keydown', (event) => {
  const openers = [...byId('rows').querySelectorAll('button')];
  const at = openers.findIndex((each) => each.matches(':focus'));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: openers.length - 1 }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  openers[Math.max(0, Math.min(to, openers.length - 1))]?.focus();
});
for (const button of document.querySelectorAll('[data-sort]')) {
  button.addEventListener('click', () => {
    changeView({ sort: button instanceof HTMLElement && button.dataset.sort === 'status' ? 'status' : 'time' });
    draw();
  });
}
byId('board').addEventListener('click', ({ target }) => {
  if (!(target instanceof Element)) return;
  const button = target.closest('.copy');
  const row = target.closest('#rows tr')?.querySelector('button');
  if (button instanceof HTMLElement) void copy(button);
  else if (row) select(row.dataset.id);
});
byId('rows').addEventListener('pointerenter', () => {
  if (session) session.held = [...byId('rows').querySelectorAll('button')].flatMap(({ dataset }) => dataset.id ?? []);
});
byId('rows').addEventListener('pointerleave', () => {
  if (session) session.held = undefined;
  draw();
});
window.addEventListener('hashchange', () => {
  view = readView();
  draw();
  void look();
});
byId('close').addEventListener('click', () => select(undefined));
byId('detail').addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') select(undefined);
});
document.addEventListener('visibilitychange', () => void look());
focusForm();
