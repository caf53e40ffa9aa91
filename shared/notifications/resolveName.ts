// Resolves the names of receivers.
//
// Not with `dns.lookup` alone: it occupies a thread of libuv until the name server responds, two at most do so in a process,
// and nothing cancels it. A receiver whose name server hangs would keep the service from its store and its issuer. A resolver
// of its own needs no thread. But it does not read the file of hosts, which laptops and containers rely on, and knows neither
// search domains nor mDNS. So `dns.lookup` resolves the names that are in that file, and those that DNS does not know: one at
// a time, so that the rest of the service always has the other thread.
import { CONNREFUSED, type LookupAddress, NODATA, NOTFOUND, promises } from 'node:dns';
import { readFile } from 'node:fs/promises';
import pLimit from 'p-limit';

/**
 * Resolves a name to its addresses. When `signal` is aborted, it fails, or goes on in the background.
 *
 * @throws Error of `node:dns` when there are none
 */
export type ResolveName = (hostname: string, signal: AbortSignal) => Promise<LookupAddress[]>;

/** What is used of `dns.promises.Resolver`. */
interface Resolver {
  resolve4(hostname: string): Promise<string[]>;
  resolve6(hostname: string): Promise<string[]>;
  /** Rejects what was not answered yet. */
  cancel(): void;
}

/** How long a name server may take for the first attempt, and how many there are. */
const RESOLVER_OPTIONS = { timeout: 1500, tries: 2 };

const HOSTS_FILE = process.platform === 'win32' ? 'C:\\Windows\\System32\\drivers\\etc\\hosts' : '/etc/hosts';

const UNKNOWN_TO_DNS = new Set<unknown>([CONNREFUSED, NODATA, NOTFOUND]);

export function createResolveName({
  // One for each name: its queries can be cancelled, and it uses the name servers of the network that the machine is in now.
  createResolver = () => new promises.Resolver(RESOLVER_OPTIONS),
  lookup = (hostname: string) => promises.lookup(hostname, { all: true }),
  hostsFile = HOSTS_FILE,
}: {
  readonly createResolver?: () => Resolver;
  readonly lookup?: (hostname: string) => Promise<LookupAddress[]>;
  readonly hostsFile?: string;
} = {}): ResolveName {
  const oneAtATime = pLimit(1);

  return async (hostname, signal) => {
    const addresses = (await isInHostsFile(hostname)) ? [] : await query(hostname, signal);
    if (addresses.length > 0) return addresses;
    return oneAtATime(() => {
      signal.throwIfAborted();
      return lookup(hostname);
    });
  };

  /** Asks the name servers; none are returned for a name that they do not know. */
  async function query(hostname: string, signal: AbortSignal): Promise<LookupAddress[]> {
    const resolver = createResolver();
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel);
    const results = await Promise.allSettled([
      resolver.resolve4(hostname).then((all) => all.map((address) => ({ address, family: 4 }))),
      resolver.resolve6(hostname).then((all) => all.map((address) => ({ address, family: 6 }))),
    ]);
    signal.removeEventListener('abort', cancel);
    const addresses = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    for (const result of results) {
      if (addresses.length > 0 || result.status === 'fulfilled') continue;
      // `dns.lookup` would ask the same name servers, and hang or fail as well.
      if (!UNKNOWN_TO_DNS.has(result.reason.code)) throw result.reason;
    }
    return addresses;
  }

  async function isInHostsFile(hostname: string) {
    const text = await readFile(hostsFile, 'utf8').catch(() => '');
    return text.toLowerCase().split(/\s/).includes(hostname);
  }
}
