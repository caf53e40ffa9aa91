const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Takes this machine out of what a proxy serves, by the variables that the Azure SDK, Node.js and curl read: no proxy can
 * reach it. A proxy that the environment names serves everything else.
 */
export function excludeLoopback(env: NodeJS.ProcessEnv): void {
  const { NO_PROXY, no_proxy } = env;
  env.NO_PROXY = withLoopback(NO_PROXY || no_proxy);
  env.no_proxy = withLoopback(no_proxy || NO_PROXY);
}

function withLoopback(hosts = '') {
  const excluded = hosts.split(',').flatMap((host) => host.trim() || []);
  return [...excluded, ...LOOPBACK.filter((host) => !excluded.includes(host))].join();
}
