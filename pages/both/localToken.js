// On a laptop, the issuer that npm start runs gives tokens to whoever asks, so that nobody has to copy one. The service
// names it to its pages only where AUTH_AUTHORITY is on this machine.
const issuer = document.querySelector('meta[name="local-issuer"]');

/** Whether a page can get a token itself: it is on this machine, and so is the issuer. */
export const hasLocalIssuer = issuer !== null && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(location.hostname);

/**
 * Requests a token of the application `local`, as `npm run token` does.
 * @returns {Promise<string>}
 */
export async function requestLocalToken() {
  if (!(issuer instanceof HTMLMetaElement)) throw new Error('There is no local issuer.');
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'local',
    client_secret: 'local',
    scope: decodeURIComponent(issuer.dataset.scope ?? ''),
  });
  const response = await fetch(issuer.content, { method: 'POST', body, cache: 'no-store' }).catch(() => {
    throw new Error('The local token issuer cannot be reached.');
  });
  if (!response.ok) throw new Error(`The local token issuer answered ${response.status}.`);
  return (await response.json()).access_token;
}
