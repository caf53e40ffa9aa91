// Swagger UI with the description of this service. The token that a user enters is kept in memory only.
import { hasLocalIssuer, requestLocalToken } from './localToken.js';

const dark = matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', followScheme);
followScheme();

/** @typedef {{ preauthorizeApiKey: (scheme: string, token: string) => void }} SwaggerUi */
const { SwaggerUIBundle } = /** @type {{ SwaggerUIBundle: (options: object) => SwaggerUi }} */ (
  /** @type {unknown} */ (globalThis)
);
/**
 * A token that was entered with its scheme would have two.
 * @param {{ headers: Record<string, string> }} request
 */
function withoutSecondScheme(request) {
  const { Authorization } = request.headers;
  if (Authorization) request.headers.Authorization = Authorization.replace(/^(?:Bearer\s+)+/i, 'Bearer ');
  return request;
}

const swaggerUi = SwaggerUIBundle({
  // Below the address of the page, which a gateway may give a path of its own.
  url: new URL('../openapi.json', import.meta.url).pathname,
  dom_id: '#docs',
  deepLinking: true,
  displayRequestDuration: true,
  // No external validator is called, and no token is kept in the browser's storage.
  validatorUrl: null,
  persistAuthorization: false,
  withCredentials: false,
  requestInterceptor: withoutSecondScheme,
});

const local = /** @type {HTMLElement} */ (document.getElementById('local'));
local.hidden = !hasLocalIssuer;
local.querySelector('button')?.addEventListener('click', async () => {
  const status = /** @type {HTMLElement} */ (local.querySelector('[role="status"]'));
  try {
    swaggerUi.preauthorizeApiKey('bearer', await requestLocalToken());
    status.textContent = 'Signed in: requests have a token of this laptop.';
  } catch (error) {
    status.textContent = String(error);
  }
});
