// Takes all variables away that a test does not ask for: those of the terminal (Jest's workers add FORCE_COLOR), proxies,
// NODE_OPTIONS, and settings of the service, none of which may change what a test or a process that it starts does.
const KEPT = [
  /^(PATH|PATHEXT|HOME|USERPROFILE|APPDATA|LOCALAPPDATA|SYSTEMROOT|SYSTEMDRIVE|COMSPEC|TEMP|TMP|TMPDIR)$/i,
  /^(LANG|LC_\w+|TZ|CI|CHROMIUM|JEST_WORKER_ID|NODE_ENV)$/,
  // For the package managers of tests in test/field.
  /^(npm_config|DOTNET|NUGET|SSL_CERT)_/i,
  // What tests read, and the mutation test sets.
  /^TEST_|^SOAK_|^__STRYKER_/,
];

for (const name of Object.keys(process.env)) {
  if (!KEPT.some((pattern) => pattern.test(name))) delete process.env[name];
}
