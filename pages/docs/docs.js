// Swagger UI with the description of this service. The token that a user enters is kept in memory only.
const dark = matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', followScheme);
followScheme();

const { SwaggerUIBundle } = /** @type {{ SwaggerUIBundle: (options: object) => void }} */ (
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

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  displayRequestDuration: true,
  // No external validator is called, and no token is kept in the browser's storage.
  validatorUrl: null,
  persistAuthorization: false,
  withCredentials: false,
  requestInterceptor: withoutSecondScheme,
});
