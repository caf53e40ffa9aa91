// The board: signs in, looks again and again, and shows what there is. The token is kept in a variable and nowhere else.
import { ApiError, createClient, STATUSES } from './client.js';
import { byTime, History } from './history.js';
import {
  byId,
  clock,
  setText,
  showChosen,
  showCounts,
  showDetail,
  showExtent,
  showRows,
  showStatuses,
} from './view.js';

/** @import { Known } from './history.js' */

const INTERVAL_MS = 5000;
const MAX_INTERVAL_MS = 120_000;
const TIMEOUT_MS = 60_000;
/** After a look that took long comes a pause that is so many times as long: the board is a small part of the load. */
const REST = 9;

/**
 * All that the board knows of a signed-in user; nothing of it outlives signing out.
 * @typedef {object} Session
 * @property {ReturnType<typeof createClient>} client
 * @property {History} history
 * @property {Set<string>} listed the ids of the last list
 * @property {boolean} isWhole whether that list was all there is
 * @property {string | undefined} listedStatus the status it was of; undefined before the first
 * @property {string | undefined} selected
 * @property {number} failures in a row
 */

/** @type {Session | undefined} */
let session;
let status = '';
let isPaused = false;
let looking = new AbortController();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} token */
function signIn(token) {
  const client = createClient(token);
  const listed = /** @type {Set<string>} */ (new Set());
  session = {
    client,
    history: new History(),
    listed,
    isWhole: true,
    listedStatus: undefined,
    selected: undefined,
    failures: 0,
  };
  setText(byId('error'), '');
  setText(byId('state'), 'Signing in');
  byId('state').hidden = false;
  void look();
}

/** @param {string} why */
function signOut(why) {
  stop();
  session = undefined;
  status = '';
  setPaused(false);
  /** @type {HTMLInputElement} */ (byId('text')).value = '';
  showSignedIn(false);
  showRows([], { selected: undefined, changed: new Set(), now: new Date() });
  showDetail(undefined, new Date());
  setText(byId('news'), '');
  setText(byId('error'), why);
  byId('token').focus();
}

/** @param {boolean} isSignedIn */
function showSignedIn(isSignedIn) {
  byId('sign-in').hidden = isSignedIn;
  for (const id of ['board', 'controls', 'state']) byId(id).hidden = !isSignedIn;
}

/** @param {boolean} is */
function setPaused(is) {
  isPaused = is;
  byId('pause').setAttribute('aria-pressed', String(is));
}

function stop() {
  clearTimeout(timer);
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
  try {
    await refresh(session, AbortSignal.any([mine.signal, AbortSignal.timeout(TIMEOUT_MS)]));
    if (mine.signal.aborted) return;
    session.failures = 0;
    setText(byId('error'), '');
    wait = Math.max(INTERVAL_MS, REST * (performance.now() - begin));
    setText(byId('state'), `Live, as of ${clock(new Date())}`);
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
  timer = setTimeout(look, wait);
}

/**
 * @param {Session} current
 * @param {AbortSignal} signal
 */
async function refresh(current, signal) {
  const { client, history, selected } = current;
  const wanted = status;
  const [{ operations, isWhole }, ...counts] = await Promise.all([
    client.list(wanted || undefined, signal),
    ...STATUSES.map((each) => client.count(each, signal)),
  ]);
  const listed = new Set(operations.map(({ id }) => id));
  const apart = selected !== undefined && !listed.has(selected) ? history.get(selected) : undefined;
  const single = apart && (await client.read(apart.operation.id, apart.operation['@odata.etag'], signal));
  signal.throwIfAborted();

  const now = new Date();
  const isNextLook = current.listedStatus === wanted;
  const changed = /** @type {Set<string>} */ (new Set());
  for (const operation of [...operations, ...(single ? [single] : [])]) {
    const seen = history.see(operation, now);
    if (seen === 'changed' || (seen === 'new' && isNextLook)) changed.add(operation.id);
  }
  // What was in the list, and is in none that is whole, is gone.
  const gone = isNextLook && isWhole && wanted === '' ? [...current.listed].filter((id) => !listed.has(id)) : [];
  if (apart && single === null) gone.push(apart.operation.id);
  const deleted = gone.filter((id) => history.miss(id, now));
  Object.assign(current, { listed, isWhole, listedStatus: wanted });

  showSignedIn(true);
  showCounts(new Map(STATUSES.map((each, n) => [each, counts[n]])));
  draw(changed);
  const news = [changed.size && `${changed.size} changed or new`, deleted.length && `${deleted.length} deleted`];
  if (isNextLook) setText(byId('news'), news.filter(Boolean).join(', '));
}

/** Draws what is known. */
function draw(changed = /** @type {Set<string>} */ (new Set())) {
  if (!session) return;
  const { history, listed, isWhole, selected } = session;
  const now = new Date();
  const text = /** @type {HTMLInputElement} */ (byId('text')).value.trim().toLowerCase();
  const known = [...listed].flatMap((id) => history.get(id) ?? []);
  const found = known.filter((each) => text === '' || textOf(each).includes(text)).sort(byTime);
  showChosen(status);
  showRows(found, { selected, changed, now });
  showExtent({ found: found.length, listed: known.length, isWhole, status });
  showDetail(selected === undefined ? undefined : history.get(selected), now);
}

/** @param {Known} known */
function textOf({ operation: { id, clientContext, completionReason, resultInfo } }) {
  return [id, clientContext, completionReason, resultInfo?.message].join('\n').toLowerCase();
}

/**
 * @param {string} id
 * @returns {HTMLButtonElement | null}
 */
const buttonOf = (id) => byId('rows').querySelector(`[data-id="${CSS.escape(id)}"]`);

/** @param {string | undefined} id */
function select(id) {
  if (!session) return;
  const before = session.selected;
  session.selected = id;
  draw();
  if (id !== undefined) byId('detail').focus();
  else if (before !== undefined) buttonOf(before)?.focus();
}

showStatuses((chosen) => {
  status = chosen;
  showChosen(status);
  void look();
});
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
byId('text').addEventListener('input', () => draw());
byId('rows').addEventListener('click', ({ target }) => {
  const row = target instanceof Element ? target.closest('tr')?.querySelector('button') : null;
  if (row) select(row.dataset.id);
});
byId('close').addEventListener('click', () => select(undefined));
byId('detail').addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') select(undefined);
});
document.addEventListener('visibilitychange', () => void look());
